"""95 % intervals of all metrics by the stratified bootstrap.

Real images and deepfakes are drawn apart, as many of each as there are, so that the balance of the
classes, which was chosen and not observed, stays what it is. The interval goes from the 2.5th to
the 97.5th percentile of the metric over the resamples (Efron & Tibshirani, "An introduction to the
bootstrap", 1993, chapter 13). It says how far the number depends on which images were drawn; not
what other data would give, nor another training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.assessment import Assessment
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.resampling import resample_metrics
from dfx.records import DEEPFAKE, REAL
from dfx.records.evaluation import Interval

RESAMPLES = 2000
LEVEL = 0.95
_TAIL = (1 - LEVEL) / 2


@dataclass(frozen=True, slots=True)
class Intervals:
    """The intervals of an assessment.

    Attributes:
        resamples: How many were drawn.
        seed: Of the draws.
        values: By metric, as in `Assessment.values`; None where there is no interval.
        reasons: Why, in words, for each that is None, and for no other.
    """

    resamples: int
    seed: int
    values: Mapping[str, Interval | None]
    reasons: Mapping[str, str]


def bootstrap_intervals(
    assessment: Assessment,
    labels: NDArray[np.int64],
    p_deepfake: NDArray[np.float64],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> Intervals:
    """Intervals of each metric of an assessment.

    There are exceptions to the percentiles:

    - A metric may be undefined in some resamples, as precision is where nothing was called a
      deepfake. Those are left out, and counted. More than 2.5 % of them could be all that lies
      beyond an end, and there is no such interval.
    - Where all resamples give the same, the bootstrap sees no uncertainty, though there is some: a
      detector without an error on 100 images may well make one on the next. Nor does it see any in
      a class of one image. There is no such interval either.
    - In both cases metrics that are shares of images get Wilson's interval, the others none.
    - The expected calibration error rises with each round of sampling, so its percentiles lie too
      high: of calibrated probabilities they hardly ever cover the true error. In its square what
      sampling adds is the same each time, so the interval is the basic one of the square, from
      2 v² − q² at the 97.5th percentile q to the same at the 2.5th, within which v is kept.

    Args:
        assessment: Of these scores.
        labels: [n], 0 real, 1 deepfake.
        p_deepfake: [n], in [0, 1].
        seed: The same seed, the same intervals.
        resamples: How many.
    """
    samples = resample_metrics(
        labels, p_deepfake, threshold=assessment.threshold, resamples=resamples, seed=seed
    )
    values: dict[str, Interval | None] = {}
    reasons = dict(assessment.reasons)
    shares = _count_shares(assessment)
    lonely = _find_lonely(labels)
    for name, value in assessment.values.items():
        if value is None:
            values[name] = None
        elif not (problem := lonely or _find_problem(samples[name])):
            values[name] = _get_interval(name, value, samples[name])
        elif name in shares:
            values[name] = Interval(*wilson_interval(*shares[name], level=LEVEL), "wilson")
        else:
            values[name], reasons[name] = None, problem
    return Intervals(resamples, seed, values, reasons)


def _find_lonely(labels: NDArray[np.int64]) -> str | None:
    """Says which class has one image only, if any has."""
    for label, name in ((REAL, "real image"), (DEEPFAKE, "deepfake")):
        if np.count_nonzero(labels == label) == 1:
            return f"there is only one {name}"
    return None


def _find_problem(samples: NDArray[np.float64]) -> str | None:
    """Why the percentiles would say nothing, if so."""
    undefined = int(np.isnan(samples).sum())
    if undefined > _TAIL * len(samples):
        return f"undefined in {undefined:,} of {len(samples):,} resamples"
    if np.nanmin(samples) == np.nanmax(samples):
        return "all resamples give the same, so the bootstrap sees no uncertainty"
    return None


def _get_interval(name: str, value: float, samples: NDArray[np.float64]) -> Interval:
    defined = samples[~np.isnan(samples)]
    low, high = (float(end) for end in np.quantile(defined, [_TAIL, 1 - _TAIL]))
    if name == "ece":
        low, high = (sqrt(max(0.0, 2 * value**2 - end**2)) for end in (high, low))
        return Interval(min(value, low), max(value, high), "basic of the square")
    return Interval(low, high, "percentile", len(samples) - len(defined))


def _count_shares(assessment: Assessment) -> dict[str, tuple[int, int]]:
    """The metrics that are shares of images: how many, of how many."""
    c = assessment.confusion
    return {
        "accuracy": (c.tn + c.tp, c.tn + c.fp + c.fn + c.tp),
        "precision": (c.tp, c.tp + c.fp),
        "recall": (c.tp, c.tp + c.fn),
        "real_accuracy": (c.tn, c.tn + c.fp),
        "deepfake_accuracy": (c.tp, c.tp + c.fn),
    }
