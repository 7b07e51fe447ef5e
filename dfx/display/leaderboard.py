"""The leaderboard: runs at their best epoch, one table for each validation set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dfx.display.figures import (
    ABSENT,
    format_count,
    format_digest,
    format_duration,
    format_score,
)
from dfx.display.status import continuation, status_text
from dfx.display.table import Cell, Column, FoldingTable, unbroken
from dfx.records import LeaderboardGroup, RunSummary

LEADERBOARD_COLUMNS = tuple(field.name for field in fields(RunSummary))
"""The columns of CSV and Markdown, and the keys of each run in JSON."""

_COLUMNS = (
    Column("#", right=True),
    Column("run", fold=True),
    Column("val acc", right=True),
    Column("95 %", drop=5),
    Column("epoch", right=True, drop=6),
    Column("val AUC", right=True, drop=3),
    Column("val loss", right=True, drop=2),
    Column("F1", right=True, drop=1),
    Column("time", right=True, drop=4),
    Column("status", fold=True),
)

_MEANING = (
    "Scores are those of each run's best epoch (best/finished), chosen on this same set,"
    " hence optimistic."
)


class LeaderboardTable:
    """One validation set's runs, with the set named underneath.

    Where the terminal is too narrow, things go in this order: the command that continues a run
    moves from the status to a line of its own under the table; then the columns F1, val loss,
    val AUC, time, 95 %, epoch are left out. Rank, run, val acc and status always stay; a name too
    long even then is broken over lines, never cut.
    """

    def __init__(self, group: LeaderboardGroup, *, home: Path | None = None) -> None:
        self.group = group
        self._home = home

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full = self.table(commands=True)
        if full.width <= options.max_width:
            yield full
        else:
            yield self.table(commands=False)
            yield from self._commands()
        yield from _footnote(self.group)

    def table(self, *, commands: bool) -> FoldingTable:
        """The table, with or without the commands that continue runs in its last column."""
        runs = [(str(rank), run) for rank, run in enumerate(self.group.ranked, 1)]
        runs += [("", run) for run in self.group.unranked]
        rows = [_cells(rank, run, self._note(run) if commands else "") for rank, run in runs]
        return FoldingTable(_COLUMNS, rows)

    def _note(self, run: RunSummary) -> str:
        command = continuation(run.run, run.status, self._home)
        return f"`{command}`" if command else ""

    def _commands(self) -> RenderResult:
        for run in (*self.group.ranked, *self.group.unranked):
            command = continuation(run.run, run.status, self._home)
            if command is not None:
                yield unbroken(f"Continue the {run.status} run:  {command}")


def leaderboard_table(
    groups: Sequence[LeaderboardGroup], *, home: Path | None = None
) -> RenderableType:
    """All groups as tables, one under the other; a word on how to start where there are none.

    Args:
        groups: As they shall be shown.
        home: As given on the command line, for the commands that are shown.
    """
    tables = [
        LeaderboardTable(group, home=home) for group in groups if group.ranked or group.unranked
    ]
    if not tables:
        return Text("No runs yet.  Start one:  dfx run --name NAME")
    parts: list[RenderableType] = [tables[0]]
    for table in tables[1:]:
        parts += [Text(), table]
    if any(table.group.ranked for table in tables):
        parts += [Text()] if len(tables) > 1 else []
        parts.append(Text(_MEANING, style="dim"))
    return Group(*parts)


def leaderboard_rows(groups: Sequence[LeaderboardGroup]) -> list[dict[str, Any]]:
    """Every run flat, in the order shown: group by group, ranked before unranked."""
    return [asdict(run) for group in groups for run in (*group.ranked, *group.unranked)]


def leaderboard_document(groups: Sequence[LeaderboardGroup]) -> dict[str, Any]:
    """`{"runs": [{run, id, experiment, …, validation_digest, …}]}`."""
    return {"runs": leaderboard_rows(groups)}


def _cells(rank: str, run: RunSummary, note: str) -> list[Cell]:
    interval = ABSENT
    if run.val_accuracy_low is not None and run.val_accuracy_high is not None:
        interval = f"{run.val_accuracy_low:.4f}–{run.val_accuracy_high:.4f}"
    return [
        rank,
        run.run,
        format_score(run.val_accuracy),
        interval,
        f"{ABSENT if run.best_epoch is None else run.best_epoch}/{run.epochs}",
        format_score(run.val_auc),
        format_score(run.val_loss),
        format_score(run.val_f1),
        format_duration(run.seconds),
        status_text(run.status, note=note),
    ]


def _footnote(group: LeaderboardGroup) -> RenderResult:
    if group.validation_digest is None:
        yield Text("These runs never got as far as reading their data.", style="dim")
        return
    count = group.validation_images
    images = "" if count is None else f" ({format_count(count)} images)"
    yield Text(f"Validation set {format_digest(group.validation_digest)}{images}.", style="dim")
