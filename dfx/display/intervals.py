"""How the intervals of a reading came about, and why some metrics have none, in words.

The terminal's page and the report say the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from dfx.display.figures import format_count
from dfx.records.evaluation import METRIC_HEADINGS, EvaluationDetail, Reading

FEW_REAL = 100
"""With fewer real images there is no false positive rate above 0 and up to 1 %."""

FEW_OF_CLASS = 100
"""Images of a class below which percentiles of the bootstrap are somewhat too narrow. Simulated
with 24 of each class, those of the AUC cover the truth in 87.5 % of cases, of average precision in
84 %."""

_NARROW = ("auc", "average_precision")


def describe_intervals(detail: EvaluationDetail) -> str:
    """Which methods the headline's intervals are by, as part of a sentence; empty without any."""
    methods = {each.method for each in detail.headline.intervals.values() if each is not None}
    parts = []
    if "wilson" in methods:
        parts.append("of accuracy, precision and recall, which are shares of images, Wilson's")
    if methods & {"percentile", "basic of the square"}:
        of_others = "of the others by" if parts else "by"
        parts.append(
            f"{of_others} bootstrap of {format_count(detail.resamples)} resamples within each class"
        )
    if "basic of the square" in methods:
        parts.append("of the ECE by way of its square")
    return ", ".join(parts)


def describe_missing(reading: Reading) -> Iterator[str]:
    """Which metrics have a value but no interval, a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in reading.interval_reasons.items():
        if name not in reading.reasons:
            reasons.setdefault(reason, []).append(METRIC_HEADINGS[name])
    for reason, headings in reasons.items():
        yield f"No interval: {', '.join(headings)}: {reason}."


def describe_narrow(reading: Reading) -> str | None:
    """That some intervals are too narrow, as they are with few images of a class; else None."""
    c = reading.confusion
    if min(c.tn + c.fp, c.fn + c.tp) >= FEW_OF_CLASS:
        return None
    shown = [METRIC_HEADINGS[name] for name in _NARROW if reading.intervals.get(name) is not None]
    if not shown:
        return None
    plural = "intervals" if len(shown) > 1 else "interval"
    return (
        f"With fewer than {FEW_OF_CLASS} images of a class, the {plural} of {' and '.join(shown)}"
        f" {'are' if len(shown) > 1 else 'is'} somewhat too narrow."
    )
