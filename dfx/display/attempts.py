"""The attempts of a run, and what each did differently from the one before it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_count, format_digest, format_time
from dfx.display.left_out import describe_file, spread_few
from dfx.display.settings import format_value
from dfx.display.status import status_text
from dfx.display.table import Cell, Column, FoldingTable
from dfx.records import Attempt, Status
from dfx.records.differences import Change, get_code, get_environment, get_packages, list_changes

_DIGEST_LENGTH = 12
_PACKAGES_SHOWN = 5

_COLUMNS = (
    Column("#", right=True),
    Column("started"),
    Column("ended", drop=2),
    Column("outcome"),
    Column("from step", right=True, drop=3),
    Column("process", fold=True, drop=1),
)


def attempts_report(attempts: Sequence[Attempt], status: Status) -> RenderableType:
    """One line an attempt; under the table, why each ended and what was new with it.

    The status is that of the run: an attempt that has not ended is running or lost.

    Where the terminal is too narrow, these columns are left out, in this order: process, ended,
    from step.
    """
    if not attempts:
        return Text("none", style="dim")
    messages = [
        Text(f"attempt {attempt.number}: {printable(attempt.message)}", overflow="fold")
        for attempt in attempts
        if attempt.message
    ]
    news = [line for before, after in pairwise(attempts) for line in _news(before, after)]
    rows = [_cells(attempt, attempt.outcome) for attempt in attempts[:-1]]
    rows.append(_cells(attempts[-1], attempts[-1].outcome or status))
    return Group(FoldingTable(_COLUMNS, rows), *messages, *news)


def _cells(attempt: Attempt, outcome: Status | None) -> list[Cell]:
    return [
        str(attempt.number),
        format_time(attempt.started_at),
        ABSENT if attempt.ended_at is None else format_time(attempt.ended_at),
        ABSENT if outcome is None else status_text(outcome),
        format_count(attempt.start_step),
        f"{attempt.process.pid} on {attempt.process.host}",
    ]


def _news(before: Attempt, after: Attempt) -> Iterator[Text]:
    """What an attempt did not have in common with the one before it."""
    shown, more_files = spread_few(list_changes(get_code(before), get_code(after)))
    code = [Change(f"code.{change.key}", change.a, change.b) for change in shown]
    packages: list[Change] = []
    installed = get_packages(before), get_packages(after)
    if all(installed):
        packages += (
            Change(f"packages.{change.key}", change.a, change.b)
            for change in list_changes(*installed)
        )
    found = [
        *list_changes(before.settings, after.settings),
        *code,
        *list_changes(get_environment(before), get_environment(after)),
        *packages[:_PACKAGES_SHOWN],
    ]
    if not found:
        return
    said = [f"{printable(c.key)}={_word(c.b)} (was {_word(c.a)})" for c in found]
    if more_files:
        said.append(more_files)
    more = len(packages) - _PACKAGES_SHOWN
    if more > 0:
        said.append(f"{format_count(more)} more packages: see --format json")
    yield Text(f"attempt {after.number} with {'; '.join(said)}", overflow="fold")


def _word(value: Any) -> str:
    """A value as it would be typed; of a digest the beginning."""
    if isinstance(value, str) and value.startswith("sha256:"):
        return format_digest(value, _DIGEST_LENGTH)
    if isinstance(value, Mapping):
        return describe_file(value)
    return shlex.quote(printable(format_value(value)))
