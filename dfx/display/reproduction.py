"""How a run would be repeated and what has drifted, as `dfx reproduce` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_digest
from dfx.display.table import Column, FoldingTable, unbroken
from dfx.records.findings import Drift, Reproduction

DRIFT_COLUMNS = ("topic", "name", "then", "now", "advice")
"""The columns of CSV and Markdown."""

_INDENT = "  "
_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
_OPTION = re.compile(r"--[\w-]+")
_ALIKE = 5
"""Packages that are named; all of them are in the document."""


def reproduction_page(reproduction: Reproduction) -> RenderableType:
    """The commands, how far they go, and what is not as it was.

    Commands that are too long for a line go on in the next, where a shell lets them. On a narrow
    terminal the topic goes first; then long values continue under themselves.
    """
    parts: list[RenderableType] = [_heading(f"To repeat {reproduction.run}")]
    parts += [_Command(command) for command in reproduction.commands]
    if reproduction.notes:
        parts += [Text(), _heading("Mind")]
        parts += [_indented(Text(f"- {printable(note)}")) for note in reproduction.notes]
    parts += [Text(), _heading("Drift since")]
    parts += _list_drift(reproduction)
    return Group(*parts)


def drift_rows(reproduction: Reproduction) -> list[dict[str, Any]]:
    """What has drifted, one row each; none where nothing has."""
    return [{name: getattr(each, name) for name in DRIFT_COLUMNS} for each in reproduction.drift]


def reproduction_document(reproduction: Reproduction) -> dict[str, Any]:
    """`{run, id, uuid, commands: [...], notes: [...], drifted, drift: [...]}`.

    Each of `drift` is `{topic, name, then, now, advice, is_refused}`: `topic` is code, package,
    python, device, data or weights; `is_refused` says that `--execute` needs `--anyway`.
    """
    return {
        "run": reproduction.run,
        "id": reproduction.id,
        "uuid": reproduction.uuid,
        "commands": list(reproduction.commands),
        "notes": list(reproduction.notes),
        "drifted": bool(reproduction.drift),
        "drift": [asdict(each) for each in reproduction.drift],
    }


class _Command:
    """A command that can be copied whole: broken between options, each end with a backslash."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [_INDENT]
        for i, part in enumerate(_split_command(printable(self.command))):
            if i and cell_len(lines[-1]) + cell_len(part) + len(" \\ ") > options.max_width:
                lines[-1] += " \\"
                lines.append(2 * _INDENT)
            elif i:
                lines[-1] += " "
            lines[-1] += part
        for line in lines:
            yield unbroken(line)


def _split_command(command: str) -> list[str]:
    """The words of a command as they are quoted, an option together with its value."""
    parts: list[str] = []
    for word in _WORD.findall(command):
        is_value = bool(parts) and _OPTION.fullmatch(parts[-1]) and not word.startswith("-")
        if is_value:
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def _list_drift(reproduction: Reproduction) -> Iterator[RenderableType]:
    if not reproduction.drift:
        nothing = "nothing: code, packages, device, data and initial weights are as they were"
        yield _indented(Text(nothing))
        return
    packages = [each for each in reproduction.drift if each.topic == "package"]
    hidden = packages[_ALIKE:]
    shown = [each for each in reproduction.drift if each not in hidden]
    columns = (
        Column("topic", drop=1),
        Column("what", fold=True),
        Column("then", fold=True),
        Column("now", fold=True),
    )
    rows = [[each.topic, each.name, _shorten(each.then), _shorten(each.now)] for each in shown]
    yield _indented(FoldingTable(columns, rows))
    if hidden:
        yield _indented(Text(f"and {len(hidden)} more packages: see --format json", "dim"))
    advised = [each for each in shown if each.advice and each.topic != "package"]
    if advised:
        yield Text()
    for each in advised:
        yield unbroken(_INDENT, Text(f"{_name(each)}: ", "bold"), str(each.advice))
    if packages:
        yield unbroken(_INDENT, Text("packages: ", "bold"), _install(shown))


def _install(shown: list[Drift]) -> str:
    wanted = [
        f"{each.name}=={each.then}" for each in shown if each.topic == "package" and each.then
    ]
    return f"pip install {' '.join(wanted)}" if wanted else "those are new, and may do no harm"


def _name(drift: Drift) -> str:
    return printable(drift.name if drift.topic == drift.name else f"{drift.topic}, {drift.name}")


def _shorten(value: str | None) -> str:
    if value is None:
        return ABSENT
    is_revision = len(value) == 40 and set(value) <= set("0123456789abcdef")
    return value[:12] if is_revision else format_digest(value, 12) if ":" in value[:8] else value


def _heading(text: str) -> Text:
    return Text(printable(text), style="bold underline")


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, len(_INDENT)), expand=False)
