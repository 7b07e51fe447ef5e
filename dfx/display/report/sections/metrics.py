"""Every metric with its interval; each way to judge the scores is a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from dfx.display.figures import format_count, format_metric
from dfx.display.report.markup import Column, Html, element, join, section, table
from dfx.display.report.words import describe_reading, format_range, format_threshold
from dfx.records import Confusion, Evaluation
from dfx.records.evaluation import (
    METRIC_HEADINGS,
    METRIC_NAMES,
    Interval,
    Reading,
    ReadingKind,
    find_alike,
)
from dfx.records.report import EvaluationReport

_TITLES: dict[ReadingKind, str] = {
    "shipped": "Fitted",
    "uncalibrated": "Uncalibrated",
    "half": "At 0.5",
    "without_overlap": "Unseen only",
}

_NOT_RECORDED = "not recorded"


@dataclass(frozen=True, slots=True)
class _Side:
    """A column: a reading, or what is recorded of another evaluation."""

    title: str
    subtitle: str
    confusion: Confusion
    threshold: float
    temperature: float | None
    values: Mapping[str, float | None]
    reasons: Mapping[str, str]
    intervals: Mapping[str, Interval | None]
    interval_reasons: Mapping[str, str]


@dataclass(slots=True)
class _Footnotes:
    """What is said under a table, each thing once."""

    texts: list[str] = field(default_factory=list)

    def mark(self, text: str) -> Html:
        if text not in self.texts:
            self.texts.append(text)
        return element("sup", str(self.texts.index(text) + 1))

    def write(self) -> Html:
        if not self.texts:
            return Html()
        return element("ol", *(element("li", text) for text in self.texts), class_="notes")


def write_metrics(report: EvaluationReport) -> Html:
    """The table; what is undefined says why, and is never 0."""
    detail = report.detail
    sides = [_read(detail.headline, "Headline")]
    sides += [_read(reading, _TITLES[reading.kind]) for reading in detail.others]
    if report.own is not None:
        sides.append(_read_own(report.own, detail.headline))
    notes = _Footnotes()
    columns = [Column("metric", number=False), *(Column(_head(side)) for side in sides)]
    rows = [
        ["images", *(format_count(_count(side.confusion)) for side in sides)],
        ["threshold", *(format_threshold(side.threshold) for side in sides)],
        ["temperature", *(_tell_temperature(side) for side in sides)],
        *(
            [METRIC_HEADINGS[name], *(_cell(side, name, notes) for side in sides)]
            for name in METRIC_NAMES
        ),
    ]
    caption = "Every metric, and under it its 95 % interval. The positive class is deepfake."
    return section("Metrics", table(caption, columns, rows), notes.write())


def _head(side: _Side) -> Html:
    return join((side.title, element("span", side.subtitle, class_="small")))


def _read(reading: Reading, title: str) -> _Side:
    return _Side(
        title=title,
        subtitle=describe_reading(reading),
        confusion=reading.confusion,
        threshold=reading.threshold,
        temperature=reading.temperature,
        values=reading.values,
        reasons=reading.reasons,
        intervals=reading.intervals,
        interval_reasons=reading.interval_reasons,
    )


def _read_own(own: Evaluation, headline: Reading) -> _Side:
    """The run's own result, read as the headline where it has been.

    What training recorded has fewer metrics, and no intervals.
    """
    title, subtitle = "Its own data", f"{own.split} split, epoch {own.epoch}"
    reading = find_alike(own, headline)
    if reading is not None:
        side = _read(reading, "own")
        return _Side(
            title,
            f"{subtitle}, {side.subtitle}",
            side.confusion,
            side.threshold,
            side.temperature,
            side.values,
            side.reasons,
            side.intervals,
            side.interval_reasons,
        )
    recorded = {
        name: getattr(own, name)
        for name in ("accuracy", "precision", "recall", "f1", "auc", "average_precision", "loss")
    }
    reasons = dict.fromkeys(METRIC_NAMES, _NOT_RECORDED)
    undefined = {name: "for its images" for name, value in recorded.items() if value is None}
    return _Side(
        title,
        subtitle,
        own.confusion,
        own.threshold,
        None,
        {**dict.fromkeys(METRIC_NAMES), **recorded},
        {**reasons, **undefined},
        {},
        {},
    )


def _cell(side: _Side, name: str, notes: _Footnotes) -> Html:
    value = side.values[name]
    if value is None:
        return join(_undefined(side.reasons.get(name)))
    return join((element("span", format_metric(value)), *_interval(side, name, notes)))


def _undefined(reason: str | None) -> Iterator[Html]:
    if reason == _NOT_RECORDED:
        yield element("span", reason, class_="small")
        return
    yield element("span", "undefined", class_="undefined")
    if reason is not None:
        yield element("span", reason, class_="small words")


def _interval(side: _Side, name: str, notes: _Footnotes) -> Iterator[Html]:
    interval = side.intervals.get(name)
    if interval is not None:
        shown = format_range(interval.low, interval.high)
        yield element("span", shown, *_explain(interval, notes), class_="small")
    elif name in side.interval_reasons:
        mark = notes.mark(f"No interval: {side.interval_reasons[name]}.")
        yield element("span", "no interval", mark, class_="small")


def _explain(interval: Interval, notes: _Footnotes) -> Iterator[Html]:
    if interval.method == "wilson":
        yield notes.mark("Wilson's interval, as it is a share of images.")
    elif interval.method == "basic of the square":
        yield notes.mark("The basic interval of its square, since resampling by itself raises it.")
    elif interval.method == "delong":
        yield notes.mark("By DeLong's variance.")
    if interval.left_out:
        yield notes.mark(
            f"Without {format_count(interval.left_out)} resamples in which it is undefined."
        )


def _tell_temperature(side: _Side) -> str:
    return _NOT_RECORDED if side.temperature is None else f"{side.temperature:.4g}"


def _count(c: Confusion) -> int:
    return c.tn + c.fp + c.fn + c.tp
