"""The top of the page: what was scored, and the verdict in a sentence."""

from __future__ import annotations

from collections.abc import Iterator

from dfx.display.figures import format_count, format_metric, format_time
from dfx.display.report.markup import Html, element, escape, join, paragraph
from dfx.display.report.words import describe_threshold, format_range, format_threshold, name_set
from dfx.messages import counted
from dfx.records import Evaluation
from dfx.records.evaluation import Reading, find_alike
from dfx.records.report import EvaluationReport

_TOLD = (
    ("accuracy", "accuracy"),
    ("auc", "AUC"),
    ("eer", "EER"),
    ("tpr_at_fpr_1pct", "TPR at 1 % FPR"),
)


def write_opening(report: EvaluationReport) -> Html:
    """Title, date and verdict, and the note on the run where there is one."""
    evaluation, run = report.evaluation, report.run
    facts = [f"epoch {evaluation.epoch}", format_time(evaluation.created_at)]
    if report.reason is not None:
        facts.append(f"picked as {report.reason}")
    parts = [
        element("h1", f"{run.name} on the {name_set(report.detail.data)}"),
        paragraph(" · ".join(facts), class_="quiet"),
        paragraph(*_judge(report), class_="verdict"),
    ]
    if run.note:
        note = element("span", escape(run.note, lines=True), class_="note")
        parts.append(paragraph("Note on the run: ", note))
    return element("header", *parts)


def _judge(report: EvaluationReport) -> Iterator[Html]:
    reading = report.detail.headline
    c = reading.confusion
    yield join(
        (
            element("strong", format_count(c.tn + c.tp)),
            (
                f" of {counted(reading.images, 'image')}"
                f" {'is' if c.tn + c.tp == 1 else 'are'} judged rightly"
                f" {describe_threshold(reading)}: "
            ),
            join(_tell(reading), ", "),
            " (95 % intervals in parentheses).",
        )
    )
    if report.own is not None:
        yield escape(f" {_tell_own(report.own, reading)}")


def _tell(reading: Reading) -> Iterator[Html]:
    """Each metric with its interval, and in the end those that are undefined, by reason."""
    missing: dict[str, list[str]] = {}
    for name, heading in _TOLD:
        value, interval = reading.values[name], reading.intervals[name]
        if value is None:
            missing.setdefault(reading.reasons[name], []).append(heading)
            continue
        words = "" if interval is None else f" ({format_range(interval.low, interval.high)})"
        yield join((f"{heading} ", element("strong", format_metric(value)), words))
    for reason, headings in missing.items():
        *others, last = headings
        names = f"{', '.join(others)} and {last}" if others else last
        yield escape(f"{names} undefined, since {reason}")


def _tell_own(own: Evaluation, headline: Reading) -> str:
    """The run's own result in short, read as the headline where it has been."""
    reading = find_alike(own, headline)
    accuracy = own.accuracy if reading is None else reading.values["accuracy"]
    threshold = own.threshold if reading is None else reading.threshold
    c = own.confusion if reading is None else reading.confusion
    auc = "undefined" if own.auc is None else format_metric(own.auc)
    shown = "undefined" if accuracy is None else format_metric(accuracy)
    return (
        f"On the {own.split} split of its own data ({counted(c.tn + c.fp + c.fn + c.tp, 'image')}):"
        f" accuracy {shown} at threshold {format_threshold(threshold)}, AUC {auc}."
    )
