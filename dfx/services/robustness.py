"""How a detector's scores hold under the robustness suite, and whether it goes by file formats.

Scoring is given as a function, so that nothing here knows a network. The changes themselves are in
`dfx.evaluation.robustness`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from dfx.data.index import SplitIndex
from dfx.data.loading import ImageChange
from dfx.evaluation.delong import auc_variance, compare_aucs
from dfx.evaluation.inference import Scores
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.metrics import measure
from dfx.evaluation.robustness import (
    RESAVED,
    RESAVED_TWIN,
    SUITE,
    SUITE_VERSION,
    Condition,
    ConditionChange,
    library_versions,
)
from dfx.records import CLASS_NAMES, Confusion
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness
from dfx.services.sources import count_formats

_CLEAN = Condition("clean", "clean", 0.0, "as they are")

Score = Callable[[Condition, ImageChange], tuple[Scores, int]]
"""Scores all images of the index with a change applied: one pass. Gives the scores of those that it
could be applied to, and the number of the others."""


def measure_robustness(
    index: SplitIndex, clean: Scores, *, threshold: float, temperature: float, score: Score
) -> Robustness:
    """Scores the images under every condition of the suite, one after the other.

    Of each condition only its numbers are kept. A condition with the same pixels as another is not
    scored anew.

    Args:
        index: The images.
        clean: Scores of the images as they are.
        threshold: The shipped one, of calibrated p_deepfake.
        temperature: The shipped one.
        score: See `Score`.
    """
    clean_p = clean.p_deepfake(temperature)

    def judge(condition: Condition, scores: Scores, failed: int) -> ConditionResult:
        p = scores.p_deepfake(temperature)
        result = _judge(condition, scores.labels, p, threshold=threshold, failed=failed)
        # Where images failed, those that are left may be easier ones, or harder.
        kept = np.isin(clean.indices, scores.indices)
        accuracy, auc = _judge_kept(clean.labels[kept], clean_p[kept], threshold=threshold)
        return replace(result, clean_accuracy=accuracy, clean_auc=auc)

    def change(condition: Condition) -> tuple[Scores, int]:
        return score(condition, ConditionChange(condition, index.sha256))

    unchanged = judge(_CLEAN, clean, len(index.images) - len(clean.labels))
    saved_anew, failed = change(RESAVED_TWIN)
    twin = judge(RESAVED_TWIN, saved_anew, failed)
    known = {RESAVED_TWIN.name: twin, RESAVED.name: _rename(twin, RESAVED)}
    return Robustness(
        version=SUITE_VERSION,
        libraries=library_versions(),
        threshold=threshold,
        temperature=temperature,
        results=(
            replace(unchanged, level=None),
            *(known.get(c.name) or judge(c, *change(c)) for c in SUITE),
        ),
        format_check=check_formats(index, clean, saved_anew, temperature=temperature),
    )


def check_formats(
    index: SplitIndex, clean: Scores, saved_anew: Scores, *, temperature: float
) -> FormatCheck:
    """Compares images as they are with the same images saved anew in one format.

    Args:
        index: The images.
        clean: Scores of the images as they are.
        saved_anew: Scores of the images saved anew. What is missing in one is left out of both.
        temperature: The shipped one.
    """
    _, before, after = np.intersect1d(
        clean.indices, saved_anew.indices, assume_unique=True, return_indices=True
    )
    labels = clean.labels[before]
    change = p = None
    if len(np.unique(labels)) == len(CLASS_NAMES):
        test = compare_aucs(
            labels,
            saved_anew.p_deepfake(temperature)[after],
            clean.p_deepfake(temperature)[before],
        )
        change, p = test.difference, test.p
    formats = count_formats([index.images[position] for position in clean.indices])
    return FormatCheck(formats=formats, auc_change=change, p=p)


def _rename(result: ConditionResult, condition: Condition) -> ConditionResult:
    """The result under another condition that makes the same pixels."""
    return replace(
        result,
        name=condition.name,
        family=condition.family,
        level=condition.level,
        title=condition.title,
    )


def _judge(
    condition: Condition,
    labels: NDArray[np.int64],
    p_deepfake: NDArray[np.float64],
    *,
    threshold: float,
    failed: int,
) -> ConditionResult:
    """The numbers of one condition; those of no image at all are undefined."""
    images = len(labels)
    cells, auc = Confusion(tn=0, fp=0, fn=0, tp=0), None
    if images:
        metrics = measure(labels, p_deepfake, threshold=threshold)
        cells, auc = metrics.confusion, metrics.auc
    right = cells.tn + cells.tp
    accuracy_low, accuracy_high = wilson_interval(right, images) if images else (None, None)
    auc_low, auc_high = _auc_interval(auc, labels, p_deepfake)
    return ConditionResult(
        name=condition.name,
        family=condition.family,
        level=condition.level,
        title=condition.title,
        confusion=cells,
        accuracy=_share(right, images),
        accuracy_low=accuracy_low,
        accuracy_high=accuracy_high,
        tpr=_share(cells.tp, cells.fn + cells.tp),
        fpr=_share(cells.fp, cells.tn + cells.fp),
        auc=auc,
        auc_low=auc_low,
        auc_high=auc_high,
        failed=failed,
    )


def _judge_kept(
    labels: NDArray[np.int64], p_deepfake: NDArray[np.float64], *, threshold: float
) -> tuple[float | None, float | None]:
    """Accuracy and AUC; None where undefined."""
    if not len(labels):
        return None, None
    metrics = measure(labels, p_deepfake, threshold=threshold)
    return metrics.accuracy, metrics.auc


def _auc_interval(
    auc: float | None, labels: NDArray[np.int64], p_deepfake: NDArray[np.float64]
) -> tuple[float | None, float | None]:
    """DeLong's; none where he sees no variance, for that is not to say that there is none."""
    variance = None if auc is None else auc_variance(labels, p_deepfake)
    if auc is None or not variance:
        return None, None
    reach = NormalDist().inv_cdf(0.975) * sqrt(variance)
    return max(0.0, auc - reach), min(1.0, auc + reach)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
