"""The page of `dfx evaluate`: readings side by side, what to mind, confusion and sources."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.confusion import confusion_table
from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_count, format_digest, format_metric, format_score
from dfx.display.format_check import describe_formats
from dfx.display.intervals import (
    FEW_REAL,
    describe_intervals,
    describe_missing,
    describe_narrow,
)
from dfx.display.robustness import robustness_report
from dfx.display.table import Column, FoldingTable
from dfx.messages import counted, ordinal
from dfx.records import Evaluation
from dfx.records.evaluation import (
    METRIC_HEADINGS,
    METRIC_NAMES,
    EvaluationDetail,
    GroupResult,
    Interval,
    Reading,
    find_alike,
)
from dfx.records.report import EvaluationReport

SPLITS = {"train": "training", "val": "validation", "test": "test"}

SHOWN_SOURCES = 20
"""The most lines of the table of sources; the report and JSON have all."""

_WORD = 10
"""Width down to which headings of further readings are put on several lines."""


def evaluation_page(report: EvaluationReport) -> RenderableType:
    """All that a person needs to judge the detector; every number is in the report's folder too."""
    detail = report.detail
    parts: list[RenderableType] = [_title(report), *_warnings(report), Text()]
    parts += [readings_table(detail, report.own), *_notes(report), Text()]
    half = detail.find_reading("half")
    for number, reading in enumerate((detail.headline, *([half] if half else []))):
        parts += [Text()] if number else []
        title = f"Confusion matrix at threshold {reading.threshold:.4g}"
        parts.append(confusion_table(reading.confusion, title=title))
    if detail.groups:
        threshold = f"{detail.headline.threshold:.4g}"
        title = f"By source at threshold {threshold}, the worst first"
        parts += [Text(), Text(title, style="bold")]
        parts.append(sources_table(detail.groups[:SHOWN_SOURCES]))
        if (left := len(detail.groups) - SHOWN_SOURCES) > 0:
            parts.append(Text(f"and {left} more, which the report has", style="dim"))
    if detail.robustness is not None:
        parts += [Text(), robustness_report(detail.robustness)]
        if detail.headline.kind == "uncalibrated":
            parts.append(_note("Threshold and temperature are in-sample here too."))
    return Group(*parts)


def readings_table(detail: EvaluationDetail, own: Evaluation | None) -> FoldingTable:
    """A line for each metric: the headline with its interval, then the other readings.

    On a narrow terminal the result on the run's own data goes first, then other readings from the
    right.

    Args:
        detail: Of the evaluation.
        own: On the same split of the run's own data, where another set was scored.
    """
    others = list(detail.others)
    headings = [_heading(reading) for reading in others]
    columns = [
        Column(""),
        Column(_heading(detail.headline), right=True),
        Column("95 %"),
        *(
            Column(h, right=True, drop=len(others) - i + 1, wrap=_WORD)
            for i, h in enumerate(headings)
        ),
    ]
    if own is not None:
        heading = _heading_own(own, detail.headline)
        columns.append(Column(heading, right=True, drop=1, wrap=_WORD))
    rows = []
    for name in METRIC_NAMES:
        row = [
            Text(METRIC_HEADINGS[name]),
            _value(detail.headline.values[name]),
            Text(_interval(detail.headline.intervals.get(name)), style="dim"),
            *(_value(reading.values[name]) for reading in others),
        ]
        if own is not None:
            row.append(_read_own(own, detail.headline, name))
        rows.append(row)
    return FoldingTable(columns, rows)


def sources_table(groups: tuple[GroupResult, ...]) -> FoldingTable:
    """A line for each source, with the accuracy at 0.5 too where the threshold is another.

    On a narrow terminal the AUC leaves first, then the interval.
    """
    with_half = any(group.accuracy_at_half is not None for group in groups)
    columns = [
        Column("source", fold=True),
        Column("images", right=True),
        Column("accuracy", right=True),
        Column("95 %", drop=2),
        *([Column("at 0.5", right=True)] if with_half else []),
        Column("AUC", right=True, drop=1),
    ]
    rows = [
        [
            printable(group.source),
            format_count(group.real + group.deepfake),
            format_score(group.accuracy),
            f"{group.accuracy_low:.4f}–{group.accuracy_high:.4f}",
            *([format_score(group.accuracy_at_half)] if with_half else []),
            format_score(group.auc),
        ]
        for group in groups
    ]
    return FoldingTable(columns, rows)


def _title(report: EvaluationReport) -> Text:
    data, evaluation = report.detail.data, report.evaluation
    title = Text(overflow="fold")
    title.append(
        f"{printable(report.run.name)}, epoch {evaluation.epoch},"
        f" on the {SPLITS[data.split]} split of {printable(data.name)}\n",
        style="bold",
    )
    limit = f", at most {data.limit} of each class" if data.limit else ""
    use = evaluation.test_use
    counted_use = f"; {ordinal(use)} use of a test split by this run" if use else ""
    title.append(
        f"{format_count(data.real)} real, {format_count(data.deepfake)} deepfake{limit};"
        f" data {format_digest(data.digest)}{counted_use}",
        style="dim",
    )
    return title


def _warnings(report: EvaluationReport) -> Iterator[Text]:
    """What lessens the numbers, before they are read."""
    detail = report.detail
    data, overlap, headline = detail.data, detail.overlap, detail.headline
    if headline.kind == "uncalibrated":
        val = overlap.val
        which = (
            "these images"
            if val in (None, data.images)
            else f"{format_count(val or 0)} of these images"
        )
        yield _note(
            f"In-sample: the epoch was chosen on {which}, and temperature and threshold were"
            " fitted on them. The headline is uncalibrated at 0.5, and optimistic."
        )
    if data.skipped:
        yield _note(f"Not scored: {counted(len(data.skipped), 'unreadable image')}.")
    if data.repeated:
        yield _note(
            f"{counted(data.repeated, 'image')} repeat others byte by byte: the intervals are too"
            " narrow, as they take each for a new one."
        )
    if data.contradictory:
        yield _note(
            f"{counted(data.contradictory, 'image')} are both real and deepfake: whatever the"
            " verdict, one is wrong."
        )
    if told := describe_formats(data.formats):
        yield _note(told)
    if overlap.unknown:
        yield _note(f"Whether the run has seen these images is not known: {overlap.unknown}.")
    if overlap.either == data.images:
        yield _note(f"The run has seen all of these images: {_where(detail)}.")
    elif overlap.either:
        yield _note(
            f"The run has seen {overlap.either} of these images: {_where(detail)}."
            f" The column {_heading_without(detail)} leaves them out."
        )


def _where(detail: EvaluationDetail) -> str:
    overlap = detail.overlap
    parts = [f"{overlap.train} in training"] if overlap.train else []
    if overlap.val and overlap.either > (overlap.train or 0):
        parts.append(f"{overlap.val} in validation")
    return ", ".join(parts)


def _heading_without(detail: EvaluationDetail) -> str:
    reading = detail.find_reading("without_overlap")
    return "of those not seen" if reading is None else f"“{_heading(reading)}”"


def _notes(report: EvaluationReport) -> Iterator[Text]:
    """Where the numbers come from, after they were read."""
    detail = report.detail
    headline = detail.headline
    yield Text(_say_threshold(detail), style="dim")
    reasons: dict[str, list[str]] = {}
    for name, reason in headline.reasons.items():
        reasons.setdefault(reason, []).append(METRIC_HEADINGS[name])
    for reason, names in reasons.items():
        yield Text(f"Undefined: {', '.join(names)}, as {reason}.", style="yellow")
    real = headline.confusion.tn + headline.confusion.fp
    if 0 < real < FEW_REAL:
        yield Text(
            f"With {counted(real, 'real image')} an FPR of 1 % means none of them.", style="dim"
        )
    if methods := describe_intervals(detail):
        yield Text(
            f"Intervals: 95 %, {methods}. They take the images for independent of each other, and"
            " say nothing of other data.",
            style="dim",
        )
    if narrow := describe_narrow(headline):
        yield Text(narrow, style="dim")
    for missing in describe_missing(headline):
        yield Text(missing, style="dim")
    if report.own is None and not detail.data.is_own:
        yield Text(
            f"There is no result on the {SPLITS[detail.data.split]} split of its own data to hold"
            f" beside: dfx evaluate {printable(report.run.name)} --split {detail.data.split}",
            style="dim",
        )


def _say_threshold(detail: EvaluationDetail) -> str:
    rule = detail.threshold_rule
    shipped = detail.find_reading("shipped") or detail.headline
    temperature = f"temperature {shipped.temperature:.4g}"
    if rule == "balanced" or rule.startswith("fpr="):
        made = f"threshold {shipped.threshold:.4g} ({rule}) and {temperature}, both fitted"
    else:
        made = f"threshold {shipped.threshold:.4g} as configured, and {temperature}, fitted"
    if detail.headline.kind == "uncalibrated":
        return (
            "Headline: threshold 0.5, uncalibrated. In-sample, as the weights file carries them:"
            f" {made} on validation images."
        )
    return f"Headline: what the weights file carries: {made} on validation images alone."


def _heading(reading: Reading) -> str:
    match reading.kind:
        case "without_overlap":
            return f"{format_count(reading.images)} not seen"
        case "shipped" if reading.is_in_sample:
            return f"in-sample at {reading.threshold:.4g}"
    return f"at {reading.threshold:.4g}"


def _value(value: float | None) -> Text:
    return Text("undefined", style="yellow") if value is None else Text(format_metric(value))


def _interval(interval: Interval | None) -> str:
    return (
        ABSENT
        if interval is None
        else f"{format_metric(interval.low)}–{format_metric(interval.high)}"
    )


def _heading_own(own: Evaluation, headline: Reading) -> str:
    """Says how the result on the run's own data was read, and of how many images."""
    reading = find_alike(own, headline)
    threshold = own.threshold if reading is None else reading.threshold
    c = own.confusion if reading is None else reading.confusion
    in_sample = ", in-sample" if reading is None or reading.is_in_sample else ""
    images = format_count(c.tn + c.fp + c.fn + c.tp)
    return f"own {own.split} ({images}) at {threshold:.4g}{in_sample}"


def _read_own(own: Evaluation, headline: Reading, name: str) -> Text:
    reading = find_alike(own, headline)
    if reading is not None:
        return _value(reading.values[name])
    if not hasattr(own, name):
        return Text(ABSENT, style="dim")  # training records fewer
    return _value(getattr(own, name))


def _note(text: str) -> Text:
    return Text(text, style="yellow")
