"""Thinned curves against whole ones, and histograms by counting."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial import cKDTree
from sklearn.metrics import auc, precision_recall_curve, roc_auc_score, roc_curve

from dfx.evaluation.curves import (
    TOLERANCE,
    Curve,
    precision_recall_points,
    roc_points,
    score_histogram,
)

from .score_samples import BOTH_CLASSES, PAIRS, Floats, arrays, draw_scores


def check_thinned(thinned: Curve, x: Floats, y: Floats) -> None:
    """What was left out is near what was kept, and lines over a distance are those of the whole."""
    whole = list(zip(x.tolist(), y.tolist(), strict=True))
    kept = list(zip(thinned.x, thinned.y, strict=True))
    places = {point: place for place, point in enumerate(whole)}
    distances, _ = cKDTree(kept).query(whole, p=np.inf)

    assert (kept[0], kept[-1]) == (whole[0], whole[-1])
    assert distances.max() <= TOLERANCE
    for start, end in pairwise(kept):
        apart = max(abs(start[0] - end[0]), abs(start[1] - end[1]))
        assert places[start] < places[end]
        assert apart <= TOLERANCE or places[end] == places[start] + 1


@given(BOTH_CLASSES)
@settings(max_examples=60, deadline=None)
def test_curves_of_few_images(pairs: list[tuple[int, float]]) -> None:
    """Each of so few images moves the ROC by more than the tolerance, so it is kept whole."""
    labels, p = arrays(pairs)
    fpr, tpr, _ = roc_curve(labels, p)
    precision, recall, _ = precision_recall_curve(labels, p)
    thinned = precision_recall_points(labels, p)

    assert roc_points(labels, p) == Curve(tuple(fpr.tolist()), tuple(tpr.tolist()))
    assert thinned is not None
    check_thinned(thinned, recall[-2::-1], precision[-2::-1])


@pytest.mark.parametrize("digits", [None, 2])
def test_roc_of_many_images_is_thinned_without_visible_loss(digits: int | None) -> None:
    labels, p = draw_scores(np.random.default_rng(0), 20_000, digits=digits)
    fpr, tpr, _ = roc_curve(labels, p)
    thinned = roc_points(labels, p)

    assert thinned is not None
    check_thinned(thinned, fpr, tpr)
    # The curve is 2 long, and two points are kept where it leaves the neighbourhood of one.
    assert len(thinned.x) <= 4 / TOLERANCE
    assert auc(thinned.x, thinned.y) == pytest.approx(roc_auc_score(labels, p), abs=TOLERANCE)


def test_precision_recall_of_many_images_is_thinned_without_visible_loss() -> None:
    labels, p = draw_scores(np.random.default_rng(0), 20_000)
    precision, recall, _ = precision_recall_curve(labels, p)
    thinned = precision_recall_points(labels, p)

    assert thinned is not None
    check_thinned(thinned, recall[-2::-1], precision[-2::-1])
    assert len(thinned.x) < 4 / TOLERANCE


def test_without_both_classes_there_is_no_curve() -> None:
    labels, p = np.array([1, 1]), np.array([0.2, 0.3])

    assert roc_points(labels, p) is None
    assert precision_recall_points(labels, p) is None


@given(PAIRS)
@settings(max_examples=60, deadline=None)
def test_each_image_is_in_the_histogram_once(pairs: list[tuple[int, float]]) -> None:
    labels, p = arrays(pairs)
    found = score_histogram(labels, p, bins=4)

    assert found.edges == (0, 0.25, 0.5, 0.75, 1)
    for label, counts in ((0, found.real), (1, found.deepfake)):
        ones = p[labels == label]
        expected = [int(((ones >= low) & (ones < low + 0.25)).sum()) for low in (0, 0.25, 0.5)]
        assert counts == (*expected, int((ones >= 0.75).sum()))
