"""DeLong's variance and test against the published formula as it stands, pair by pair."""

from __future__ import annotations

import subprocess
import sys
from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm
from sklearn.metrics import roc_auc_score

from dfx.evaluation.delong import auc_variance, compare_aucs

from .score_samples import TIED, Floats, Labels, draw_scores

TRIPLES = st.lists(
    st.tuples(st.integers(0, 1), TIED | st.floats(0, 1), TIED | st.floats(0, 1)), max_size=40
).map(lambda rows: [(0, 0.1, 0.3), (0, 0.5, 0.5), (1, 0.3, 0.9), (1, 0.5, 0.1), *rows])


def unpack(rows: list[tuple[int, float, float]]) -> tuple[Labels, Floats, Floats]:
    return tuple(np.array(column) for column in zip(*rows, strict=True))  # type: ignore[return-value]


def estimate_covariance(labels: Labels, *scores: Floats) -> tuple[Floats, Floats]:
    """AUCs and their covariance, by equations 3 to 6 of DeLong et al., 1988."""
    deepfake, real = labels == 1, labels == 0
    m, n = int(deepfake.sum()), int(real.sum())
    of_deepfakes, of_real = [], []
    for values in scores:
        psi = np.zeros((m, n))
        for i, x in enumerate(values[deepfake]):
            for j, y in enumerate(values[real]):
                psi[i, j] = 1.0 if y < x else 0.5 if y == x else 0.0
        of_deepfakes.append(psi.mean(axis=1))
        of_real.append(psi.mean(axis=0))
    theta = np.array([v.mean() for v in of_deepfakes])
    s10 = np.array(
        [
            [((a - a.mean()) * (b - b.mean())).sum() / (m - 1) for a in of_deepfakes]
            for b in of_deepfakes
        ]
    )
    s01 = np.array(
        [[((a - a.mean()) * (b - b.mean())).sum() / (n - 1) for a in of_real] for b in of_real]
    )
    return theta, s10 / m + s01 / n


@given(TRIPLES)
@settings(max_examples=100, deadline=None)
def test_variance_is_that_of_the_published_formula(rows: list[tuple[int, float, float]]) -> None:
    labels, first, second = unpack(rows)
    _, covariance = estimate_covariance(labels, first, second)

    assert auc_variance(labels, first) == pytest.approx(covariance[0, 0], rel=1e-9, abs=1e-15)
    assert auc_variance(labels, second) == pytest.approx(covariance[1, 1], rel=1e-9, abs=1e-15)


@given(TRIPLES)
@settings(max_examples=100, deadline=None)
def test_comparison_is_that_of_the_published_formula(
    rows: list[tuple[int, float, float]],
) -> None:
    labels, first, second = unpack(rows)
    theta, covariance = estimate_covariance(labels, first, second)
    contrast = np.array([1, -1])
    variance = contrast @ covariance @ contrast
    found = compare_aucs(labels, first, second)

    assert found.first == pytest.approx(roc_auc_score(labels, first), abs=1e-12)
    assert found.second == pytest.approx(roc_auc_score(labels, second), abs=1e-12)
    assert found.difference == pytest.approx(theta[0] - theta[1], abs=1e-12)
    if variance < 1e-12:
        assert found.low is None and found.high is None
        return
    error = sqrt(variance)
    reach = 1.959963984540054 * error
    assert found.p == pytest.approx(2 * norm.sf(abs(found.difference) / error), rel=1e-6)
    assert found.low == pytest.approx(max(-1, found.difference - reach), abs=1e-9)
    assert found.high == pytest.approx(min(1, found.difference + reach), abs=1e-9)


@given(TRIPLES)
@settings(max_examples=60, deadline=None)
def test_the_other_way_round_is_the_opposite(rows: list[tuple[int, float, float]]) -> None:
    labels, first, second = unpack(rows)
    there, back = compare_aucs(labels, first, second), compare_aucs(labels, second, first)

    assert there.difference == -back.difference
    assert there.p == back.p
    if there.low is not None and back.high is not None:
        assert there.low == -back.high


@given(TRIPLES)
@settings(max_examples=60, deadline=None)
def test_only_the_order_of_scores_matters(rows: list[tuple[int, float, float]]) -> None:
    labels, first, second = unpack(rows)
    _, ranks = np.unique(first, return_inverse=True)

    assert compare_aucs(labels, ranks.astype(float), second) == compare_aucs(labels, first, second)


def test_two_runs_that_are_equally_good_seldom_differ() -> None:
    """The interval of the difference of two correlated AUCs holds 0 about as often as it says."""
    simulations = 1000
    rng = np.random.default_rng(11)
    held = rejected = 0
    for _ in range(simulations):
        labels, p = draw_scores(rng, 200)
        first, second = (p + rng.normal(0, 0.15, len(p)) for _ in range(2))
        found = compare_aucs(labels, first, second)
        assert found.low is not None and found.high is not None and found.p is not None
        held += found.low <= 0 <= found.high
        rejected += found.p < 0.05
    least, most = (binom.ppf(q, simulations, c) for q, c in ((0.0005, 0.93), (0.9995, 0.97)))

    assert least <= held <= most
    assert held + rejected == simulations


def test_runs_are_compared_without_heavy_modules() -> None:
    code = "import sys, dfx.evaluation.delong; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "dfx.evaluation.delong" in loaded
    assert set() == loaded & {"torch", "sklearn", "scipy", "pandas", "matplotlib"}


class TestDegenerate:
    def test_runs_that_agree_do_not_differ(self) -> None:
        """As McNemar's test says where nothing disagrees; how far they may differ is not known."""
        labels, p = draw_scores(np.random.default_rng(0), 50)
        found = compare_aucs(labels, p, p**3)

        assert (found.difference, found.p) == (0.0, 1.0)
        assert (found.low, found.high) == (None, None)
        assert found.reason == "the standard error of the difference is 0"

    def test_two_runs_without_an_error(self) -> None:
        labels = np.array([0, 0, 1, 1])
        found = compare_aucs(labels, np.array([0.1, 0.2, 0.8, 0.9]), np.array([0.3, 0.1, 0.6, 0.5]))

        assert (found.first, found.second, found.p, found.low) == (1.0, 1.0, 1.0, None)

    def test_faultless_against_indifferent(self) -> None:
        """Each image says the same of the difference: there is no error to divide by."""
        labels = np.array([0, 0, 0, 1, 1, 1, 1])
        found = compare_aucs(labels, labels.astype(float), np.full(7, 0.1))

        assert (found.difference, found.p, found.low) == (0.5, None, None)
        assert found.reason is not None

    def test_one_image_of_a_class(self) -> None:
        found = compare_aucs(
            np.array([0, 0, 1]), np.array([0.1, 0.6, 0.5]), np.array([0.1, 0.2, 0.5])
        )

        assert (found.first, found.second, found.p) == (0.5, 1.0, None)
        assert found.reason == "it takes two images of each class"
        assert auc_variance(np.array([0, 0, 1]), np.array([0.1, 0.6, 0.5])) is None

    def test_one_class(self) -> None:
        with pytest.raises(ValueError, match="both classes"):
            compare_aucs(np.array([1, 1]), np.array([0.1, 0.2]), np.array([0.1, 0.3]))
