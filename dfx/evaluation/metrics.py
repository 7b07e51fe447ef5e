"""Metrics of a binary classifier whose positive class is deepfake, from scikit-learn.

They take probabilities, never logits, and say None where a value is undefined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, confusion_matrix, log_loss, roc_auc_score

from dfx.records import DEEPFAKE, REAL, Confusion


@dataclass(frozen=True, slots=True)
class Metrics:
    """How well p_deepfake separates the classes.

    Attributes:
        loss: Mean cross-entropy, nats.
        precision: Of deepfake; None where nothing was called a deepfake.
        recall: Of deepfake; None where there is no deepfake.
        f1: Of deepfake; None where there is none and none was called one.
        auc: None where a class is missing.
        average_precision: None where a class is missing.
    """

    loss: float
    accuracy: float
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None
    average_precision: float | None
    confusion: Confusion


def measure(
    labels: NDArray[np.int64], p_deepfake: NDArray[np.float64], *, threshold: float
) -> Metrics:
    """Computes the metrics.

    Args:
        labels: [n], 0 real, 1 deepfake; n ≥ 1.
        p_deepfake: [n], in [0, 1].
        threshold: p_deepfake from which an image is called a deepfake.

    Raises:
        ValueError: For values outside [0, 1], or none at all.
    """
    if not len(labels) or not np.all((p_deepfake >= 0) & (p_deepfake <= 1)):
        raise ValueError("expected at least one probability, all of them in [0, 1]")
    verdicts = p_deepfake >= threshold
    tn, fp, fn, tp = (
        int(count) for count in confusion_matrix(labels, verdicts, labels=[REAL, DEEPFAKE]).ravel()
    )
    both = 0 < tp + fn < len(labels)
    return Metrics(
        loss=float(log_loss(labels, p_deepfake, labels=[REAL, DEEPFAKE])),
        accuracy=(tn + tp) / len(labels),
        precision=_share(tp, tp + fp),
        recall=_share(tp, tp + fn),
        f1=_share(2 * tp, 2 * tp + fp + fn),
        auc=float(roc_auc_score(labels, p_deepfake)) if both else None,
        average_precision=float(average_precision_score(labels, p_deepfake)) if both else None,
        confusion=Confusion(tn=tn, fp=fp, fn=fn, tp=tp),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
