"""What is fitted on validation scores and shipped with the weights: temperature and threshold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from dfx.evaluation.inference import Scores
from dfx.records import DEEPFAKE, REAL

_COLDEST, _HOTTEST = 0.05, 20.0


def fit_temperature(scores: Scores) -> float:
    """The temperature that minimises the cross-entropy of the scores.

    One number divides the logits; it changes no verdict at 0.5. A set that is separated without an
    error, as small ones often are, has no optimum: the colder, the better. It says nothing of how
    sure to be, so the temperature then stays 1.

    Source: Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
    """
    signs = np.where(scores.labels == DEEPFAKE, 1.0, -1.0)
    margins = signs * (scores.logits[:, DEEPFAKE].astype(np.float64) - scores.logits[:, REAL])

    def slope(inverse: float) -> float:
        """Derivative of the summed cross-entropy by the inverse temperature; it never falls."""
        weights: NDArray[np.float64] = 0.5 * (1 - np.tanh(0.5 * inverse * margins))
        return float(-(margins * weights).sum())

    low, high = 1 / _HOTTEST, 1 / _COLDEST
    if slope(high) < 0:
        return 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)


def fit_threshold(
    rule: float | str, labels: NDArray[np.int64], p_deepfake: NDArray[np.float64]
) -> float:
    """The p_deepfake from which an image is called a deepfake.

    Args:
        rule: A number, taken as it is; `balanced`, which maximises Youden's J; or `fpr=X`, the
            lowest threshold with at most that share of real images called deepfakes.
        labels: [n], both classes present.
        p_deepfake: [n], calibrated as it will be when the threshold is applied.
    """
    if not isinstance(rule, str):
        return rule
    fpr, tpr, thresholds = roc_curve(labels, p_deepfake, drop_intermediate=False)
    if rule == "balanced":
        best = int(np.argmax(tpr - fpr))
    else:
        best = int(np.flatnonzero(fpr <= float(rule.removeprefix("fpr=")))[-1])
    if best == 0:
        # roc_curve's first point calls nothing a deepfake; its threshold is infinite.
        return float(np.nextafter(p_deepfake.max(), 2))
    # Half-way to the next lower score, so that rounding on another machine flips no verdict.
    below = thresholds[best + 1] if best + 1 < len(thresholds) else 0.0
    middle = (thresholds[best] + below) / 2
    # Between two neighbouring numbers there is none: the half would be one of them.
    return float(middle if middle > below else thresholds[best])
