"""The examples in their four groups: the wrong verdicts on each class, then the right ones."""

from __future__ import annotations

from dataclasses import dataclass

from dfx.display.figures import format_count
from dfx.records import DEEPFAKE, LABELS, REAL
from dfx.records.report import EvaluationReport, Example


@dataclass(frozen=True, slots=True)
class ExampleGroup:
    """Images of one class with one verdict.

    Attributes:
        title: What they are, and how many of them there are in all.
        none: What to say where there is none, as a sentence.
        is_right: Whether they are judged rightly.
        total: How many there are.
        examples: The surest first.
    """

    title: str
    none: str
    is_right: bool
    total: int
    examples: tuple[Example, ...]


def group_examples(report: EvaluationReport) -> tuple[ExampleGroup, ...]:
    """The four groups: wrong ones first, since they tell more."""
    c = report.detail.headline.confusion
    return tuple(
        _group(report, truth, verdict, total)
        for truth, verdict, total in (
            (REAL, DEEPFAKE, c.fp),
            (DEEPFAKE, REAL, c.fn),
            (REAL, REAL, c.tn),
            (DEEPFAKE, DEEPFAKE, c.tp),
        )
    )


def _group(report: EvaluationReport, truth: int, verdict: int, total: int) -> ExampleGroup:
    is_right = truth == verdict
    sign = 1 if verdict == REAL else -1
    chosen = [e for e in report.examples if e.truth == truth and e.is_right == is_right]
    chosen.sort(key=lambda example: sign * example.p_deepfake)
    c = report.detail.headline.confusion
    there = c.tn + c.fp if truth == REAL else c.fn + c.tp
    noun, called = ("real image", "deepfake")[truth], LABELS[verdict].lower()
    called = "a deepfake" if verdict == DEEPFAKE else called
    title = (
        f"{noun.capitalize()}s called {LABELS[verdict].lower()}: {'right' if is_right else 'wrong'}"
    )
    if total:
        title += f", {format_count(total)} in all"
    none = f"No {noun} was called {called}." if there else f"There is no {noun}."
    if total and not chosen:
        none = "None of them could be shown."
    return ExampleGroup(title, none, is_right, total, tuple(chosen))
