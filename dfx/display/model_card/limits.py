"""What the numbers do not say, and what is known against them."""

from __future__ import annotations

from collections.abc import Iterator

from dfx.display.figures import format_count, format_percent
from dfx.display.format_check import describe_formats
from dfx.display.model_card.markdown import bullets, code, plain, section
from dfx.display.model_card.words import format_interval, format_value, name_set
from dfx.messages import counted
from dfx.records import Evaluation
from dfx.records.evaluation import EvaluationDetail
from dfx.records.model_card import ModelCard


def write_limits(card: ModelCard) -> str:
    """First what holds of any such detector, then what its evaluations have noted."""
    return section("Limits", bullets((*_of_any(card), *_of_record(card), *_of_sets(card))))


def _of_any(card: ModelCard) -> Iterator[str]:
    size = card.preprocessing.image_size_px
    yield (
        "What was measured holds for images like those that were scored. It says nothing of other"
        " generators, cameras, or ways that images have come since."
    )
    yield (
        "*Real* means that an image does not look like the deepfakes of the training. It is no"
        " proof of where an image is from, and the verdict is on the whole image: not on what in it"
        " was changed, by what, or by whom."
    )
    yield f"It sees {size} × {size} pixels of the whole image; finer detail is lost before that."
    yield (
        "Accuracy, precision and calibration change with the share of deepfakes. Where these are"
        " rarer than in the sets above, more of what is called a deepfake is real."
    )


def _of_record(card: ModelCard) -> Iterator[str]:
    record = card.record
    if record is None:
        return
    details = [each.detail for each in record.evaluations if each.detail is not None]
    if all(detail.data.is_own for detail in details):
        command = code(f"dfx evaluate {card.run} --data DIR --split test")
        yield f"Not measured on any data set but its own: {command}."
    if not record.robustness:
        yield "How it stands compression, blur, resizing and noise has not been measured."


def _of_sets(card: ModelCard) -> Iterator[str]:
    if card.record is None:
        return
    own = card.config.get("data.root")
    for evaluation in card.record.evaluations:
        detail = evaluation.detail
        if detail is not None:
            title = name_set(evaluation, own)
            for words in (*_of_overlap(evaluation, detail), *_of_images(detail)):
                yield f"{title[0].upper()}{title[1:]}: {words}"


def _of_overlap(evaluation: Evaluation, detail: EvaluationDetail) -> Iterator[str]:
    overlap = detail.overlap
    if overlap.either:
        words = (
            f"the run has seen {format_count(overlap.either)} of these"
            f" {counted(detail.data.images, 'image')} in training or validation, by content"
        )
        without = detail.find_reading("without_overlap")
        if without is not None:
            accuracy = format_value(without.values["accuracy"])
            interval = without.intervals.get("accuracy")
            words += f"; without them the accuracy is {accuracy}"
            words += f" ({format_interval(interval)})" if interval else ""
        yield f"{words}."
    if overlap.unknown is not None:
        yield (
            "whether the run has seen some of these images is not fully known:"
            f" {plain(overlap.unknown)}."
        )
    if evaluation.test_use and evaluation.test_use > 1:
        yield (
            "the run had used a test split before; what was changed in the light of that is not"
            " measured by it."
        )


def _of_images(detail: EvaluationDetail) -> Iterator[str]:
    data = detail.data
    if data.skipped:
        yield f"{counted(len(data.skipped), 'unreadable image')} not scored."
    if data.repeated:
        verb = "repeats" if data.repeated == 1 else "repeat"
        yield (
            f"{counted(data.repeated, 'image')} {verb} others byte by byte, so that the intervals"
            " are too narrow."
        )
    if data.contradictory:
        verb = "is" if data.contradictory == 1 else "are"
        yield (
            f"{counted(data.contradictory, 'image')} {verb} both real and deepfake: whatever the"
            " verdict, one is wrong."
        )
    if told := describe_formats(data.formats):
        yield f"{told[0].lower()}{told[1:]} A detector may go by that instead of the picture."
    if detail.groups and (worst := detail.groups[0]).accuracy < 1:
        yield (
            f"of {plain(worst.source)} {format_percent(worst.accuracy)} are judged rightly, which"
            " is the least of its sources."
        )
