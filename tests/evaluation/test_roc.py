"""The equal error rate and TPR at an FPR against brute force."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from dfx.evaluation.roc import equal_error_rate, tpr_at_fpr

from .score_samples import BOTH_CLASSES, arrays


def count_points(pairs: list[tuple[int, float]]) -> list[tuple[Fraction, Fraction]]:
    """The empirical ROC by counting, in exact fractions."""
    real = [p for y, p in pairs if y == 0]
    fake = [p for y, p in pairs if y == 1]
    points = [(Fraction(0), Fraction(0))]
    for cut in sorted({p for _, p in pairs}, reverse=True):
        fp, tp = sum(p >= cut for p in real), sum(p >= cut for p in fake)
        points.append((Fraction(fp, len(real)), Fraction(tp, len(fake))))
    return points


@given(BOTH_CLASSES)
@settings(max_examples=100, deadline=None)
def test_equal_error_rate_is_where_the_curve_meets_the_diagonal(
    pairs: list[tuple[int, float]],
) -> None:
    """Each segment is intersected with FPR = 1 − TPR; whichever does meet it says the same."""
    points = count_points(pairs)
    met = set()
    for (x0, y0), (x1, y1) in pairwise(points):
        way = (1 - x0 - y0) / (x1 - x0 + y1 - y0)
        if 0 <= way <= 1:
            met.add(x0 + way * (x1 - x0))
    fpr, tpr, _ = roc_curve(*arrays(pairs), drop_intermediate=False)

    assert len(met) == 1
    assert equal_error_rate(fpr, tpr) == pytest.approx(float(met.pop()), abs=1e-12)


@given(BOTH_CLASSES)
@settings(max_examples=60, deadline=None)
def test_equal_error_rate_needs_only_the_corners(pairs: list[tuple[int, float]]) -> None:
    full = roc_curve(*arrays(pairs), drop_intermediate=False)
    corners = roc_curve(*arrays(pairs))

    assert equal_error_rate(*full[:2]) == pytest.approx(equal_error_rate(*corners[:2]), abs=1e-12)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ([(0, 0.1), (0, 0.2), (1, 0.8), (1, 0.9)], 0.0),
        ([(1, 0.1), (1, 0.2), (0, 0.8), (0, 0.9)], 1.0),
        ([(0, 0.5), (1, 0.5)], 0.5),  # all tied: one line from corner to corner
        ([(0, 0.1), (0, 0.5), (1, 0.5), (1, 0.9)], 0.25),  # half-way along a slanted line
    ],
)
def test_equal_error_rate_of_plain_cases(pairs: list[tuple[int, float]], expected: float) -> None:
    fpr, tpr, _ = roc_curve(*arrays(pairs), drop_intermediate=False)

    assert equal_error_rate(fpr, tpr) == pytest.approx(expected)


@given(BOTH_CLASSES, st.sampled_from([0.0, 0.01, 0.05, 0.2, 0.5]))
@settings(max_examples=100, deadline=None)
def test_tpr_at_fpr_is_the_best_that_a_threshold_reaches(
    pairs: list[tuple[int, float]], limit: float
) -> None:
    labels, p = arrays(pairs)
    reached = []
    for cut in [*p.tolist(), np.inf]:
        called = p >= cut
        if called[labels == 0].mean() <= limit:
            reached.append(called[labels == 1].mean())
    fpr, tpr, _ = roc_curve(labels, p, drop_intermediate=False)

    assert tpr_at_fpr(fpr, tpr, limit) == max(reached)


def test_limit_itself_is_allowed() -> None:
    """One real image in twenty is 5 %."""
    pairs = [*((0, i / 100) for i in range(20)), (1, 0.185), (1, 0.175)]
    fpr, tpr, _ = roc_curve(*arrays(pairs), drop_intermediate=False)

    assert tpr_at_fpr(fpr, tpr, 0.05) == 0.5
