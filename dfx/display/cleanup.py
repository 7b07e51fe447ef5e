"""What a home holds that nothing needs, as `dfx gc` shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.figures import format_size
from dfx.display.table import Column, FoldingTable
from dfx.inventory import Leftover, Leftovers, Swept

LEFTOVER_COLUMNS = ("kind", "path", "bytes", "run", "removable", "why")
"""The columns of CSV and Markdown, and the keys of each item in JSON."""

_COLUMNS = (
    Column("kind"),
    Column("path", fold=True),
    Column("size", right=True),
    Column("why", fold=True),
)


def leftovers_page(found: Leftovers) -> RenderableType:
    """What goes with its sum, what stays but should be looked at, and what was not looked at."""
    parts: list[RenderableType] = []
    if found.removable:
        parts += [
            FoldingTable(_COLUMNS, map(_cells, found.removable)),
            Text(f"{_items(len(found.removable))}, {format_size(found.bytes)}", style="bold"),
        ]
    else:
        parts.append(Text(f"Nothing to remove in {found.home}"))
    if found.reported:
        parts += [Text(), Text("To be looked at; these stay:", style="bold")]
        parts.append(FoldingTable(_COLUMNS, map(_cells, found.reported)))
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


def _cells(item: Leftover) -> list[str]:
    return [item.kind, item.path, format_size(item.bytes), item.why]


def _items(count: int) -> str:
    return "1 item" if count == 1 else f"{count} items"
