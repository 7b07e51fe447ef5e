"""What must be known before the numbers are believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dfx.display.figures import format_count, format_percent
from dfx.display.format_check import describe_formats
from dfx.display.intervals import FEW_REAL, describe_narrow
from dfx.display.report.markup import Html, element, join, path, section
from dfx.messages import counted, ordinal
from dfx.records.report import EvaluationReport

_NAMED = 5
"""Unreadable images that are named at once; the others can be unfolded."""

_NAMED_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing to know.

    Attributes:
        text: In sentences.
        is_warning: Whether a number may be other than it looks, or else a thing of all numbers.
        names: Images it is about, each with a reason.
    """

    text: str
    is_warning: bool = True
    names: tuple[tuple[str, str], ...] = ()


def write_cautions(report: EvaluationReport) -> Html:
    """All of them, warnings first."""
    found = sorted(list_cautions(report), key=lambda caution: not caution.is_warning)
    items = (
        element(
            "li",
            element("b", "Warning: " if caution.is_warning else "Note: "),
            caution.text,
            _name(caution.names),
            class_="warning" if caution.is_warning else None,
        )
        for caution in found
    )
    return section("Before you believe the numbers", element("ul", *items, class_="cautions"))


def list_cautions(report: EvaluationReport) -> Iterator[Caution]:
    """What there is to say of this evaluation."""
    yield from _of_selection(report)
    yield from _of_overlap(report)
    yield from _of_images(report)
    if narrow := describe_narrow(report.detail.headline):
        yield Caution(narrow, is_warning=False)
    yield Caution(
        "The intervals take the images as independent of each other, and are too narrow where they"
        " are not, as frames of one video. They say how far other images of the same kind could"
        " give other numbers; nothing about other cameras and generators, or another training.",
        is_warning=False,
    )


def _of_selection(report: EvaluationReport) -> Iterator[Caution]:
    headline, data = report.detail.headline, report.detail.data
    if headline.kind == "uncalibrated" or headline.is_in_sample:
        val = report.detail.overlap.val
        which = (
            "these images"
            if val in (None, data.images)
            else f"{format_count(val or 0)} of these images"
        )
        yield Caution(
            f"The best epoch was chosen on {which}, and threshold and temperature were fitted"
            " on them, so every number is optimistic. The headline is therefore uncalibrated, at"
            " 0.5; what was fitted stands beside it, marked in-sample."
        )
    if data.is_own and data.split == "train":
        yield Caution("The run was trained on these images: the numbers say little of others.")
    use = report.evaluation.test_use
    if use is not None:
        words = f"This is the {ordinal(use)} use of a test split by this run."
        if use > 1:
            words += " What was decided in the light of an earlier one was fitted to test images."
        yield Caution(words, is_warning=use > 1)


def _of_overlap(report: EvaluationReport) -> Iterator[Caution]:
    overlap, images = report.detail.overlap, report.detail.headline.images
    if overlap.either:
        with_val = overlap.either > (overlap.train or 0)
        counts = {"training": overlap.train, "validation": overlap.val if with_val else None}
        where = " and ".join(
            f"{format_count(count)} in its {name} set" for name, count in counts.items() if count
        )
        beside = (
            "The numbers without them stand beside."
            if report.detail.find_reading("without_overlap") is not None
            else "None is left to be judged without them."
        )
        yield Caution(
            f"The run has seen {format_count(overlap.either)} of these"
            f" {counted(images, 'image')} before, by content: {where}. {beside}"
        )
    if overlap.unknown is not None:
        yield Caution(
            f"Whether the run has seen these images before is not fully known: {overlap.unknown}."
        )


def _of_images(report: EvaluationReport) -> Iterator[Caution]:
    data = report.detail.data
    if data.skipped:
        count = len(data.skipped)
        words = "could not be read, and is" if count == 1 else "could not be read, and are"
        yield Caution(f"{counted(count, 'image')} {words} in no number:", names=data.skipped)
    if data.repeated:
        yield Caution(
            f"{counted(data.repeated, 'image')} repeat others byte by byte. The intervals take each"
            " for a new one, and are too narrow."
        )
    if data.contradictory:
        yield Caution(
            f"{counted(data.contradictory, 'image')} are both among the real images and among the"
            " deepfakes: whatever the verdict, one is wrong."
        )
    if told := describe_formats(data.formats):
        yield Caution(told)
    if data.limit is not None:
        words = f"No more than {counted(data.limit, 'image')} of each class"
        yield Caution(f"{words} {'was' if data.limit == 1 else 'were'} taken.", is_warning=False)
    for count, noun in ((data.real, "real image"), (data.deepfake, "deepfake")):
        if not count:
            yield Caution(
                f"There is no {noun}, so whatever sets one class against the other is undefined."
            )
    if data.deepfake and 0 < data.real < FEW_REAL:
        yield Caution(
            f"With {counted(data.real, 'real image')} FPR goes in steps of"
            f" {format_percent(1 / data.real)}. TPR at 1 % FPR is therefore the share of deepfakes"
            " found without a single false alarm, and coarse."
        )


def _name(names: tuple[tuple[str, str], ...]) -> Html:
    """The first few, and the others to unfold."""
    if not names:
        return Html()
    shown = [element("li", path(name), f": {reason}") for name, reason in names[:_NAMED_AT_MOST]]
    if len(names) > _NAMED_AT_MOST:
        shown.append(element("li", f"and {format_count(len(names) - _NAMED_AT_MOST)} more"))
    first, rest = shown[:_NAMED], shown[_NAMED:]
    parts = [element("ul", *first)]
    if rest:
        more = format_count(len(names) - _NAMED)
        parts.append(element("details", element("summary", f"{more} more"), element("ul", *rest)))
    return join(parts)
