"""Intervals: how often they cover the truth, and when there is none."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import expit, log_expit
from scipy.stats import binom, norm

from dfx.evaluation.assessment import assess
from dfx.evaluation.bootstrap import Intervals, bootstrap_intervals
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.reliability import expected_calibration_error, reliability_curve
from dfx.evaluation.resampling import resample_metrics
from dfx.records.evaluation import METRIC_NAMES, Interval

from .score_samples import PAIRS, Floats, Labels, arrays, draw_scores


def intervals(
    labels: list[int] | Labels, p: list[float] | Floats, *, threshold: float = 0.5, seed: int = 0
) -> Intervals:
    labels, p = np.array(labels), np.array(p)
    return bootstrap_intervals(assess(labels, p, threshold=threshold), labels, p, seed=seed)


def know_truth() -> dict[str, float]:
    """The metrics of `draw_scores` on endless images, at 0.5: from two normal distributions."""
    mean, spread = 1.125, 1.5
    right = norm.cdf(mean / spread)  # the two classes are mirror images of each other
    cut = -mean + spread * norm.isf(0.05)
    density = norm(mean, spread).pdf
    return {
        **dict.fromkeys(("accuracy", "balanced_accuracy", "precision", "recall", "f1"), right),
        **dict.fromkeys(("real_accuracy", "deepfake_accuracy"), right),
        "auc": norm.cdf(2 * mean / spread / sqrt(2)),
        "eer": 1 - right,
        "tpr_at_fpr_5pct": norm.sf((cut - mean) / spread),
        "loss": -quad(lambda m: density(m) * log_expit(m), -inf, inf)[0],
        "brier_score": quad(lambda m: density(m) * expit(-m) ** 2, -inf, inf)[0],
        "ece": 0.0,
    }


SIMULATIONS = 400


def count_covered(truth: dict[str, float], *, simulations: int, sharpness: float) -> Counter[str]:
    """In how many simulated evaluations each metric's interval holds the truth."""
    rng = np.random.default_rng(2026)
    covered = Counter[str]()
    labels, p = draw_scores(rng, 250, sharpness=sharpness)
    assessment = assess(labels, p, threshold=0.5)
    for number in range(simulations):
        labels, p = draw_scores(rng, 250, sharpness=sharpness)
        # Of the values only this one enters its interval; the others would take most of the time.
        ece = expected_calibration_error(reliability_curve(labels, p))
        simulated = replace(assessment, values={**assessment.values, "ece": ece})
        found = bootstrap_intervals(simulated, labels, p, seed=number, resamples=200).values
        for name, value in truth.items():
            interval = found[name]
            assert interval is not None and interval.method != "wilson"
            covered[name] += int(interval.low <= value <= interval.high)
    return covered


@pytest.fixture(scope="module")
def covered() -> Counter[str]:
    return count_covered(know_truth(), simulations=SIMULATIONS, sharpness=1)


@pytest.mark.parametrize("name", sorted(know_truth()))
def test_covers_the_truth_about_as_often_as_it_says(name: str, covered: Counter[str]) -> None:
    """Were the coverage within two points of 95 %, so few or many would be a chance of 1 in 1000.

    Sampling raises the calibration error, so its interval is wide for calibrated probabilities.
    """
    least, most = binom.ppf(0.0005, SIMULATIONS, 0.93), binom.ppf(0.9995, SIMULATIONS, 0.97)

    assert least <= covered[name] <= (SIMULATIONS if name == "ece" else most)


def test_covers_the_error_of_overconfident_probabilities() -> None:
    many = draw_scores(np.random.default_rng(1), 400_000, sharpness=2)
    truth = {"ece": expected_calibration_error(reliability_curve(*many))}
    found = count_covered(truth, simulations=150, sharpness=2)

    assert found["ece"] >= binom.ppf(0.0005, 150, 0.93)


def test_ends_are_percentiles() -> None:
    labels, p = draw_scores(np.random.default_rng(0), 200)
    samples = resample_metrics(labels, p, threshold=0.5, resamples=2000, seed=4)["auc"]

    assert intervals(labels, p, seed=4).values["auc"] == Interval(
        *np.quantile(samples, [0.025, 0.975]).tolist(), "percentile", 0
    )


def test_same_seed_gives_the_same() -> None:
    labels, p = draw_scores(np.random.default_rng(0), 200)

    assert intervals(labels, p, seed=1) == intervals(labels, p, seed=1)
    assert intervals(labels, p, seed=1) != intervals(labels, p, seed=2)


@given(PAIRS, st.sampled_from([0.0, 0.5, 0.9]))
@settings(max_examples=60, deadline=None)
def test_interval_is_there_or_has_a_reason(
    pairs: list[tuple[int, float]], threshold: float
) -> None:
    labels, p = arrays(pairs)
    assessment = assess(labels, p, threshold=threshold)
    found = bootstrap_intervals(assessment, labels, p, seed=0, resamples=40)

    assert tuple(found.values) == METRIC_NAMES
    assert {name for name, value in found.values.items() if value is None} == set(found.reasons)
    assert found.reasons.items() >= assessment.reasons.items()
    for interval in found.values.values():
        assert interval is None or 0 <= interval.low <= interval.high


class TestWithoutPercentiles:
    def test_what_is_undefined_keeps_its_reason(self) -> None:
        found = intervals([0, 0, 0, 0], [0.1, 0.2, 0.6, 0.3])

        assert found.values["auc"] is None
        assert found.reasons["auc"] == "there is no deepfake"
        assert found.values["accuracy"] is not None

    def test_no_error_is_not_certainty(self) -> None:
        """Each resample of a faultless detector is faultless too."""
        found = intervals([0] * 20 + [1] * 20, [0.1] * 20 + [0.9] * 20)

        assert found.values["auc"] is None
        assert "all resamples give the same" in found.reasons["auc"]
        assert found.values["accuracy"] == Interval(*wilson_interval(40, 40), "wilson")
        assert found.values["real_accuracy"] == Interval(*wilson_interval(20, 20), "wilson")
        assert found.values["precision"] == Interval(*wilson_interval(20, 20), "wilson")

    def test_one_image_of_a_class_is_not_certain_either(self) -> None:
        found = intervals([0] * 20 + [1], [i / 20 for i in range(20)] + [0.6])

        assert found.reasons["auc"] == "there is only one deepfake"
        assert found.values["recall"] == Interval(*wilson_interval(1, 1), "wilson")

    def test_precision_that_is_often_undefined(self) -> None:
        """One of ten in either class is called a deepfake: in 12 % of the resamples none is."""
        found = intervals([0] * 10 + [1] * 10, ([0.1, 0.2] * 4 + [0.3, 0.9]) * 2)

        assert found.values["precision"] == Interval(*wilson_interval(1, 2), "wilson")

    def test_precision_that_is_seldom_undefined(self) -> None:
        """The resamples without it are left out, and counted."""
        labels = [0] * 10 + [1] * 10
        p = [0.9, 0.9, *[0.1] * 8, 0.9, 0.9, 0.9, *[0.1] * 7]
        precision = intervals(labels, p).values["precision"]
        # None of two in ten real images, nor of three in ten deepfakes.
        expected = 0.8**10 * 0.7**10 * 2000

        assert precision is not None and precision.method == "percentile"
        assert 0 < precision.left_out <= binom.ppf(0.999, 2000, expected / 2000)


def test_value_lies_within_the_interval_of_the_calibration_error() -> None:
    """Even where nearly all resamples have a greater one, as by luck they may."""
    beyond = 0
    for seed in range(12):
        labels, p = draw_scores(np.random.default_rng(seed), 300)
        value = assess(labels, p, threshold=0.5).values["ece"]
        found = intervals(labels, p).values["ece"]
        samples = resample_metrics(labels, p, threshold=0.5, resamples=2000, seed=0)["ece"]

        assert value is not None and found is not None
        assert 0 <= found.low <= value <= found.high
        beyond += np.quantile(samples, 0.025) > value
    assert beyond > 0
