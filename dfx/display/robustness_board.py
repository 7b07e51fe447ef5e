"""The robustness board: runs by what was done to the images, the worst of each kind of change.

The same for programs is in `dfx.display.robustness_board_document`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dfx.display.figures import ABSENT, format_count, format_score
from dfx.display.scored_sets import (
    evaluate_command,
    explain_marks,
    mark_optimistic,
    say_nothing,
    set_title,
    unscored_lines,
)
from dfx.display.table import Column, FoldingTable
from dfx.records.evaluation import METRIC_HEADINGS
from dfx.records.leaderboard import Metric
from dfx.records.robustness import ConditionResult
from dfx.records.robustness_board import RobustBoard, RobustRun, RobustSet

_OPTION = "--robustness"

_GOING = ("contrast", "brightness", "noise", "blur", "resize", "webp", "jpeg", "resaved")
"""Families in the order in which they go where there is no room. Saving anew goes last: that is
what every image on the web has been through, and what unmasks one that learned the file format."""


def robustness_board_table(board: RobustBoard, *, home: Path | None = None) -> RenderableType:
    """All sets as tables, one under the other; a word on what is missing where there are none.

    Args:
        board: As it shall be shown.
        home: As given on the command line, for the commands that are shown.
    """
    if not board.sets:
        return say_nothing(_nothing(board, home))
    parts: list[RenderableType] = []
    for each in board.sets:
        parts += [RobustnessTable(each, board.metric), Text()]
    parts.append(Text(_meaning(board), style="dim"))
    if board.others:
        parts += unscored_lines("Not tested so", board.others, "To test one", _OPTION, home)
    return Group(*parts)


class RobustnessTable:
    """Runs on one set of images under one version of the suite, under the set's name.

    Where the terminal is too narrow, the worst condition is put on several lines; then families go
    in the order of `_GOING`, others before these, and their number is told. Rank, run, clean and
    worst always stay.
    """

    def __init__(self, shown: RobustSet, metric: Metric) -> None:
        self._set = shown
        self._metric = metric

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self._set
        yield set_title(
            shown.dataset,
            shown.split,
            shown.set_digest,
            shown.classes,
            note=f", suite {shown.version}",
        )
        table = self.table()
        left_out = len(table.columns) - len(table.fitting(options.max_width))
        yield table
        yield from self._footnotes(left_out)

    def table(self) -> FoldingTable:
        """The table."""
        shown = self._set
        families = shown.families
        columns = [Column("#", right=True), Column("run", fold=True), Column("clean", right=True)]
        going = sorted(families, key=lambda f: _GOING.index(f) if f in _GOING else -1)
        columns += [Column(f, right=True, drop=going.index(f) + 1) for f in families]
        columns.append(Column("worst", wrap=10))
        rows = [
            [
                "" if run.rank is None else str(run.rank),
                f"{run.summary.run}{_mark(run)}",
                self._value(run.clean),
                *(self._value(run.lowest[family]) for family in families),
                self._worst(run.worst),
            ]
            for run in shown.runs
        ]
        return FoldingTable(columns, rows)

    def _worst(self, worst: ConditionResult | None) -> str:
        return ABSENT if worst is None else f"{worst.title} {self._value(worst)}"

    def _value(self, result: ConditionResult | None) -> str:
        return format_score(None if result is None else getattr(result, self._metric.name))

    def _footnotes(self, left_out: int) -> Iterator[RenderableType]:
        shown = self._set
        if left_out:
            changes = (
                "1 kind of change has" if left_out == 1 else f"{left_out} kinds of change have"
            )
            yield Text(f"{changes} no room here; --format csv has every condition.", style="yellow")
        if shown.omitted:
            yield Text(f"{format_count(shown.omitted)} more are not shown (--limit).", style="dim")
        failed = sum(result.failed for run in shown.runs for result in run.results)
        if failed:
            yield Text(
                f"{format_count(failed)} times an image could not be changed, and is left out.",
                style="yellow",
            )


def _mark(run: RobustRun) -> str:
    return mark_optimistic(is_fitted=run.scores.is_in_sample, seen=run.scores.seen)


def _meaning(board: RobustBoard) -> str:
    text = (
        f"The lowest {METRIC_HEADINGS[board.metric.name]} under any level of each kind of change;"
        " runs are ranked by the worst of all."
    )
    if board.metric.name == "accuracy":
        text += " It is at the shipped threshold."
    marks = {_mark(run) for each in board.sets for run in each.runs}
    text = " ".join((text, *explain_marks(marks)))
    if any(each.split == "test" for each in board.sets):
        text += " Choosing a run by test images makes them validation images."
    return text


def _nothing(board: RobustBoard, home: Path | None) -> str:
    if board.others:
        which = "No run that meets the condition has" if board.is_filtered else "No run has"
        run = board.others[0] if board.is_filtered else "best"
        command = evaluate_command(run, _OPTION, home)
        return f"{which} been tested for robustness yet.  Do so:  {command}"
    if board.is_filtered:
        return "No run with weights meets the condition."
    where = f" in {home}" if home else ""
    return f"No runs{where} have weights yet.  Start one:  dfx run --name NAME"
