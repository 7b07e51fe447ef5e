"""What the sections of a card say alike."""

from __future__ import annotations

from dfx.display.figures import format_metric
from dfx.display.model_card.markdown import plain
from dfx.records import Evaluation
from dfx.records.evaluation import Interval, Reading

NOT_KNOWN = "not known from the weights file alone"

SPLITS = {"train": "training", "val": "validation", "test": "test"}


def format_threshold(threshold: float) -> str:
    """A threshold with four significant digits, as everywhere.

    >>> format_threshold(0.5), format_threshold(0.123456)
    ('0.5', '0.1235')
    """
    return f"{threshold:.4g}"


def format_interval(interval: Interval | None) -> str:
    """Both ends of an interval; a dash without one.

    >>> format_interval(Interval(0.5, 1.0, "wilson")), format_interval(None)
    ('0.5000 – 1.0000', '–')
    """
    return "–" if interval is None else format_ends(interval.low, interval.high)


def format_ends(low: float | None, high: float | None) -> str:
    """As `format_interval`, of ends that may be missing."""
    if low is None or high is None:
        return "–"
    return f"{format_metric(low)} – {format_metric(high)}"


def format_value(value: float | None) -> str:
    """A metric, or that it is undefined."""
    return "undefined" if value is None else format_metric(value)


def name_set(evaluation: Evaluation, own: str | None) -> str:
    """Which images were scored.

    Args:
        evaluation: Of them.
        own: What the run's own data set is called, where that is known.
    """
    name = evaluation.dataset or own
    split = f"{SPLITS[evaluation.split]} split"
    return f"{split} of {plain(name)}" if name else split


def describe_reading(reading: Reading) -> str:
    """How scores were judged, as part of a sentence."""
    if reading.kind == "uncalibrated":
        return "at 0.5, uncalibrated"
    return f"at the shipped threshold {format_threshold(reading.threshold)}, calibrated"
