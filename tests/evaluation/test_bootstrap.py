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
from dfx.evaluation.bootstrap import LEAST_OF_ECE, Intervals, bootstrap_intervals
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.metrics import measure
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
IMAGES = 2 * LEAST_OF_ECE


def count_covered(truth: dict[str, float], *, simulations: int, sharpness: float) -> Counter[str]:
    """In how many simulated evaluations each metric's interval holds the truth."""
    rng = np.random.default_rng(2026)
    covered = Counter[str]()
    labels, p = draw_scores(rng, IMAGES, sharpness=sharpness)
    assessment = assess(labels, p, threshold=0.5)
    for number in range(simulations):
        labels, p = draw_scores(rng, IMAGES, sharpness=sharpness)
        # Only these enter the intervals; the other values would take most of the time.
        ece = expected_calibration_error(reliability_curve(labels, p))
        cells = measure(labels, p, threshold=0.5).confusion
        values = {**assessment.values, "ece": ece}
        simulated = replace(assessment, values=values, confusion=cells)
        found = bootstrap_intervals(simulated, labels, p, seed=number, resamples=200).values
        for name, value in truth.items():
            interval = found[name]
            assert interval is not None
            covered[name] += int(interval.low <= value <= interval.high)
    return covered


@pytest.fixture(scope="module")
def covered() -> Counter[str]:
    return count_covered(know_truth(), simulations=SIMULATIONS, sharpness=1)


@pytest.mark.parametrize("name", sorted(know_truth()))
def test_covers_the_truth_about_as_often_as_it_says(name: str, covered: Counter[str]) -> None:
    """Were the coverage within two points of 95 %, so few or many would be a chance of 1 in 1000.

    Sampling raises the calibration error, so its interval is wide for calibrated probabilities.
    Wilson's is wide for precision, as it does not know how many images of each class there are.
    """
    least, most = binom.ppf(0.0005, SIMULATIONS, 0.93), binom.ppf(0.9995, SIMULATIONS, 0.97)

    assert least <= covered[name] <= (SIMULATIONS if name in {"ece", "precision"} else most)


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

    @pytest.mark.parametrize(("name", "real"), [("tpr_at_fpr_1pct", 400), ("tpr_at_fpr_5pct", 80)])
    def test_tpr_that_hangs_on_few_real_images(self, name: str, real: int) -> None:
        """Simulated, its percentiles cover the truth in half of the cases with 24 real images."""
        rng = np.random.default_rng(0)
        labels = np.array([1] * 100 + [0] * real)
        p = expit(rng.normal(2.25 * labels - 1.125, 1.5))
        enough, few = intervals(labels, p), intervals(labels[:-1], p[:-1])

        assert enough.values[name] is not None
        assert few.values[name] is None
        assert "so few that resampling does not show" in few.reasons[name]

    def test_calibration_error_of_few_images(self) -> None:
        labels, p = draw_scores(np.random.default_rng(0), 2 * LEAST_OF_ECE)
        enough, few = intervals(labels, p), intervals(labels[1:], p[1:])

        assert enough.values["ece"] is not None
        assert few.values["ece"] is None
        assert f"fewer than {LEAST_OF_ECE} images of a class" in few.reasons["ece"]


def test_more_errors_never_make_a_share_look_better() -> None:
    """From none at all to one image in three, in one class and in both."""
    shares = ("accuracy", "precision", "recall", "real_accuracy", "deepfake_accuracy")
    labels = np.array([0] * 60 + [1] * 60)
    for one_class in (False, True):
        before = dict.fromkeys(shares, (1.0, 1.0))
        for errors in range(21):
            p = np.where(labels == 1, 0.9, 0.1)
            p[:errors] = 0.9
            if not one_class:
                p[60 : 60 + errors] = 0.1
            found = bootstrap_intervals(
                assess(labels, p, threshold=0.5), labels, p, seed=0, resamples=40
            ).values
            for name in shares:
                interval = found[name]
                assert interval is not None
                ends = (interval.low, interval.high)
                assert ends[0] <= before[name][0] and ends[1] <= before[name][1], (name, errors)
                before[name] = ends


def test_value_lies_within_the_interval_of_the_calibration_error() -> None:
    """Even where nearly all resamples have a greater one, as by luck they may."""
    beyond = 0
    for seed in range(12):
        labels, p = draw_scores(np.random.default_rng(seed), IMAGES)
        value = assess(labels, p, threshold=0.5).values["ece"]
        found = intervals(labels, p).values["ece"]
        samples = resample_metrics(labels, p, threshold=0.5, resamples=2000, seed=0)["ece"]

        assert value is not None and found is not None
        assert 0 <= found.low <= value <= found.high
        beyond += np.quantile(samples, 0.025) > value
    assert beyond > 0
