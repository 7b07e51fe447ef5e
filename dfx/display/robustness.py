"""How a detector holds under the robustness suite: a table with bars, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from dfx.display.figures import ABSENT, format_count, format_score
from dfx.display.format_check import describe_format_check, describe_formats, shows_change
from dfx.display.meters import Meter
from dfx.display.table import Cell, Column, FoldingTable
from dfx.records.robustness import Robustness

ROBUSTNESS_COLUMNS = (
    "name",
    "family",
    "level",
    "title",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "tpr",
    "fpr",
    "auc",
    "auc_low",
    "auc_high",
    "clean_accuracy",
    "clean_auc",
    "failed",
    "tn",
    "fp",
    "fn",
    "tp",
)
"""The keys of each condition in JSON."""

FALL, GREAT_FALL = 0.05, 0.2
"""How much lower than of the same images as they are an AUC or an accuracy is where it is marked
once, and twice."""

_WIDEST_BAR, _USUAL_BAR, _LEAST_BAR = 28, 14, 8
_FALLEN = (("", ""), ("▼", "yellow"), ("▼▼", "bold red"))
"""The sign and the style of a value by how far it has fallen."""

_ASCII = str.maketrans({"σ": "sigma", "×": "x", "–": "-", "▼": "!"})


class RobustnessReport:
    """A line a condition, with a bar that shrinks as the detector loses, and words underneath.

    Falls are marked by signs as well as by colour. The bar is that of the AUC, from 0.5, which is
    chance, to 1, and a line shows how far it goes for the images as they are; where there is no
    AUC, it is that of the accuracy, from 0. Where the terminal is narrow, these columns are left
    out, in this order: 95 %, FPR, TPR, accuracy. What room there is, the bar takes.
    """

    def __init__(self, robustness: Robustness) -> None:
        self._robustness = robustness

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only = options.ascii_only
        yield Text("Robustness", "bold")
        yield self.table(options.max_width, ascii_only=ascii_only)
        for text, style in _words(self._robustness):
            yield Text(text.translate(_ASCII) if ascii_only else text, style)

    def table(self, width: int, *, ascii_only: bool = False) -> FoldingTable:
        """The table with as many columns as fit, and as long bars as they leave room for."""
        shown: Sequence[int] | None = None
        for bar in (_USUAL_BAR, *range(_WIDEST_BAR, _LEAST_BAR - 1, -1)):
            columns = self._columns(Meter(self._low, 1.0, bar, ascii_only=ascii_only))
            kept = [columns[index] for index in shown or range(len(columns))]
            rows = zip(*(cells for _, cells in kept), strict=True)
            table = FoldingTable([column for column, _ in kept], rows)
            if shown is None:
                shown = table.fitting(width)
            elif table.width <= width:
                break
        return table

    @property
    def _low(self) -> float:
        """Where the bars begin."""
        return 0.5 if _has_auc(self._robustness) else 0.0

    def _columns(self, meter: Meter) -> list[tuple[Column, list[Cell]]]:
        whole = self._robustness
        results, has_auc = whole.results, _has_auc(whole)
        aucs = [(r.auc, whole.clean_auc(r)) for r in results]
        accuracies = [(r.accuracy, whole.clean_accuracy(r)) for r in results]
        bars: list[Cell] = [
            meter.draw(value, before, _FALLEN[_count_marks(value, before)][1])
            for value, before in (aucs if has_auc else accuracies)
        ]
        columns: list[tuple[Column, list[Cell]]] = [
            (Column("images", fold=True), [result.title for result in results])
        ]
        if has_auc:
            columns += [
                (Column("AUC"), [_marked(*pair) for pair in aucs]),
                (Column("95 %", drop=1), [_interval(r.auc_low, r.auc_high) for r in results]),
            ]
        columns += [
            (Column(meter.scale), bars),
            (
                Column("accuracy", drop=4 if has_auc else None),
                [_marked(*pair) for pair in accuracies],
            ),
            (Column("TPR", right=True, drop=3), [format_score(r.tpr) for r in results]),
            (Column("FPR", right=True, drop=2), [format_score(r.fpr) for r in results]),
        ]
        if any(result.failed for result in results):
            failed: list[Cell] = [format_count(r.failed) if r.failed else "" for r in results]
            columns.append((Column("failed", right=True), failed))
        if meter.ascii_only:
            for _, cells in columns:
                cells[:] = [_plain(cell) for cell in cells]
        return columns


def robustness_report(robustness: Robustness) -> RobustnessReport:
    """The table of all conditions, the format check and how it was measured."""
    return RobustnessReport(robustness)


def robustness_rows(robustness: Robustness) -> list[dict[str, Any]]:
    """Every condition flat, in the order of `ROBUSTNESS_COLUMNS`; what is undefined is None."""
    rows = []
    for result in robustness.results:
        values = {**asdict(result), **asdict(result.confusion)}
        rows.append({name: values[name] for name in ROBUSTNESS_COLUMNS})
    return rows


def describe_worst(robustness: Robustness) -> str:
    """Where the detector is at its worst, in a sentence; empty where nothing is defined."""
    parts = []
    for name, heading in (("auc", "AUC"), ("accuracy", "accuracy")):
        known = [r for r in robustness.results[1:] if getattr(r, name) is not None]
        if not known:
            continue
        worst = min(known, key=lambda result: float(getattr(result, name)))
        before = (robustness.clean_auc if name == "auc" else robustness.clean_accuracy)(worst)
        if before is not None:
            value = format_score(getattr(worst, name))
            parts.append(f"lowest {heading} {value} ({worst.title}), was {before:.4f}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def describe_suite(robustness: Robustness) -> str:
    """How it was measured: version, threshold, libraries, and what was scored but once."""
    libraries = ", ".join(f"{name} {version}" for name, version in robustness.libraries.items())
    temperature = f"{robustness.temperature:.4g}"
    calibrated = "" if temperature == "1" else f", temperature {temperature}"
    text = (
        f"Suite {robustness.version} at the shipped threshold {robustness.threshold:.4g}"
        f"{calibrated}; {libraries}."
    )
    by_family = {result.family: result for result in robustness.results if result.level is not None}
    again = by_family.get("resaved")
    for result in robustness.results:
        if again and result.family == "jpeg" and result.level == again.level:
            text += f" {result.title} and {again.title} are the same pixels, scored once."
    return text


def _words(robustness: Robustness) -> Iterator[tuple[str, str]]:
    """The lines under the table, each with its style."""
    # Where some failed, the line of the images as they are is of more images.
    same = "same " if any(result.failed for result in robustness.results) else ""
    fallen = f"▼ at least {FALL:g} below the {same}images as they are, ▼▼ at least {GREAT_FALL:g}"
    yield fallen, "dim"
    if worst := describe_worst(robustness):
        yield worst, ""
    check = robustness.format_check
    falls = shows_change(check) and (check.auc_change or 0) < 0
    yield describe_format_check(robustness), "yellow" if falls else ""
    if warning := describe_formats(check.formats):
        yield warning, "yellow"
    yield describe_suite(robustness), "dim"


def _has_auc(robustness: Robustness) -> bool:
    return robustness.clean.auc is not None


def _count_marks(value: float | None, before: float | None) -> int:
    if value is None or before is None:
        return 0
    # Rounded as shown, so that the signs are what one reckons from the table.
    fall = round(round(before, 4) - round(value, 4), 4)
    return (fall >= FALL) + (fall >= GREAT_FALL)


def _marked(value: float | None, before: float | None) -> Text:
    sign, style = _FALLEN[_count_marks(value, before)]
    return Text(f"{format_score(value)} {sign}".rstrip(), style)


def _interval(low: float | None, high: float | None) -> str:
    return ABSENT if low is None or high is None else f"{low:.4f}–{high:.4f}"


def _plain(cell: Cell) -> Cell:
    """A cell in ASCII."""
    if isinstance(cell, str):
        return cell.translate(_ASCII)
    return Text(cell.plain.translate(_ASCII), cell.style, spans=cell.spans)
