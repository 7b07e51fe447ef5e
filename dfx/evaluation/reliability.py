"""Whether probabilities mean what they say: the reliability curve and its mean gap, the ECE."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.intervals import wilson_interval
from dfx.records import DEEPFAKE
from dfx.records.report import ReliabilityBin

BINS = 15


def bin_ranks(images: int) -> NDArray[np.int64]:
    """Ranks from 0, by ascending p_deepfake, of the images with which all bins but the last end."""
    return np.arange(1, BINS) * (images - 1) // BINS


def reliability_curve(
    labels: NDArray[np.int64], p_deepfake: NDArray[np.float64]
) -> tuple[ReliabilityBin, ...]:
    """The images in 15 bins of equal mass, by ascending p_deepfake.

    The bins are those of scikit-learn's `calibration_curve(strategy="quantile", n_bins=15)`: bin b
    ends at the b-th 15-quantile. Images of the same p_deepfake are never divided: all go into the
    lower bin. A bin that gets none is left out, so there may be fewer than 15, and of unequal mass.

    Args:
        labels: [n], 0 real, 1 deepfake; n ≥ 1.
        p_deepfake: [n], in [0, 1].
    """
    order = np.argsort(p_deepfake, kind="stable")
    p, deepfake = p_deepfake[order], labels[order] == DEEPFAKE
    ends = np.searchsorted(p, p[bin_ranks(len(p))], side="right")
    starts = np.unique([0, *ends, len(p)])
    return tuple(
        _make_bin(p[start:end], int(deepfake[start:end].sum()))
        for start, end in pairwise(starts.tolist())
    )


def _make_bin(p: NDArray[np.float64], deepfakes: int) -> ReliabilityBin:
    low, high = wilson_interval(deepfakes, len(p))
    return ReliabilityBin(
        images=len(p),
        deepfakes=deepfakes,
        p_low=float(p[0]),
        p_high=float(p[-1]),
        mean_p=float(p.mean()),
        share=deepfakes / len(p),
        share_low=low,
        share_high=high,
    )


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance of the share of deepfakes from the mean p_deepfake, weighted by images.

    It is of p_deepfake, not of the confidence in whichever verdict. With few images it is above
    zero even for perfect probabilities, since shares in bins are then far from their expectation.

    Source: Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", AAAI
    2015, for the error; Nixon et al., "Measuring calibration in deep learning", CVPR workshops
    2019, for bins of equal mass.
    """
    images = sum(b.images for b in bins)
    return sum(b.images * abs(b.mean_p - b.share) for b in bins) / images
