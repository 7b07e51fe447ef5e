"""What has been measured, with intervals, on each set of images."""

from __future__ import annotations

from collections.abc import Iterator

from dfx.display.figures import format_count
from dfx.display.intervals import describe_intervals, describe_missing, describe_narrow
from dfx.display.model_card.markdown import code, plain, section, table
from dfx.display.model_card.words import (
    NOT_KNOWN,
    describe_reading,
    format_ends,
    format_interval,
    format_value,
    name_set,
)
from dfx.messages import counted, ordinal
from dfx.records import Evaluation
from dfx.records.evaluation import (
    METRIC_HEADINGS,
    METRIC_NAMES,
    EvaluationDetail,
    GroupResult,
)
from dfx.records.model_card import CardRecord, ModelCard

_SHOWN_SOURCES = 10
"""The most lines of a table of sources, the worst first."""


def write_metrics(card: ModelCard) -> str:
    """A part for each set of images, and which kinds of images are missing."""
    record = card.record
    if record is None:
        return section("Metrics", _tell_file(card))
    parts = [_write_set(card, record, each) for each in record.evaluations]
    return section("Metrics", *parts, *_tell_missing(card, record))


def _tell_file(card: ModelCard) -> str:
    listed = ", ".join(
        f"{METRIC_HEADINGS.get(name, name)} {format_value(value)}"
        for name, value in card.metrics.items()
    )
    return (
        f"On the run's validation images, at 0.5, uncalibrated: {listed or 'nothing recorded'}."
        " Optimistic, since the epoch was chosen on them. Intervals, and results on any other"
        f" images: {NOT_KNOWN}."
    )


def _tell_missing(card: ModelCard, record: CardRecord) -> Iterator[str]:
    if not any(each.split == "test" for each in record.evaluations):
        command = code(f"dfx evaluate {card.run} --split test")
        yield f"Not measured on a test split: {command}."
    if not record.evaluations:
        command = code(f"dfx evaluate {card.run}")
        yield f"Not measured on validation images either, as far as is recorded: {command}."


def _write_set(card: ModelCard, record: CardRecord, evaluation: Evaluation) -> str:
    own = card.config.get("data.root")
    title = name_set(evaluation, own)
    detail = evaluation.detail
    if detail is None:
        return section(
            f"{title[0].upper()}{title[1:]}: in-sample",
            *_tell_training(card, record, evaluation),
            level=3,
        )
    whose = "the run's own data" if detail.data.is_own else "another data set"
    in_sample = ": in-sample" if detail.headline.kind == "uncalibrated" else ""
    return section(
        f"{title[0].upper()}{title[1:]} ({whose}){in_sample}",
        _introduce(record, evaluation, detail),
        _tabulate(detail),
        " ".join(_annotate(detail)),
        _tabulate_sources(detail.groups),
        level=3,
    )


def _tell_training(card: ModelCard, record: CardRecord, evaluation: Evaluation) -> Iterator[str]:
    """Of training's own report, which has fewer metrics."""
    c, interval = evaluation.confusion, record.training_interval
    yield (
        f"{counted(c.tn + c.fp, 'real image')}, {counted(c.fn + c.tp, 'deepfake')}, judged when the"
        " epoch ended, at 0.5, uncalibrated. Optimistic: the epoch was chosen on these images."
    )
    found = {
        "accuracy": evaluation.accuracy,
        "precision": evaluation.precision,
        "recall": evaluation.recall,
        "f1": evaluation.f1,
        "auc": evaluation.auc,
        "average_precision": evaluation.average_precision,
        "loss": evaluation.loss,
    }
    yield table(
        ("metric", "value", "95 %"),
        (
            [
                METRIC_HEADINGS[name],
                format_value(value),
                format_interval(interval if name == "accuracy" else None),
            ]
            for name, value in found.items()
        ),
    )
    yield (
        "Interval: 95 %, Wilson's. It takes the images for independent of each other. All metrics"
        f" with intervals: {code(f'dfx evaluate {card.run}')}."
    )


def _introduce(record: CardRecord, evaluation: Evaluation, detail: EvaluationDetail) -> str:
    data, headline = detail.data, detail.headline
    limit = f" (at most {format_count(data.limit)} of each class)" if data.limit else ""
    words = (
        f"{counted(data.real, 'real image')}, {counted(data.deepfake, 'deepfake')}{limit};"
        f" {describe_reading(headline)}; scored on {evaluation.created_at:%Y-%m-%d}."
    )
    if use := evaluation.test_use:
        words += (
            f" It was the {ordinal(use)} use of a test split by this run; there have been"
            f" {record.test_uses} in all."
        )
    if headline.kind == "uncalibrated":
        words += (
            " Optimistic: the epoch was chosen on these images, and threshold and temperature were"
            " fitted on them."
        )
    return words


def _tabulate(detail: EvaluationDetail) -> str:
    headline = detail.headline
    return table(
        ("metric", "value", "95 %"),
        (
            [
                METRIC_HEADINGS[name],
                format_value(headline.values[name]),
                format_interval(headline.intervals.get(name)),
            ]
            for name in METRIC_NAMES
        ),
    )


def _annotate(detail: EvaluationDetail) -> Iterator[str]:
    headline = detail.headline
    reasons: dict[str, list[str]] = {}
    for name, reason in headline.reasons.items():
        reasons.setdefault(reason, []).append(METRIC_HEADINGS[name])
    for reason, names in reasons.items():
        yield f"Undefined: {', '.join(names)}, as {reason}."
    if methods := describe_intervals(detail):
        yield f"Intervals: 95 %, {methods}. They take the images for independent of each other."
    if narrow := describe_narrow(headline):
        yield narrow
    yield from describe_missing(headline)


def _tabulate_sources(groups: tuple[GroupResult, ...]) -> str:
    if not groups:
        return ""
    shown = groups[:_SHOWN_SOURCES]
    rows = (
        [
            plain(group.source),
            format_count(group.real + group.deepfake),
            format_value(group.accuracy),
            format_ends(group.accuracy_low, group.accuracy_high),
            format_value(group.auc),
        ]
        for group in shown
    )
    content = table(("source, the worst first", "images", "accuracy", "95 %", "AUC"), rows)
    more = len(groups) - len(shown)
    return f"{content}\n\nand {format_count(more)} more sources" if more else content
