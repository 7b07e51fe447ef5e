"""All metrics against scikit-learn, and what is undefined."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from dfx.evaluation.assessment import assess
from dfx.evaluation.metrics import measure
from dfx.records.evaluation import METRIC_NAMES

from .score_samples import BOTH_CLASSES, PAIRS, arrays

THRESHOLDS = st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0, math.nextafter(1, 2)])


@given(BOTH_CLASSES, THRESHOLDS)
@settings(max_examples=80, deadline=None)
def test_agrees_with_scikit_learn(pairs: list[tuple[int, float]], threshold: float) -> None:
    labels, p = arrays(pairs)
    called = (p >= threshold).astype(int)
    expected = {
        "accuracy": sk.accuracy_score(labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, called),
        "precision": sk.precision_score(labels, called, zero_division=np.nan),
        "recall": sk.recall_score(labels, called),
        "f1": sk.f1_score(labels, called),
        "real_accuracy": sk.recall_score(labels, called, pos_label=0),
        "deepfake_accuracy": sk.recall_score(labels, called, pos_label=1),
        "auc": sk.roc_auc_score(labels, p),
        "average_precision": sk.average_precision_score(labels, p),
        "loss": sk.log_loss(labels, p),
        "brier_score": sk.brier_score_loss(labels, p),
    }
    found = assess(labels, p, threshold=threshold).values

    for name, value in expected.items():
        if math.isnan(value):
            assert found[name] is None
        else:
            assert found[name] == pytest.approx(value, abs=1e-12)


@given(PAIRS, THRESHOLDS)
@settings(max_examples=80, deadline=None)
def test_value_is_a_number_or_has_a_reason(
    pairs: list[tuple[int, float]], threshold: float
) -> None:
    found = assess(*arrays(pairs), threshold=threshold)

    assert tuple(found.values) == METRIC_NAMES
    for name, value in found.values.items():
        assert (value is None) == (name in found.reasons)
        assert value is None or (type(value) is float and math.isfinite(value))
    assert set(found.reasons) <= set(METRIC_NAMES)


@given(BOTH_CLASSES, THRESHOLDS)
@settings(max_examples=60, deadline=None)
def test_says_what_training_recorded(pairs: list[tuple[int, float]], threshold: float) -> None:
    labels, p = arrays(pairs)
    recorded = measure(labels, p, threshold=threshold)
    found = assess(labels, p, threshold=threshold)

    assert found.confusion == recorded.confusion
    for name in ("accuracy", "precision", "recall", "f1", "auc", "average_precision", "loss"):
        assert found.values[name] == getattr(recorded, name)


class TestUndefined:
    def test_without_deepfakes(self) -> None:
        """Whatever needs them is undefined, and says so; the rest is not."""
        found = assess(np.array([0, 0, 0]), np.array([0.1, 0.2, 0.7]), threshold=0.5)
        missing = {name for name, value in found.values.items() if value is None}

        assert missing == {
            *("balanced_accuracy", "precision", "recall", "f1", "deepfake_accuracy", "auc"),
            *("average_precision", "eer", "tpr_at_fpr_1pct", "tpr_at_fpr_5pct"),
        }
        assert {found.reasons[name] for name in missing} == {"there is no deepfake"}
        assert found.values["real_accuracy"] == 2 / 3

    def test_without_real_images(self) -> None:
        found = assess(np.array([1, 1]), np.array([0.1, 0.9]), threshold=0.5)
        missing = {name for name, value in found.values.items() if value is None}

        assert missing == {
            *("balanced_accuracy", "precision", "f1", "real_accuracy", "auc"),
            *("average_precision", "eer", "tpr_at_fpr_1pct", "tpr_at_fpr_5pct"),
        }
        assert {found.reasons[name] for name in missing} == {"there is no real image"}

    def test_none_called_a_deepfake(self) -> None:
        """Nothing is known of verdicts that were not given; none found is a recall of 0."""
        found = assess(np.array([0, 1]), np.array([0.1, 0.2]), threshold=0.5)

        assert dict(found.reasons) == {"precision": "no image was called a deepfake"}
        assert (found.values["recall"], found.values["f1"]) == (0.0, 0.0)

    def test_none_right(self) -> None:
        """Each verdict was given, and each was wrong: that is 0, and known."""
        found = assess(np.array([0, 1]), np.array([0.9, 0.1]), threshold=0.5)

        assert not found.reasons
        assert {found.values[n] for n in ("accuracy", "precision", "f1", "auc")} == {0.0}
        assert found.values["eer"] == 1.0

    def test_reads_as_json(self) -> None:
        found = assess(np.array([0, 0]), np.array([0.1, 0.2]), threshold=0.5)

        assert json.loads(json.dumps(dict(found.values), allow_nan=False))["auc"] is None


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ValueError, match="all of them in"):
        assess(np.array([0, 1]), np.array([0.5, 3.2]), threshold=0.5)
