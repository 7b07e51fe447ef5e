"""Temperature and threshold against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dfx.evaluation.calibration import fit_temperature, fit_threshold
from dfx.evaluation.inference import Scores

GRID = np.geomspace(0.05, 20, 400)


def scores(margins: list[float], labels: list[int]) -> Scores:
    logits = np.array([[0, margin] for margin in margins], np.float32)
    return Scores(labels=np.array(labels), logits=logits, indices=np.arange(len(labels)))


def loss(given: Scores, temperature: float) -> float:
    """Mean cross-entropy, computed without the module."""
    signs = np.where(given.labels == 1, 1, -1)
    margins = signs * (given.logits[:, 1].astype(float) - given.logits[:, 0]) / temperature
    return float(np.logaddexp(0, -margins).mean())


class TestTemperature:
    @given(
        st.lists(st.tuples(st.floats(-30, 30), st.integers(0, 1)), min_size=1, max_size=40),
    )
    @settings(max_examples=150, deadline=None)
    def test_no_other_has_a_lower_loss(self, pairs: list[tuple[float, int]]) -> None:
        given_scores = scores([m for m, _ in pairs], [y for _, y in pairs])
        found = fit_temperature(given_scores)

        assert 0.05 <= found <= 20
        # Where nothing is wrong the coldest of all is best, and no temperature is chosen.
        assume(loss(given_scores, 0.05) > loss(given_scores, 0.0501))
        assert loss(given_scores, found) <= min(loss(given_scores, t) for t in GRID) + 1e-9

    def test_overconfident_scores_are_cooled(self) -> None:
        """Scores that were drawn for a temperature of 3 give it back."""
        rng = np.random.default_rng(0)
        margins = rng.normal(0, 6, 20_000)
        labels = (rng.random(20_000) < 1 / (1 + np.exp(-margins / 3))).astype(int)

        assert fit_temperature(scores(margins.tolist(), labels.tolist())) == pytest.approx(
            3, rel=0.05
        )

    def test_scores_without_an_error_stay_as_they_are(self) -> None:
        """A small set that is separated says nothing of how sure to be."""
        assert fit_temperature(scores([-2, -1, 1, 2], [0, 0, 1, 1])) == 1.0

    def test_scores_without_a_hit_end_at_the_upper_bound(self) -> None:
        assert fit_temperature(scores([2, 1, -1, -2], [0, 0, 1, 1])) == pytest.approx(20)

    def test_huge_logits_do_no_harm(self) -> None:
        found = fit_temperature(scores([1e30, -1e30, 1e30], [1, 0, 0]))

        assert math.isfinite(found)


def make(pairs: list[tuple[int, float]]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return np.array([y for y, _ in pairs]), np.array([p for _, p in pairs])


def rates(
    labels: NDArray[np.int64], p: NDArray[np.float64], threshold: float
) -> tuple[float, float]:
    """Shares of deepfakes and of real images that are called deepfakes."""
    called = p >= threshold
    return float(called[labels == 1].mean()), float(called[labels == 0].mean())


def candidates(p: NDArray[np.float64]) -> list[float]:
    """One threshold for each different set of verdicts."""
    return [*p.tolist(), math.inf]


EDGES = [0.0, 5e-324, 1e-300, 0.1, 0.5, math.nextafter(0.5, 1), 0.9, math.nextafter(1, 0), 1.0]
BOTH_CLASSES = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(EDGES) | st.floats(0, 1)), max_size=30
).map(lambda pairs: [(0, 0.4), (1, 0.6), *pairs])
TIED = st.lists(st.tuples(st.integers(0, 1), st.sampled_from(EDGES)), max_size=30).map(
    lambda pairs: [(0, 0.5), (1, 0.5), *pairs]
)


class TestThreshold:
    def test_a_number_is_taken_as_it_is(self) -> None:
        assert fit_threshold(0.37, np.array([0, 1]), np.array([0.1, 0.2])) == 0.37

    @given(BOTH_CLASSES | TIED)
    @settings(max_examples=200, deadline=None)
    def test_balanced_maximises_youdens_j(self, pairs: list[tuple[int, float]]) -> None:
        labels, p = make(pairs)
        tpr, fpr = rates(labels, p, fit_threshold("balanced", labels, p))
        best = max(t - f for t, f in (rates(labels, p, c) for c in candidates(p)))

        assert tpr - fpr == pytest.approx(best)

    @given(BOTH_CLASSES | TIED, st.sampled_from([0.01, 0.05, 0.1, 0.25, 0.5]))
    @settings(max_examples=250, deadline=None)
    def test_fpr_is_never_exceeded_and_no_deepfake_given_away(
        self, pairs: list[tuple[int, float]], limit: float
    ) -> None:
        labels, p = make(pairs)
        tpr, fpr = rates(labels, p, fit_threshold(f"fpr={limit}", labels, p))
        allowed = [t for t, f in (rates(labels, p, c) for c in candidates(p)) if f <= limit]

        assert fpr <= limit
        assert tpr == max(allowed)

    def test_lies_half_way_to_the_next_score(self) -> None:
        """So that rounding on another machine flips no verdict."""
        labels, p = make([(0, 0.2), (0, 0.4), (1, 0.6), (1, 0.9)])

        assert fit_threshold("balanced", labels, p) == pytest.approx(0.5)
        assert fit_threshold("fpr=0.5", labels, p) == pytest.approx(0.3)

    def test_neighbouring_numbers_have_nothing_between_them(self) -> None:
        """Half-way would be the lower one, and a real image a deepfake."""
        for low in (0.5, 0.9, math.nextafter(math.nextafter(1, 0), 0)):
            labels, p = make([(0, low), (1, math.nextafter(low, 1))])

            assert rates(labels, p, fit_threshold("balanced", labels, p)) == (1.0, 0.0)

    @pytest.mark.parametrize("rule", ["balanced", "fpr=0.05"])
    def test_where_nothing_can_be_told_apart_nothing_is_a_deepfake(self, rule: str) -> None:
        """All scores the same, the highest possible among them."""
        for value in (0.5, 1.0):
            labels, p = make([(0, value), (1, value)])

            assert rates(labels, p, fit_threshold(rule, labels, p)) == (0.0, 0.0)

    @pytest.mark.parametrize("rule", ["balanced", "fpr=0.05"])
    def test_where_all_is_upside_down(self, rule: str) -> None:
        labels, p = make([(1, 0.1), (1, 0.2), (0, 0.8), (0, 0.9)])

        assert rates(labels, p, fit_threshold(rule, labels, p)) == (0.0, 0.0)

    def test_one_false_alarm_in_twenty_is_a_twentieth(self) -> None:
        labels, p = make([*((0, i / 100) for i in range(20)), (1, 0.185)])

        assert rates(labels, p, fit_threshold("fpr=0.05", labels, p)) == (1.0, 0.05)
