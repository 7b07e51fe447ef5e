"""What a home holds that nothing needs, as `dfx gc` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

from dfx.display.figures import format_size
from dfx.display.table import Column, FoldingTable
from dfx.records.inventory import Leftover, Leftovers, Swept

LEFTOVER_COLUMNS = ("kind", "path", "bytes", "run", "removable", "why")
"""The columns of CSV and Markdown, and the keys of each item in JSON."""

_COLUMNS = (Column("kind"), Column("path"), Column("size", right=True), Column("why"))
_NARROW_COLUMNS = (Column("kind"), Column("size", right=True), Column("path", fold=True))


class LeftoversTable:
    """Items with their kind, path, size and why.

    Where the terminal is too narrow, items of one reason stand together below it.
    """

    def __init__(self, items: Sequence[Leftover]) -> None:
        self.items = items

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        full = FoldingTable(
            _COLUMNS, [(i.kind, i.path, format_size(i.bytes), i.why) for i in self.items]
        )
        if full.width <= options.max_width:
            yield full
            return
        for position, why in enumerate(dict.fromkeys(item.why for item in self.items)):
            if position:
                yield Text()
            yield Text(f"{why}:", style="bold")
            rows = [(i.kind, format_size(i.bytes), i.path) for i in self.items if i.why == why]
            yield FoldingTable(_NARROW_COLUMNS, rows)


def leftovers_page(found: Leftovers) -> RenderableType:
    """What goes with its sum, what stays but should be looked at, and what was not looked at."""
    parts: list[RenderableType] = []
    if found.removable:
        parts += [
            LeftoversTable(found.removable),
            Text(),
            Text(
                f"{_items(len(found.removable))} to remove, {format_size(found.bytes)}",
                style="bold",
            ),
        ]
    else:
        parts.append(Text(f"Nothing to remove in {found.home}"))
    if found.reported:
        parts += [Text(), Text("These stay, and should be looked at:", style="bold")]
        parts.append(LeftoversTable(found.reported))
    if found.skipped:
        parts.append(Text())
        parts += [Text(f"Left alone: {path}, {why}") for path, why in found.skipped]
    return Group(*parts)


def leftovers_rows(found: Leftovers) -> list[dict[str, Any]]:
    """What goes, then what stays, one row each."""
    return [{name: getattr(item, name) for name in LEFTOVER_COLUMNS} for item in found.items]


def leftovers_document(found: Leftovers) -> dict[str, Any]:
    """`{"home", "bytes", "items": [{kind, path, bytes, run, …}], "skipped": [{path, why}]}`.

    `bytes` is the sum over what is `removable`. Paths are relative to the home. `run` is null for
    what belongs to no run that is known.
    """
    return {
        "home": str(found.home),
        "bytes": found.bytes,
        "items": leftovers_rows(found),
        "skipped": [{"path": path, "why": why} for path, why in found.skipped],
    }


def describe_swept(swept: Swept) -> str:
    """What is gone now, in a line."""
    freed = sum(item.bytes for item in swept.removed)
    return f"removed {_items(len(swept.removed))}, {format_size(freed)}"


def describe_kept(kept: Sequence[tuple[str, str]]) -> str:
    """What stayed after all, a line each."""
    return "\n".join(f"{path}: {why}" for path, why in kept)


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"
