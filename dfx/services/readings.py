"""In which ways the scores of a set are judged, and which of them is the headline.

Threshold and temperature come from the weights file; nothing is fitted on the scored set. On the
set that they were fitted on they look better than they are, so there the headline is the
uncalibrated reading at 0.5, and theirs is marked as in-sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.assessment import assess
from dfx.evaluation.bootstrap import bootstrap_intervals
from dfx.evaluation.inference import Scores
from dfx.records.evaluation import Reading, ReadingKind
from dfx.services.scores import UNCALIBRATED_THRESHOLD

SEED = 0
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the weights file carries.

    Attributes:
        threshold: Calibrated p_deepfake from which an image is called a deepfake.
        temperature: What the logits are divided by.
    """

    threshold: float
    temperature: float


def read_scores(
    scores: Scores, fitted: Fitted, *, is_in_sample: bool, seen: NDArray[np.bool_]
) -> tuple[Reading, tuple[Reading, ...]]:
    """The headline and the further readings of the scores of a set.

    Args:
        scores: Of n images, n ≥ 1.
        fitted: What the weights file carries.
        is_in_sample: Whether that was fitted on these images.
        seen: [n], which images the reading `without_overlap` leaves out; where it would leave out
            none, or all, there is no such reading.
    """
    if is_in_sample:
        headline = judge_scores(scores, UNCALIBRATED, kind="uncalibrated")
        basis = UNCALIBRATED
        others = [judge_scores(scores, fitted, kind="shipped", is_in_sample=True)]
    else:
        headline = judge_scores(scores, fitted, kind="shipped")
        basis = fitted
        others = []
        if fitted.threshold != UNCALIBRATED_THRESHOLD:
            at_half = Fitted(UNCALIBRATED_THRESHOLD, fitted.temperature)
            others.append(judge_scores(scores, at_half, kind="half"))
    if seen.any() and not seen.all():
        rest = Scores(scores.labels[~seen], scores.logits[~seen], scores.indices[~seen])
        others.append(judge_scores(rest, basis, kind="without_overlap"))
    return headline, tuple(others)


UNCALIBRATED = Fitted(UNCALIBRATED_THRESHOLD, 1.0)
"""What training judges its validation scores by."""


def judge_scores(
    scores: Scores, fitted: Fitted, *, kind: ReadingKind, is_in_sample: bool = False
) -> Reading:
    """One reading, with intervals.

    Args:
        scores: Of at least one image.
        fitted: Threshold and temperature to judge by.
        kind: What to call it.
        is_in_sample: Whether they were fitted on these images.
    """
    p_deepfake = scores.p_deepfake(fitted.temperature)
    assessment = assess(scores.labels, p_deepfake, threshold=fitted.threshold)
    intervals = bootstrap_intervals(assessment, scores.labels, p_deepfake, seed=SEED)
    return Reading(
        kind=kind,
        threshold=fitted.threshold,
        temperature=fitted.temperature,
        is_in_sample=is_in_sample,
        confusion=assessment.confusion,
        values=assessment.values,
        reasons=assessment.reasons,
        intervals=intervals.values,
        interval_reasons=intervals.reasons,
    )
