"""Metrics against their definitions, by counting."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfx.evaluation.metrics import measure
from dfx.records import Confusion

# Few different values, so that there are ties.
PAIRS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])), min_size=1
)


def arrays(pairs: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    return np.array([y for y, _ in pairs]), np.array([p for _, p in pairs])


class TestAgainstCounting:
    @given(PAIRS, st.sampled_from([0.2, 0.5, 0.7]))
    @settings(max_examples=150, deadline=None)
    def test_at_a_threshold(self, pairs: list[tuple[int, float]], threshold: float) -> None:
        """Deepfake is positive, and a probability at the threshold is one."""
        tp = sum(y == 1 and p >= threshold for y, p in pairs)
        fp = sum(y == 0 and p >= threshold for y, p in pairs)
        fn = sum(y == 1 and p < threshold for y, p in pairs)
        tn = sum(y == 0 and p < threshold for y, p in pairs)
        found = measure(*arrays(pairs), threshold=threshold)

        assert found.confusion == Confusion(tn=tn, fp=fp, fn=fn, tp=tp)
        assert found.accuracy == (tp + tn) / len(pairs)
        assert found.precision == (tp / (tp + fp) if tp + fp else None)
        assert found.recall == (tp / (tp + fn) if tp + fn else None)
        if tp + fp + fn:
            assert found.f1 == pytest.approx(2 * tp / (2 * tp + fp + fn))
        else:
            assert found.f1 is None

    @given(PAIRS)
    @settings(max_examples=150, deadline=None)
    def test_auc_is_the_share_of_pairs_in_order(self, pairs: list[tuple[int, float]]) -> None:
        """A tie counts half (Hanley & McNeil, 1982)."""
        real = [p for y, p in pairs if y == 0]
        fake = [p for y, p in pairs if y == 1]
        found = measure(*arrays(pairs), threshold=0.5).auc

        if not real or not fake:
            assert found is None
        else:
            won = [(f > r) + 0.5 * (f == r) for f, r in product(fake, real)]
            assert found == pytest.approx(sum(won) / len(won))

    @given(PAIRS)
    @settings(max_examples=150, deadline=None)
    def test_average_precision(self, pairs: list[tuple[int, float]]) -> None:
        """Precision at each threshold, weighted by what it adds to recall."""
        found = measure(*arrays(pairs), threshold=0.5).average_precision
        positives = sum(y for y, _ in pairs)
        if positives in {0, len(pairs)}:
            assert found is None
            return
        total, before = 0.0, 0
        for threshold in sorted({p for _, p in pairs}, reverse=True):
            called = [y for y, p in pairs if p >= threshold]
            total += (sum(called) - before) / positives * sum(called) / len(called)
            before = sum(called)

        assert found == pytest.approx(total)

    @given(st.lists(st.tuples(st.integers(0, 1), st.floats(0.001, 0.999)), min_size=1))
    @settings(max_examples=100, deadline=None)
    def test_loss_is_the_mean_cross_entropy(self, pairs: list[tuple[int, float]]) -> None:
        expected = -sum(math.log(p if y else 1 - p) for y, p in pairs) / len(pairs)

        assert measure(*arrays(pairs), threshold=0.5).loss == pytest.approx(expected, rel=1e-9)


class TestEdges:
    def test_a_certain_error_costs_a_finite_loss(self) -> None:
        """A stored infinity would become NULL."""
        found = measure(np.array([1, 0]), np.array([0.0, 1.0]), threshold=0.5)

        assert 30 < found.loss < 50

    @pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf])
    def test_what_is_no_probability_is_refused(self, value: float) -> None:
        """Logits above all."""
        with pytest.raises(ValueError, match="all of them in"):
            measure(np.array([0, 1]), np.array([0.5, value]), threshold=0.5)

    def test_nothing_is_refused(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            measure(np.array([], dtype=int), np.array([]), threshold=0.5)

    def test_values_are_plain_numbers(self) -> None:
        """JSON and the database take no numpy scalars."""
        found = measure(np.array([0, 1, 1]), np.array([0.2, 0.9, 0.4]), threshold=0.5)
        values = [getattr(found, name) for name in found.__slots__ if name != "confusion"]

        assert {type(value) for value in values} == {float}
        assert {type(getattr(found.confusion, n)) for n in ("tn", "fp", "fn", "tp")} == {int}
