"""Curves and histograms of scores as plain values, small enough for a page; nothing is drawn here.

The reliability curve is in `dfx.evaluation.reliability`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from dfx.records import DEEPFAKE, REAL
from dfx.records.report import Curve, ScoreHistogram

TOLERANCE = 0.002
"""No point of a curve lies further from the thinned one, in either direction: half a pixel of 250,
and less than the width of a line in any picture of one."""


def roc_points(labels: NDArray[np.int64], p_deepfake: NDArray[np.float64]) -> Curve | None:
    """The ROC, FPR to the right and TPR upwards, from (0, 0) to (1, 1); None without both classes.

    Its points are joined by straight lines.

    Args:
        labels: [n], 0 real, 1 deepfake.
        p_deepfake: [n].
    """
    if not _has_both(labels):
        return None
    fpr, tpr, _ = roc_curve(labels, p_deepfake)
    return _thin(fpr, tpr)


def precision_recall_points(
    labels: NDArray[np.int64], p_deepfake: NDArray[np.float64]
) -> Curve | None:
    """Precision over recall, from the highest score down; None without both classes.

    The line to each point runs at that point's precision, as average precision has it: in
    matplotlib `drawstyle="steps-pre"`. The point (0, 1), which scikit-learn adds and no threshold
    reaches, is not among them.

    Args:
        labels: [n], 0 real, 1 deepfake.
        p_deepfake: [n].
    """
    if not _has_both(labels):
        return None
    precision, recall, _ = precision_recall_curve(labels, p_deepfake)
    return _thin(recall[-2::-1], precision[-2::-1])


def score_histogram(
    labels: NDArray[np.int64], p_deepfake: NDArray[np.float64], *, bins: int = 50
) -> ScoreHistogram:
    """Counts of each class in bins of equal width over [0, 1].

    Args:
        labels: [n], 0 real, 1 deepfake.
        p_deepfake: [n], in [0, 1].
        bins: How many.
    """
    edges = np.linspace(0, 1, bins + 1)
    real, deepfake = (
        tuple(np.histogram(p_deepfake[labels == c], edges)[0].tolist()) for c in (REAL, DEEPFAKE)
    )
    return ScoreHistogram(tuple(edges.tolist()), real, deepfake)


def _has_both(labels: NDArray[np.int64]) -> bool:
    return bool(np.any(labels == REAL) and np.any(labels == DEEPFAKE))


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> Curve:
    """Leaves out points that are within the tolerance of the last one kept.

    The last of those before a point that is kept is kept too, so that the line to it starts where
    it did.
    """
    xs, ys = x.tolist(), y.tolist()
    kept = [0]
    for i in range(1, len(xs)):
        last = kept[-1]
        if max(abs(xs[i] - xs[last]), abs(ys[i] - ys[last])) > TOLERANCE:
            if (xs[i - 1], ys[i - 1]) != (xs[last], ys[last]):
                kept.append(i - 1)
            kept.append(i)
    if kept[-1] < len(xs) - 1:
        kept.append(len(xs) - 1)
    return Curve(tuple(xs[i] for i in kept), tuple(ys[i] for i in kept))
