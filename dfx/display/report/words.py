"""What page and pictures call things, and how they write a metric."""

from __future__ import annotations

from dfx.display.figures import format_count, format_metric
from dfx.messages import counted
from dfx.records.evaluation import Interval, Reading, ScoredData
from dfx.records.report import EvaluationReport


def format_range(low: float, high: float) -> str:
    """Both ends of an interval.

    >>> format_range(0.5, 1.0)
    '0.5000 – 1.0000'
    """
    return f"{format_metric(low)} – {format_metric(high)}"


def format_with_interval(value: float, interval: Interval | None) -> str:
    """A metric, and its 95 % interval where it has one.

    >>> format_with_interval(0.9, Interval(0.85, 0.94, "percentile"))
    '0.9000 (0.8500 – 0.9400)'
    """
    shown = format_metric(value)
    return shown if interval is None else f"{shown} ({format_range(interval.low, interval.high)})"


def format_threshold(threshold: float) -> str:
    """A threshold with four significant digits, as in the terminal.

    >>> format_threshold(0.5), format_threshold(0.123456)
    ('0.5', '0.1235')
    """
    return f"{threshold:.4g}"


def name_set(data: ScoredData) -> str:
    """Which images were scored."""
    return f"{data.split} split of {data.name}"


def caption_pictures(report: EvaluationReport) -> str:
    """Whose result a picture shows, so that it can stand by itself."""
    data = report.detail.data
    return (
        f"{report.run.name}, epoch {report.evaluation.epoch}: {name_set(data)},"
        f" {format_count(data.real)} real, {counted(data.deepfake, 'deepfake')}"
    )


_BASES = {
    "shipped": "calibrated, shipped threshold",
    "uncalibrated": "uncalibrated, threshold 0.5",
    "half": "calibrated, threshold 0.5",
    "without_overlap": "without images seen before",
}


def describe_reading(reading: Reading) -> str:
    """How the scores are judged, and whether that was fitted on them."""
    words = _BASES[reading.kind]
    if reading.kind == "shipped":
        words += f" {format_threshold(reading.threshold)}"
    return f"{words}, in-sample" if reading.is_in_sample else words


def describe_threshold(reading: Reading) -> str:
    """Which threshold was used, as part of a sentence."""
    if reading.kind == "uncalibrated":
        return "at 0.5, uncalibrated"
    return f"at the shipped threshold {format_threshold(reading.threshold)}, calibrated"


def operating_point(reading: Reading) -> tuple[float, float] | None:
    """FPR and TPR at the threshold; None where a class is missing."""
    c = reading.confusion
    real, deepfake = c.tn + c.fp, c.fn + c.tp
    return (c.fp / real, c.tp / deepfake) if real and deepfake else None
