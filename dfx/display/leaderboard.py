"""The leaderboard: runs at their best epoch, one table for each validation set.

The same for programs is in `dfx.display.leaderboard_document`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import (
    ABSENT,
    format_count,
    format_digest,
    format_duration,
    format_score,
)
from dfx.display.leaderboard_document import format_column
from dfx.display.settings import format_assignments
from dfx.display.significance import describe_test
from dfx.display.status import continuation, status_text
from dfx.display.table import Cell, Column, FoldingTable, unbroken
from dfx.records.leaderboard import Leaderboard, LeaderboardGroup, RankedRun

_DIFFERS = Column("differs", wrap=18)
_NAMED = 5
"""Experiments and seeds of a recipe that are named; of more, their number is."""


def leaderboard_table(leaderboard: Leaderboard, *, home: Path | None = None) -> RenderableType:
    """All groups as tables, one under the other; a word on how to start where there are none.

    Args:
        leaderboard: As it shall be shown.
        home: As given on the command line, for the commands that are shown.
    """
    groups = [group for group in leaderboard.groups if group.runs or group.recipes]
    if not groups and leaderboard.is_filtered:
        return Text("No run meets the condition.")
    if not groups:
        where = f" in {printable(str(home))}" if home else ""
        return Text(f"No runs{where} yet.  Start one:  dfx run --name NAME")
    parts: list[RenderableType] = []
    for group in groups:
        parts += [Text()] if parts else []
        if group.recipes is None:
            parts.append(LeaderboardTable(leaderboard, group, home=home))
        else:
            parts.append(RecipeTable(leaderboard, group))
    if any(group.ranked for group in groups):
        parts += [Text()] if len(groups) > 1 else []
        parts.append(Text(_meaning(groups), style="dim"))
    return Group(*parts)


class LeaderboardTable:
    """One validation set's runs, with the set and what can be said of it underneath.

    Where the terminal is too narrow, things go in this order: the command that continues a run
    moves from the status to a line of its own under the table; what differs is put on several
    lines; then the columns val loss, val AUC, time, epoch, val acc (where another metric ranks) and
    95 % are left out. Rank, run, metric, what differs and status always stay; a name too long even
    then is broken over lines, never cut. Of columns that were asked for, those with one value for
    all runs go first, the last before the others, then the rest alike; their number is told.
    """

    def __init__(
        self, leaderboard: Leaderboard, group: LeaderboardGroup, *, home: Path | None = None
    ) -> None:
        self.group = group
        self._leaderboard = leaderboard
        self._home = home

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self._leaderboard.columns is not None:
            chosen = self.chosen_table(self._leaderboard.columns)
            yield chosen
            left_out = len(chosen.columns) - len(chosen.fitting(options.max_width))
            if left_out:
                yield Text(
                    f"{left_out} columns have no room here; --format csv has them all.",
                    style="yellow",
                )
        else:
            full = self.table(commands=True)
            if full.width <= options.max_width:
                yield full
            else:
                yield self.table(commands=False)
                yield from self._commands()
        yield from _footnotes(self.group, self._leaderboard)

    def table(self, *, commands: bool) -> FoldingTable:
        """The usual table, with or without the commands that continue runs in its last column."""
        metric = self._leaderboard.metric
        shown = [run.differs for run in self.group.runs if run.differs]
        columns = [
            Column("#", right=True),
            Column("run", fold=True),
            Column(metric.heading, right=True),
            Column("val acc", right=True, drop=5),
            Column("95 %", drop=6),
            Column("epoch", right=True, drop=4),
            Column("val AUC", right=True, drop=2),
            Column("val loss", right=True, drop=1),
            _DIFFERS,
            Column("time", right=True, drop=3),
            Column("status", fold=True),
        ]
        rows = [self._cells(run, commands=commands) for run in self.group.runs]
        # The metric may be one of the usual columns; and nothing may differ.
        doubled = [i for i, c in enumerate(columns) if i > 2 and c.heading == metric.heading]
        unused = {*doubled, *([] if shown else [columns.index(_DIFFERS)])}
        return FoldingTable(
            [column for i, column in enumerate(columns) if i not in unused],
            [[cell for i, cell in enumerate(row) if i not in unused] for row in rows],
        )

    def chosen_table(self, names: tuple[str, ...]) -> FoldingTable:
        """The table of the columns that were asked for."""
        columns = [Column("#", right=True), Column("run", fold=True)]
        values = [[format_column(name, run) for name in names] for run in self.group.runs]
        alike = [len(column) > 1 and len(set(column)) == 1 for column in zip(*values, strict=True)]
        # The last go first, but before them those that tell no run from another.
        going = sorted(range(len(names)), key=lambda i: (not alike[i], -i))
        columns += [
            Column(name, right=name not in ("tags", "note"), drop=going.index(i) + 1)
            for i, name in enumerate(names)
        ]
        rows = [
            [_rank(run), run.summary.run, *cells]
            for run, cells in zip(self.group.runs, values, strict=True)
        ]
        return FoldingTable(columns, rows)

    def _cells(self, run: RankedRun, *, commands: bool) -> list[Cell]:
        summary = run.summary
        interval = ABSENT
        if summary.val_accuracy_low is not None and summary.val_accuracy_high is not None:
            interval = f"{summary.val_accuracy_low:.4f}–{summary.val_accuracy_high:.4f}"
        command = continuation(summary.run, summary.status, self._home) if commands else None
        return [
            _rank(run),
            summary.run,
            format_score(getattr(summary, self._leaderboard.metric.name)),
            format_score(summary.val_accuracy),
            interval,
            f"{ABSENT if summary.best_epoch is None else summary.best_epoch}/{summary.epochs}",
            format_score(summary.val_auc),
            format_score(summary.val_loss),
            format_assignments(run.differs),
            format_duration(summary.seconds),
            status_text(summary.status, note=f"`{command}`" if command else ""),
        ]

    def _commands(self) -> RenderResult:
        for run in self.group.runs:
            summary = run.summary
            command = continuation(summary.run, summary.status, self._home)
            if command is not None:
                yield unbroken(f"Continue the {summary.status} run:  {command}")


class RecipeTable:
    """One validation set's recipes: runs that differ in the seed alone are one line.

    Where the terminal is too narrow, what differs is put on several lines; then the columns seeds,
    best and runs are left out, in this order.
    """

    def __init__(self, leaderboard: Leaderboard, group: LeaderboardGroup) -> None:
        self.group = group
        self._leaderboard = leaderboard

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self.table()
        left_out = len(self.group.runs) - sum(len(r.runs) for r in self.group.recipes or ())
        if left_out:
            runs = "1 run is" if left_out == 1 else f"{format_count(left_out)} runs are"
            yield Text(f"{runs} not among them, not being completed.", style="dim")
        yield from _footnotes(self.group, self._leaderboard)

    def table(self) -> FoldingTable:
        """The table."""
        recipes = self.group.recipes or ()
        columns = [
            Column("#", right=True),
            Column("recipe", fold=True),
            Column("runs", right=True, drop=3),
            Column(f"mean {self._leaderboard.metric.heading}", right=True),
            Column("std", right=True),
            Column("best", right=True, drop=2),
            Column("seeds", drop=1, wrap=12),
            _DIFFERS,
        ]
        rows: list[list[Cell]] = [
            [
                str(recipe.rank),
                _few(recipe.experiments, ", "),
                str(len(recipe.runs)),
                format_score(recipe.mean),
                format_score(recipe.std),
                format_score(recipe.best),
                _few(recipe.seeds, " "),
                format_assignments(recipe.differs),
            ]
            for recipe in recipes
        ]
        if not any(recipe.differs for recipe in recipes):
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        return FoldingTable(columns, rows)


def _few(values: Sequence[object], separator: str) -> str:
    """The first of many values, and how many more there are."""
    more = len(values) - _NAMED
    shown = separator.join(map(str, values[:_NAMED]))
    return f"{shown}{separator}and {format_count(more)} more" if more > 0 else shown


def _rank(run: RankedRun) -> str:
    return "" if run.rank is None else str(run.rank)


def _footnotes(group: LeaderboardGroup, leaderboard: Leaderboard) -> RenderResult:
    if group.omitted:
        yield Text(f"{format_count(group.omitted)} more are not shown (--limit).", style="dim")
    lines = group.runs if group.recipes is None else group.recipes
    if leaderboard.columns is None and any(line.differs for line in lines):
        yield Text(f"differs from: {format_assignments(group.common)}", style="dim")
    yield Text(_describe_set(group) + describe_test(group.test), style="dim")
    sets = {run.summary.train_digest for run in group.ranked}
    if len(sets) > 1:
        yield Text(f"They were trained on {len(sets)} different sets of images.", style="yellow")


def _describe_set(group: LeaderboardGroup) -> str:
    if group.validation_digest is None:
        return "These runs never got as far as reading their data."
    images = ""
    if group.classes is not None:
        real, deepfake = map(format_count, group.classes)
        images = f" ({real} real, {deepfake} deepfake)"
    elif group.validation_images is not None:
        images = f" ({format_count(group.validation_images)} images)"
    return f"Validation set {format_digest(group.validation_digest)}{images}."


def _meaning(groups: list[LeaderboardGroup]) -> str:
    text = (
        "Scores are those of each run's best checkpoint (best/finished epoch), chosen on this same"
        " set, hence optimistic."
    )
    if any(group.test is not None and group.test.p is not None for group in groups):
        text += "  The test is of two checkpoints, not of two recipes."
    if any(group.recipes for group in groups):
        text += "  The standard deviation is that of runs with other seeds (n - 1)."
    return text
