"""The leaderboard by test images: one table for each test set.

The same for programs is in `dfx.display.held_out_document`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_count, format_score
from dfx.display.held_out_document import format_held_out
from dfx.display.scored_sets import (
    evaluate_command,
    format_interval,
    name_few,
    say_nothing,
    set_title,
    unscored_lines,
)
from dfx.display.settings import format_assignments
from dfx.display.significance import describe_test
from dfx.display.status import status_text
from dfx.display.table import Cell, Column, FoldingTable
from dfx.records.boards import HeldOutBoard, HeldOutSet, ScoredRun

_SPLIT = "--split test"


def held_out_table(board: HeldOutBoard, *, home: Path | None = None) -> RenderableType:
    """All test sets as tables, one under the other; a word on what is missing where there are none.

    Args:
        board: As it shall be shown.
        home: As given on the command line, for the commands that are shown.
    """
    if not board.sets:
        return say_nothing(_nothing(board, home))
    parts: list[RenderableType] = []
    for each in board.sets:
        parts += [HeldOutTable(board, each, home=home), Text()]
    return Group(*parts, Text(_meaning(board), style="dim"))


class HeldOutTable:
    """The runs that were scored on one test set, under its name.

    Where the terminal is too narrow, what differs is put on several lines; then columns go in this
    order: the interval of test AUC, status, differs, val acc, at 0.5, test AUC, 95 % (of test acc),
    test acc where another metric ranks. Rank, run, metric with its interval, threshold and uses
    always stay. At 0.5 is the accuracy at that threshold, where the threshold is another. Columns
    that were asked for go from the last to the first; their number is told.
    """

    def __init__(self, board: HeldOutBoard, shown: HeldOutSet, *, home: Path | None = None) -> None:
        self._board = board
        self._set = shown
        self._home = home

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self._set
        yield set_title(shown.dataset, "test", shown.set_digest, shown.classes)
        table = self.table() if self._board.columns is None else self.chosen_table()
        fitting = [table.columns[i].heading for i in table.fitting(options.max_width)]
        yield table
        left_out = len(table.columns) - len(fitting)
        if self._board.columns is not None and left_out:
            yield Text(
                f"{left_out} columns have no room here; --format csv has them all.", style="yellow"
            )
        yield from self._footnotes(differs="differs" in fitting)

    def table(self) -> FoldingTable:
        """The usual table."""
        metric = self._board.metric
        name = metric.name.removeprefix("test_")
        # One that ranks is the first, and stays; it is not told twice.
        columns: list[tuple[Column, list[Cell]]] = [
            (Column("#", right=True), [_rank(run) for run in self._set.runs]),
            (Column("run", fold=True), [run.summary.run for run in self._set.runs]),
            (Column(metric.heading, right=True), self._values(name)),
            (Column("95 %"), self._intervals(name)),
        ]
        if name != "accuracy":
            columns += [
                (Column("test acc", right=True, drop=8), self._values("accuracy")),
                (Column("95 %", drop=7), self._intervals("accuracy")),
            ]
        if name != "auc":
            columns += [
                (Column("test AUC", right=True, drop=6), self._values("auc")),
                (Column("95 %", drop=1), self._intervals("auc")),
            ]
        runs = self._set.runs
        columns += [
            (
                Column("val acc", right=True, drop=4),
                [format_score(run.summary.val_accuracy) for run in runs],
            ),
            (Column("threshold", right=True), [f"{run.scores.threshold:.4g}" for run in runs]),
            (
                Column("at 0.5", right=True, drop=5),
                [format_score(run.scores.accuracy_at_half) for run in runs],
            ),
            (Column("uses", right=True), [str(run.scores.test_uses) for run in runs]),
            (
                Column("differs", wrap=18, drop=3),
                [format_assignments(run.differs) for run in runs],
            ),
            (Column("status", drop=2), [status_text(run.summary.status) for run in runs]),
        ]
        # Nothing may differ, no threshold be another than 0.5, and no metric have an interval.
        told = [
            (column, cells)
            for column, cells in columns
            if column.heading not in ("differs", "95 %", "at 0.5") or set(cells) - {"", ABSENT}
        ]
        return FoldingTable(
            [column for column, _ in told], zip(*(cells for _, cells in told), strict=True)
        )

    def chosen_table(self) -> FoldingTable:
        """The table of the columns that were asked for."""
        names = self._board.columns or ()
        columns = [Column("#", right=True), Column("run", fold=True)]
        columns += [
            Column(name, right=name not in ("tags", "note"), drop=len(names) - i)
            for i, name in enumerate(names)
        ]
        rows = [
            [_rank(run), run.summary.run, *(format_held_out(name, run) for name in names)]
            for run in self._set.runs
        ]
        return FoldingTable(columns, rows)

    def _values(self, name: str) -> list[Cell]:
        return [format_score(run.scores.values[name]) for run in self._set.runs]

    def _intervals(self, name: str) -> list[Cell]:
        found = [run.scores.intervals.get(name) for run in self._set.runs]
        return [ABSENT if ends is None else format_interval(*ends) for ends in found]

    def _footnotes(self, *, differs: bool) -> Iterator[RenderableType]:
        shown = self._set
        if shown.omitted:
            yield Text(f"{format_count(shown.omitted)} more are not shown (--limit).", style="dim")
        if differs:
            yield Text(f"differs from: {format_assignments(shown.common)}", style="dim")
        tests = _describe_tests(shown)
        if tests:
            yield Text(tests, style="dim")
        sets = {run.summary.train_digest for run in shown.runs}
        if len(sets) > 1:
            yield Text(
                f"They were trained on {len(sets)} different sets of images.", style="yellow"
            )
        if len({run.scores.classes for run in shown.runs}) > 1:
            yield Text("Not all were scored on the same number of images.", style="yellow")
        seen = [f"{printable(run.summary.run)} ({run.scores.seen})" for run in _seers(shown)]
        if seen:
            yield Text(
                f"Trained or validated on some of these images: {name_few(seen)}; the reports"
                " have the scores without them.",
                style="yellow",
            )
        for each in shown.unscored:
            data = f" --data {shlex.quote(printable(each.data))}" if each.data else ""
            yield from unscored_lines(
                "Not scored on it", each.runs, "To score one", f"{_SPLIT}{data}", self._home
            )


def _describe_tests(shown: HeldOutSet) -> str:
    verdicts, rankings = shown.verdicts, shown.rankings
    if verdicts is None or rankings is None:
        return ""
    if verdicts.p is None and verdicts.reason == rankings.reason:
        return describe_test(verdicts).strip()
    accuracy = describe_test(verdicts, of="in accuracy").strip()
    return accuracy + describe_test(rankings, of="in AUC")


def _seers(shown: HeldOutSet) -> list[ScoredRun]:
    return [run for run in shown.runs if run.scores.seen]


def _rank(run: ScoredRun) -> str:
    return "" if run.rank is None else str(run.rank)


def _nothing(board: HeldOutBoard, home: Path | None) -> str:
    if board.waiting is None:
        if board.is_filtered:
            return "No run with weights meets the condition."
        where = f" in {home}" if home else ""
        return f"No runs{where} have weights yet.  Start one:  dfx run --name NAME"
    which = "No run that meets the condition has" if board.is_filtered else "No run has"
    chosen = board.waiting if board.is_filtered else "best"
    return (
        f"{which} been scored on test images yet.  When one is chosen by validation:"
        f"  {evaluate_command(chosen, _SPLIT, home)}"
    )


def _meaning(board: HeldOutBoard) -> str:
    text = (
        "Choosing a run by these scores makes the test set a validation set: choose by `dfx"
        " compare`, and report what stands here. Uses are how often a run has been scored on any"
        " test split."
    )
    if any(each.verdicts is not None and each.verdicts.p is not None for each in board.sets):
        text += " The tests are of two checkpoints, not of two recipes."
    return text
