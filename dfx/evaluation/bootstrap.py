"""95 % intervals of all metrics: the stratified bootstrap, Wilson's where a metric is a share.

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

from dfx.evaluation.assessment import FPR_LIMITS, Assessment
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.resampling import resample_metrics
from dfx.records import DEEPFAKE, REAL
from dfx.records.evaluation import Interval

RESAMPLES = 2000
LEVEL = 0.95
LEAST_FALSE_ALARMS = 4
"""Real images that an FPR must allow for the TPR there to have an interval: 400 at 1 %. Simulated,
the 95 % intervals of TPR at 1 % FPR cover the truth in 92 % of cases from there on, in 82 % with
100 real images, and in 51 % with 24."""

LEAST_OF_ECE = 150
"""Images of each class that there must be for an interval of the calibration error. Simulated with
overconfident detectors, the 95 % intervals cover the truth in about 90 % of cases or more from
there on, in as few as 85 % with 24 images of each class."""

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

    - Shares of images, which are accuracy, precision, recall and the accuracies of the classes,
      have Wilson's interval. The bootstrap sees too little uncertainty where few images are right
      or few are wrong, and none where all are, so that a detector with an error could have a
      better lower end than one without. Wilson's is the same rule for any number of errors. As it
      does not know that the balance of the classes was chosen, it is somewhat too wide where
      accuracy differs between the classes, and for precision.
    - Where all resamples give the same, the bootstrap sees no uncertainty, though there is some: a
      detector without an error on 100 images may well make one on the next. Nor does it see any in
      a class of one image. There is no such interval.
    - TPR at 1 % FPR hangs on 1 % of the real images. With fewer than `LEAST_FALSE_ALARMS` of these
      the percentiles are far too high and too close, so there is no interval; likewise at 5 %.
    - The expected calibration error rises with each round of sampling, so its percentiles lie too
      high: of calibrated probabilities they hardly ever cover the true error. In its square what
      sampling adds is the same each time, so the interval is the basic one of the square, from
      2 v² − q² at the 97.5th percentile q to the same at the 2.5th, within which v is kept. With
      fewer than `LEAST_OF_ECE` images of a class even that is too narrow where detectors are sure
      of themselves, and there is none.

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
    for name, value in assessment.values.items():
        if value is None:
            values[name] = None
        elif name in shares:
            values[name] = Interval(*wilson_interval(*shares[name], level=LEVEL), "wilson")
        elif problem := _find_problem(name, labels, samples[name]):
            values[name], reasons[name] = None, problem
        else:
            values[name] = _get_interval(name, value, samples[name])
    return Intervals(resamples, seed, values, reasons)


def _find_problem(name: str, labels: NDArray[np.int64], samples: NDArray[np.float64]) -> str | None:
    """Why the resamples would not show how uncertain a metric is, if so."""
    classes = ((REAL, "real image"), (DEEPFAKE, "deepfake"))
    counts = {noun: int(np.count_nonzero(labels == label)) for label, noun in classes}
    for noun, count in counts.items():
        if count == 1:
            return f"there is only one {noun}"
    if samples.min() == samples.max():
        return "all resamples give the same, so the bootstrap sees no uncertainty"
    limit = FPR_LIMITS.get(name)
    # In whole images, since 0.01 × 400 need not be 4 to the last bit.
    if limit is not None and counts["real image"] < round(LEAST_FALSE_ALARMS / limit):
        return (
            f"fewer than {LEAST_FALSE_ALARMS} of the real images decide it, so few that resampling"
            " does not show how uncertain it is"
        )
    if name == "ece" and min(count for count in counts.values() if count) < LEAST_OF_ECE:
        return (
            f"with fewer than {LEAST_OF_ECE} images of a class resampling does not show how"
            " uncertain it is"
        )
    return None


def _get_interval(name: str, value: float, samples: NDArray[np.float64]) -> Interval:
    low, high = (float(end) for end in np.quantile(samples, [_TAIL, 1 - _TAIL]))
    if name == "ece":
        low, high = (sqrt(max(0.0, 2 * value**2 - end**2)) for end in (high, low))
        return Interval(min(value, low), max(value, high), "basic of the square")
    return Interval(low, high, "percentile")


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
