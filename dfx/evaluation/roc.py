"""Rates that are read off the empirical ROC: the equal error rate, and TPR at a given FPR.

The empirical ROC has one point for each different score, and (0, 0). Images of the same score are
called together, so no point divides them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def equal_error_rate(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> float:
    """The rate at which as large a share of real images as of deepfakes is misjudged.

    It is where the ROC, its points joined by straight lines, meets FPR = 1 − TPR. These are the
    lines under which the AUC is the area (Fawcett, "An introduction to ROC analysis", Pattern
    Recognition Letters 27, 2006); the convex hull is not taken, which would give a lower rate. It
    is what the field computes by `brentq(lambda x: 1 - x - interp1d(fpr, tpr)(x), 0, 1)`.

    Args:
        fpr: As from scikit-learn's `roc_curve`, from 0 to 1.
        tpr: Likewise.
    """
    gap = fpr - (1 - tpr)
    after = int(np.argmax(gap >= 0))
    before = after - 1
    # Each point lies right of the one before or above it, so the gap grows at every step.
    way = -gap[before] / (gap[after] - gap[before])
    return float(fpr[before] + way * (fpr[after] - fpr[before]))


def tpr_at_fpr(fpr: NDArray[np.float64], tpr: NDArray[np.float64], limit: float) -> float:
    """The highest TPR among the points of the ROC whose FPR is at most `limit`.

    Nothing is interpolated: it is a rate that a threshold reaches on these very images. Where even
    the highest score belongs to too many real images, it is 0.

    Args:
        fpr: As from scikit-learn's `roc_curve` with `drop_intermediate=False`.
        tpr: Likewise.
        limit: In [0, 1).
    """
    return float(tpr[fpr <= limit][-1])
