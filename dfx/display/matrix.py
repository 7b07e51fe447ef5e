"""The matrix: a line for each run, a column for each data set.

The same for programs is in `dfx.display.matrix_document`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_count, format_digest
from dfx.display.scored_sets import (
    evaluate_command,
    explain_marks,
    format_interval,
    mark_optimistic,
    say_nothing,
    set_title,
    unscored_lines,
)
from dfx.display.table import Column, FoldingTable
from dfx.records.evaluation import METRIC_HEADINGS, METRIC_NAMES
from dfx.records.matrix import Elsewhere, Matrix, MatrixCell

OWN = "own val"
"""Heading of what each run was validated on."""

WORST = "worst elsewhere"

_AT_THRESHOLD = METRIC_NAMES[: METRIC_NAMES.index("auc")]
"""Metrics of verdicts, which a threshold makes; the others look at probabilities."""


def matrix_table(matrix: Matrix, *, home: Path | None = None) -> RenderableType:
    """The matrix as a table; a word on what is missing where there is no line.

    Args:
        matrix: As it shall be shown.
        home: As given on the command line, for the commands that are shown.
    """
    if matrix.rows:
        return MatrixTable(matrix, home=home)
    return say_nothing(_nothing(matrix, home))


def set_names(matrix: Matrix) -> list[str]:
    """What each column is called: data set and split, and the digest where that is not enough."""
    plain = [f"{printable(c.dataset or 'unnamed')} {c.split}" for c in matrix.columns]
    known = Counter(plain)
    return [
        name if known[name] == 1 else f"{name} {format_digest(column.set_digest)}"
        for name, column in zip(plain, matrix.columns, strict=True)
    ]


class MatrixTable:
    """Runs by data sets, with what the marks mean underneath.

    Where the terminal is too narrow, headings and intervals are put on several lines; then all
    intervals are left out; then data sets, the last first, and their number is told. Run, own val
    and the worst elsewhere always stay.
    """

    def __init__(self, matrix: Matrix, *, home: Path | None = None) -> None:
        self._matrix = matrix
        self._home = home

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table = self.table(intervals=True)
        fitting = table.fitting(options.max_width)
        if len(fitting) < len(table.columns):
            table = self.table(intervals=False)
            fitting = table.fitting(options.max_width)
        yield table
        yield from self._footnotes(left_out=len(table.columns) - len(fitting))

    def table(self, *, intervals: bool) -> FoldingTable:
        """The table, with or without the intervals."""
        matrix = self._matrix
        names = set_names(matrix)
        columns = [Column("run", fold=True), Column(OWN, wrap=_longest(OWN))]
        columns += [
            Column(name, wrap=_longest(name), drop=len(names) - i) for i, name in enumerate(names)
        ]
        rows = [
            [
                row.summary.run,
                self._describe(row.own, intervals=intervals, marks=False),
                *(self._describe(cell, intervals=intervals) for cell in row.cells),
            ]
            for row in matrix.rows
        ]
        if any(row.worst for row in matrix.rows):
            columns.append(Column(WORST, wrap=_longest(WORST)))
            for line, row in zip(rows, matrix.rows, strict=True):
                line.append(_describe_worst(row.worst))
        return FoldingTable(columns, rows)

    def _describe(self, cell: MatrixCell | None, *, intervals: bool, marks: bool = True) -> str:
        if cell is None or cell.value is None:
            return ABSENT
        text = f"{cell.value:.4f}{_marks(cell) if marks else ''}"
        if not intervals:
            return text
        if cell.low is not None and cell.high is not None:
            text += f" {format_interval(cell.low, cell.high)}"
        at_half = cell.scores and cell.scores.accuracy_at_half
        if at_half is not None and self._matrix.metric.name == "accuracy":
            text += f" ({at_half:.4f})"
        return text

    def _footnotes(self, *, left_out: int) -> Iterator[RenderableType]:
        matrix = self._matrix
        if left_out:
            sets = "1 data set has" if left_out == 1 else f"{left_out} data sets have"
            yield Text(f"{sets} no room here; --format csv has them all.", style="yellow")
        if matrix.omitted:
            yield Text(f"{format_count(matrix.omitted)} more are not shown (--limit).", style="dim")
        yield Text(self._meaning(), style="dim")
        for column in matrix.columns:
            yield set_title(column.dataset, column.split, column.set_digest, column.classes)
        if matrix.others:
            yield from unscored_lines(
                "Validated in training only",
                matrix.others,
                "To score one",
                "--data FOLDER",
                self._home,
            )

    def _meaning(self) -> str:
        matrix = self._matrix
        what = METRIC_HEADINGS[matrix.metric.name]
        if not matrix.metric.higher_is_better:
            what += " (lower is better)"
        at = ""
        if matrix.metric.name in _AT_THRESHOLD:
            at = f" at the threshold that its weights carry (0.5 on {OWN})"
        halves = ""
        scores = [cell.scores for row in matrix.rows for cell in row.cells if cell is not None]
        if matrix.metric.name == "accuracy" and any(
            each is not None and each.accuracy_at_half is not None for each in scores
        ):
            halves = " and, in brackets, the accuracy at 0.5"
        intro = (
            f"Cells are the {what} of each run's best checkpoint{at}, with 95 % intervals{halves}"
            f" where there is room. {OWN.capitalize()} is what it was chosen on, hence optimistic."
        )
        said = [intro]
        cells = [cell for row in matrix.rows for cell in row.cells if cell is not None]
        used = {mark for cell in cells for mark in _marks(cell)}
        said += explain_marks(used)
        if any(row.worst for row in matrix.rows):
            said.append(f"{WORST.capitalize()} is of the cells without a mark.")
        if any(row.worst and row.worst.change is not None for row in matrix.rows):
            said.append(
                "Beside the worst: the change from its own test images, or own val without those."
            )
        if any(column.split == "test" for column in matrix.columns):
            said.append(
                "Choosing a run by test images makes them validation images: report them instead."
            )
        return " ".join(said)


def _marks(cell: MatrixCell) -> str:
    own = "°" if cell.is_own else ""
    return own + mark_optimistic(is_fitted=cell.is_optimistic, seen=cell.seen)


def _describe_worst(worst: Elsewhere | None) -> str:
    if worst is None:
        return ABSENT
    change = "" if worst.change is None else f" ({worst.change:+.4f})".replace("-", "−")
    return f"{worst.value:.4f}{change}"


def _longest(heading: str) -> int:
    return max(map(cell_len, heading.split()))


def _nothing(matrix: Matrix, home: Path | None) -> str:
    if matrix.others:
        which = "No run that meets the condition has" if matrix.is_filtered else "No run has"
        run = matrix.others[0] if matrix.is_filtered else "best"
        command = evaluate_command(run, "--data FOLDER", home)
        return f"{which} been scored on a data set yet.  Do so:  {command}"
    if matrix.is_filtered:
        return "No run with weights meets the condition."
    where = f" in {home}" if home else ""
    return f"No runs{where} have weights yet.  Start one:  dfx run --name NAME"
