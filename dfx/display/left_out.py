"""Files that a run's patch leaves out: how they are told, and how those of two runs differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import format_digest, format_size
from dfx.records.differences import Change

SHOWN = 5
"""Files that are named on a page; all of them are in the document."""


def files_text(files: list[Mapping[str, Any]]) -> Text:
    """One file a line, up to a few.

    >>> files_text([{"path": "a.bin", "bytes": 3000, "sha256": "sha256:805caa"}]).plain
    'a.bin (3.0 kB, sha256:805c…)'
    """
    lines = [f"{printable(each['path'])} ({describe_file(each)})" for each in files[:SHOWN]]
    if len(files) > SHOWN:
        lines = [*lines, f"{len(files)} files: see --format json"]
    return Text("\n".join(lines), overflow="fold")


def describe_file(file: Mapping[str, Any]) -> str:
    """Size and digest, which one that may hold secrets has none of."""
    size = format_size(file["bytes"])
    return f"{size}, {format_digest(file['sha256'])}" if file["sha256"] else f"{size}, not read"


def spread(changes: Iterable[Change]) -> Iterator[Change]:
    """Changes of code, where files and submodules have one each instead of one for all of them."""
    for change in changes:
        if change.key == "submodules":
            a, b = change.a or {}, change.b or {}
        elif change.key == "untracked":
            a, b = ({each["path"]: each for each in s or ()} for s in (change.a, change.b))
        else:
            yield change
            continue
        for name in sorted(a.keys() | b.keys()):
            if a.get(name) != b.get(name):
                yield Change(f"{change.key} {name}", a.get(name), b.get(name))


def spread_few(changes: Iterable[Change]) -> tuple[list[Change], str | None]:
    """The same for a page: what is shown, and the words about files that are not."""
    spread_out = list(spread(changes))
    hidden = [each for each in spread_out if each.key.startswith("untracked ")][SHOWN:]
    shown = [each for each in spread_out if each not in hidden]
    return shown, f"{len(hidden)} more untracked files: see --format json" if hidden else None
