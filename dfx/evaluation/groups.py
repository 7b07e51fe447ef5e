"""How well images of each source are judged: one generator of deepfakes, one camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from dfx.evaluation.assessment import NO_DEEPFAKE, NO_REAL
from dfx.evaluation.intervals import wilson_interval
from dfx.records import DEEPFAKE, REAL
from dfx.records.evaluation import GroupResult

_HALF = 0.5
"""The threshold that results are told at too, where another one is used."""


def assess_groups(
    sources: Sequence[str],
    labels: NDArray[np.int64],
    p_deepfake: NDArray[np.float64],
    *,
    threshold: float,
) -> tuple[GroupResult, ...]:
    """Results by source, the lowest accuracy first; of equal ones the larger group.

    The AUC of a group with both classes is within the group. Where it has one only, as one
    generator has, it is of the group's images against all images of the other class in the set.

    Args:
        sources: [n], a label for each image.
        labels: [n], 0 real, 1 deepfake.
        p_deepfake: [n], in [0, 1].
        threshold: p_deepfake from which an image is called a deepfake.
    """
    names, places = np.unique(np.asarray(sources, dtype=object), return_inverse=True)
    right = (p_deepfake >= threshold) == (labels == DEEPFAKE)
    right_at_half = (p_deepfake >= _HALF) == (labels == DEEPFAKE)
    results = []
    for place, source in enumerate(names):
        inside = places == place
        total, hits = int(inside.sum()), int(right[inside].sum())
        deepfake = int((labels[inside] == DEEPFAKE).sum())
        low, high = wilson_interval(hits, total)
        auc, against, reason = _rank(inside, labels, p_deepfake)
        results.append(
            GroupResult(
                source=str(source),
                real=total - deepfake,
                deepfake=deepfake,
                right=hits,
                accuracy=hits / total,
                accuracy_low=low,
                accuracy_high=high,
                auc=auc,
                against=against,
                reason=reason,
                accuracy_at_half=(
                    None if threshold == _HALF else float(right_at_half[inside].mean())
                ),
            )
        )
    return tuple(sorted(results, key=lambda g: (g.accuracy, -g.real - g.deepfake, g.source)))


def _rank(
    inside: NDArray[np.bool_], labels: NDArray[np.int64], p_deepfake: NDArray[np.float64]
) -> tuple[float | None, str | None, str | None]:
    """The AUC of a group, against what, and why not."""
    classes = set(labels[inside].tolist())
    against = "images of the other class in the group"
    if len(classes) == 1:
        other, words, missing = (
            (REAL, "all real images", NO_REAL)
            if classes == {DEEPFAKE}
            else (DEEPFAKE, "all deepfakes", NO_DEEPFAKE)
        )
        if not np.any(labels == other):
            return None, None, missing
        inside, against = inside | (labels == other), words
    return float(roc_auc_score(labels[inside], p_deepfake[inside])), against, None
