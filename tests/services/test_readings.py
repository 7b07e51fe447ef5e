"""Which reading is the headline, and that nothing is fitted on the set that is scored."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dfx.evaluation.assessment import assess
from dfx.evaluation.inference import Scores
from dfx.records.evaluation import METRIC_NAMES
from dfx.services.readings import Fitted, read_scores


@pytest.fixture
def scores() -> Scores:
    """Of 60 images: informative, overconfident, and with a threshold of its own."""
    rng = np.random.default_rng(3)
    labels = np.arange(60) % 2
    margins = rng.normal(3 * (2 * labels - 1) - 1, 4)
    logits = np.stack([-margins / 2, margins / 2], axis=1).astype(np.float32)
    return Scores(labels, logits, np.arange(60))


def none_of(scores: Scores) -> NDArray[np.bool_]:
    return np.zeros(len(scores.labels), np.bool_)


def test_in_sample_headline_is_uncalibrated_at_half(scores: Scores) -> None:
    fitted = Fitted(threshold=0.31, temperature=2.5)
    headline, others = read_scores(scores, fitted, is_in_sample=True, seen=none_of(scores))
    plain = assess(scores.labels, scores.p_deepfake(), threshold=0.5)

    assert (headline.kind, headline.is_in_sample) == ("uncalibrated", False)
    assert (headline.threshold, headline.temperature) == (0.5, 1.0)
    assert headline.values == plain.values
    [shipped] = others
    assert (shipped.kind, shipped.is_in_sample) == ("shipped", True)
    assert (shipped.threshold, shipped.temperature) == (0.31, 2.5)


@pytest.mark.parametrize("threshold", [0.5, 0.31])
def test_elsewhere_the_weights_file_decides(scores: Scores, threshold: float) -> None:
    """And the result at 0.5 stands beside where the threshold is another."""
    fitted = Fitted(threshold, temperature=2.5)
    headline, others = read_scores(scores, fitted, is_in_sample=False, seen=none_of(scores))
    calibrated = assess(scores.labels, scores.p_deepfake(2.5), threshold=threshold)

    assert (headline.kind, headline.threshold, headline.temperature) == ("shipped", threshold, 2.5)
    assert headline.values == calibrated.values
    assert [(o.kind, o.threshold, o.temperature) for o in others] == (
        [] if threshold == 0.5 else [("half", 0.5, 2.5)]
    )


def test_no_label_of_the_scored_set_moves_its_threshold(scores: Scores) -> None:
    """With all labels turned round the same images are called deepfakes."""
    turned = Scores(1 - scores.labels, scores.logits, scores.indices)
    fitted = Fitted(0.31, 2.5)
    one, _ = read_scores(scores, fitted, is_in_sample=False, seen=none_of(scores))
    other, _ = read_scores(turned, fitted, is_in_sample=False, seen=none_of(scores))

    assert (one.threshold, one.temperature) == (other.threshold, other.temperature)
    a, b = one.confusion, other.confusion
    assert (a.tn, a.fp, a.fn, a.tp) == (b.fn, b.tp, b.tn, b.fp)


def test_images_seen_before_are_left_out_beside(scores: Scores) -> None:
    seen = none_of(scores)
    seen[:7] = True
    fitted = Fitted(0.31, 2.5)
    _, others = read_scores(scores, fitted, is_in_sample=False, seen=seen)
    rest = assess(scores.labels[7:], scores.p_deepfake(2.5)[7:], threshold=0.31)
    reading = others[-1]

    assert (reading.kind, reading.images) == ("without_overlap", 53)
    assert reading.values == rest.values
    _, everything = read_scores(scores, fitted, is_in_sample=False, seen=~none_of(scores))
    assert "without_overlap" not in [o.kind for o in everything]


def test_every_metric_has_its_interval_or_the_reason(scores: Scores) -> None:
    one_class = Scores(np.zeros(60, np.int64), scores.logits, scores.indices)
    for given in (scores, one_class):
        headline, _ = read_scores(
            given, Fitted(0.31, 2.5), is_in_sample=False, seen=none_of(scores)
        )
        for name in METRIC_NAMES:
            assert (headline.values[name] is None) == (name in headline.reasons)
            assert (headline.intervals[name] is None) == (name in headline.interval_reasons)
