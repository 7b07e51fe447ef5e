"""What an evaluation says of scores: each metric as a number, or undefined for a stated reason.

Training needs fewer after each epoch; those are in `dfx.evaluation.metrics`, and are taken from
there, so that both say the same. Intervals are in `dfx.evaluation.bootstrap`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_curve

from dfx.evaluation.metrics import measure
from dfx.evaluation.reliability import expected_calibration_error, reliability_curve
from dfx.evaluation.roc import equal_error_rate, tpr_at_fpr
from dfx.records import DEEPFAKE, Confusion
from dfx.records.evaluation import METRIC_NAMES

FPR_LIMITS = {"tpr_at_fpr_1pct": 0.01, "tpr_at_fpr_5pct": 0.05}

NO_REAL = "there is no real image"
NO_DEEPFAKE = "there is no deepfake"
NONE_CALLED = "no image was called a deepfake"


@dataclass(frozen=True, slots=True)
class Assessment:
    """How well p_deepfake separates the classes, and how well it is calibrated.

    Attributes:
        threshold: p_deepfake from which an image was called a deepfake.
        confusion: Counts at the threshold.
        values: Each of `METRIC_NAMES`; None where it is undefined for these images.
        reasons: Why, in words, for each that is undefined, and for no other.
    """

    threshold: float
    confusion: Confusion
    values: Mapping[str, float | None]
    reasons: Mapping[str, str]


def assess(
    labels: NDArray[np.int64], p_deepfake: NDArray[np.float64], *, threshold: float
) -> Assessment:
    """Computes all metrics, with scikit-learn where it has them.

    Precision, recall and F1 are of deepfake; F1 is 2 TP / (2 TP + FP + FN), which is 0 where no
    deepfake was found. `real_accuracy` and `deepfake_accuracy` are the shares of each class that
    are judged rightly; the latter is the recall. `loss` is the mean cross-entropy in nats. `eer`
    and `tpr_at_fpr_…` are as in `dfx.evaluation.roc`, `ece` as in `dfx.evaluation.reliability`.
    All but those of the verdicts (the first seven) are the same at every threshold.

    Where a class is missing, whatever sets one against the other is undefined, precision and F1
    included: without a deepfake they are 0 whoever judges, without a real image precision is 1.

    Args:
        labels: [n], 0 real, 1 deepfake; n ≥ 1.
        p_deepfake: [n], in [0, 1].
        threshold: p_deepfake from which an image is called a deepfake.

    Raises:
        ValueError: For values outside [0, 1], or none at all.
    """
    base = measure(labels, p_deepfake, threshold=threshold)
    cells = base.confusion
    real, deepfake = cells.tn + cells.fp, cells.fn + cells.tp
    values: dict[str, float | None] = dict.fromkeys(METRIC_NAMES)
    values |= {
        "accuracy": base.accuracy,
        "recall": base.recall,
        "real_accuracy": cells.tn / real if real else None,
        "deepfake_accuracy": base.recall,
        "auc": base.auc,
        "average_precision": base.average_precision,
        "loss": base.loss,
        "brier_score": float(brier_score_loss(labels, p_deepfake, pos_label=DEEPFAKE)),
        "ece": expected_calibration_error(reliability_curve(labels, p_deepfake)),
    }
    if real and deepfake:
        values |= {"precision": base.precision, "f1": base.f1}
        values["balanced_accuracy"] = (cells.tn / real + cells.tp / deepfake) / 2
        fpr, tpr, _ = roc_curve(labels, p_deepfake, drop_intermediate=False)
        values["eer"] = equal_error_rate(fpr, tpr)
        values |= {name: tpr_at_fpr(fpr, tpr, limit) for name, limit in FPR_LIMITS.items()}
    why = NO_REAL if not real else NO_DEEPFAKE if not deepfake else NONE_CALLED
    reasons = {name: why for name, value in values.items() if value is None}
    return Assessment(threshold, cells, values, reasons)
