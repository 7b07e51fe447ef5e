"""The variance of an AUC, and the test of two AUCs on the same images, without resampling.

Needs no scikit-learn, as `dfx.evaluation.paired` does not, so that runs are compared in no time.

Source: DeLong, DeLong & Clarke-Pearson, "Comparing the areas under two or more correlated receiver
operating characteristic curves: a nonparametric approach", Biometrics 44 (1988); by the algorithm
of Sun & Xu, "Fast implementation of DeLong's algorithm for comparing the areas under correlated
receiver operating characteristic curves", IEEE Signal Processing Letters 21 (2014), which takes
the time of a sort.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dfx.records import DEEPFAKE, REAL

_TOO_FEW = "it takes two images of each class"


@dataclass(frozen=True, slots=True)
class AucTest:
    """Whether two AUCs on the same images differ by more than chance.

    Attributes:
        first: AUC of the first run.
        second: AUC of the second.
        difference: First less second.
        low: Lower end of the 95 % interval of the difference, within [-1, 1]; None where undefined.
        high: Upper end; None where undefined.
        p: Two-sided; None where undefined.
        reason: Why `low`, `high` or `p` are undefined, else None.
    """

    first: float
    second: float
    difference: float
    low: float | None
    high: float | None
    p: float | None
    reason: str | None = None


def auc_variance(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float | None:
    """DeLong's estimate of the variance of the AUC; None with fewer than two images of a class.

    Args:
        labels: [n], 0 real, 1 deepfake.
        scores: [n], higher for deepfakes; only their order matters.
    """
    deepfake, real = _count_wins(labels, scores)
    return _variance(deepfake, real) if min(len(deepfake), len(real)) > 1 else None


def compare_aucs(
    labels: NDArray[np.int64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> AucTest:
    """DeLong's test of two classifiers on the same images.

    The difference is divided by its standard error, and that held against a normal distribution.
    Where the standard error is 0, no interval can be given: each run wins the same share of
    comparisons with any image, as two without an error do. Without a difference p is 1 then, as
    McNemar's test says of two that agree; with one it is undefined.

    Args:
        labels: [n], 0 real, 1 deepfake.
        first: [n], scores of the first, higher for deepfakes.
        second: [n], of the second, on the same images in the same order.

    Raises:
        ValueError: Where a class is missing, since there is no AUC then.
    """
    deepfake, real = _count_wins(labels, first)
    other_deepfake, other_real = _count_wins(labels, second)
    if not len(deepfake) or not len(real):
        raise ValueError("expected images of both classes")
    pairs = len(deepfake) * len(real)
    aucs = float(deepfake.sum()) / pairs, float(other_deepfake.sum()) / pairs
    # Taken of the sums: equal numbers of wins are then a difference of exactly 0.
    difference = float(deepfake.sum() - other_deepfake.sum()) / pairs
    if min(len(deepfake), len(real)) < 2:
        return AucTest(*aucs, difference, None, None, None, _TOO_FEW)
    error = sqrt(_variance(deepfake - other_deepfake, real - other_real))
    if error == 0:
        reason = "the standard error of the difference is 0"
        return AucTest(*aucs, difference, None, None, None if difference else 1.0, reason)
    reach = NormalDist().inv_cdf(0.975) * error
    low, high = max(-1.0, difference - reach), min(1.0, difference + reach)
    return AucTest(*aucs, difference, low, high, erfc(abs(difference) / error / sqrt(2)))


def _count_wins(
    labels: NDArray[np.int64], scores: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """For each deepfake the real images below it, for each real image the deepfakes above it.

    A tie counts half. These are DeLong's structural components times the size of the other class.
    """
    deepfake, real = scores[labels == DEEPFAKE], scores[labels == REAL]
    ranks = _midranks(np.concatenate([deepfake, real]))
    below = ranks[: len(deepfake)] - _midranks(deepfake)
    above = len(deepfake) - (ranks[len(deepfake) :] - _midranks(real))
    return below, above


def _midranks(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; images of the same score share the mean of theirs."""
    _, places, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return ranks


def _variance(deepfake: NDArray[np.float64], real: NDArray[np.float64]) -> float:
    """Of an AUC, or of a difference of two, from the wins of each image."""
    m, n = len(deepfake), len(real)
    return float(np.var(deepfake, ddof=1) / n**2 / m + np.var(real, ddof=1) / m**2 / n)
