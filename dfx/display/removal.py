"""What removing runs would take away."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.figures import format_size
from dfx.display.table import Column, FoldingTable, unbroken
from dfx.records.inventory import Removal

_COLUMNS = (Column("size", right=True), Column("file", fold=True))


def removal_page(removals: Sequence[Removal]) -> RenderableType:
    """Each run with its epochs and files, and the sum where there are several."""
    parts: list[RenderableType] = []
    for removal in removals:
        run = removal.run
        parts.append(
            Text.assemble(
                (run.name, "bold"), f" (id {run.id}), {run.status}, {_epochs(removal.epochs)}"
            )
        )
        if removal.files:
            parts.append(
                FoldingTable(
                    _COLUMNS, [(format_size(size), path) for path, size in removal.files.items()]
                )
            )
        parts += [unbroken(line) for line in _remarks(removal)]
    if len(removals) > 1:
        total = sum(removal.bytes for removal in removals)
        parts.append(Text(f"{len(removals)} runs, {format_size(total)} in all"))
    return Group(*parts)


def describe_removed(removal: Removal) -> str:
    """What is gone now, in a line, and what is not."""
    run = removal.run
    if removal.home is None:
        return f"the record of {run.name} is removed; its files stay: {removal.elsewhere}"
    freed = f"{_files(len(removal.files))}, {format_size(removal.bytes)}"
    left = "".join(f"\nleft, since dfx did not write it: {path}" for path in removal.foreign)
    return f"{run.name} is removed ({freed}){left}"


def _remarks(removal: Removal) -> list[str]:
    if removal.home is None:
        return [f"its record only; files stay: {removal.elsewhere}"]
    remarks = [f"stays, since dfx did not write it: {path}" for path in removal.foreign]
    where = removal.home / removal.run.directory
    return [
        f"{_files(len(removal.files))}, {format_size(removal.bytes)}, in {where}",
        *remarks,
    ]


def _epochs(count: int) -> str:
    return "1 epoch" if count == 1 else f"{count} epochs"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
