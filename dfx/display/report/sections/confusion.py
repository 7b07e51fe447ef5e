"""The confusion matrix as a table: rows are the truth, columns the verdicts."""

from __future__ import annotations

from dfx.display.figures import format_count, format_percent
from dfx.display.report.markup import Html, caption_of, element, scroll_box, section
from dfx.display.report.words import describe_reading
from dfx.records import LABELS
from dfx.records.evaluation import Reading
from dfx.records.report import EvaluationReport

_DEEPEST = 75
"""Per cent of the colour in a cell that has all images of its row; text stays legible on it."""


def write_confusion(report: EvaluationReport) -> Html:
    """A matrix for each way to judge the scores, the headline's first."""
    readings = (report.detail.headline, *report.detail.others)
    matrices = (_write_matrix(reading) for reading in readings)
    return section("Confusion matrix", element("div", *matrices, class_="matrices"))


def _write_matrix(reading: Reading) -> Html:
    """Counts with their shares of the row, right and wrong ones named and coloured apart."""
    c = reading.confusion
    real, deepfake = (label.lower() for label in LABELS)
    head = element(
        "tr",
        element("td"),
        *(element("th", f"called {name}", scope="col") for name in (real, deepfake)),
    )
    rows = (
        element("tr", _name(name, sum(counts)), *_cells(counts, right))
        for name, counts, right in ((real, (c.tn, c.fp), 0), (deepfake, (c.fn, c.tp), 1))
    )
    caption = describe_reading(reading)
    content = element(
        "table",
        caption_of(caption.capitalize()),
        element("thead", head),
        element("tbody", *rows),
        class_="matrix",
    )
    return scroll_box(content, label=f"Confusion matrix, {caption}")


def _name(name: str, total: int) -> Html:
    small = element("span", f"{format_count(total)} in all", class_="small")
    return element("th", name, small, scope="row")


def _cells(counts: tuple[int, int], right: int) -> list[Html]:
    total = sum(counts)
    cells = []
    for column, count in enumerate(counts):
        share = count / total if total else 0.0
        verdict = "right" if column == right else "wrong"
        words = f"{format_percent(share)}, {verdict}" if total else "undefined"
        role = "first-soft" if column == right else "second-soft"
        depth = round(10 + (_DEEPEST - 10) * share)
        cells.append(
            element(
                "td",
                element("span", format_count(count), class_="count"),
                element("span", words, class_="small"),
                style=f"background:color-mix(in srgb,var(--{role}) {depth}%,var(--card))",
            )
        )
    return cells
