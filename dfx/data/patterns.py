"""Patterns of paths, as a shell takes them; they are expanded here where no shell has done so.

The standard library's `glob` would follow a link to a folder above it round and round.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import translate
from pathlib import Path

from dfx.data.walk import Report, walk_folders

_MAGIC = re.compile(r"[*?[]")


def is_pattern(text: str) -> bool:
    """Whether a path holds `*`, `?` or `[`."""
    return _MAGIC.search(text) is not None


def expand_pattern(pattern: str, *, report: Report) -> list[str]:
    """The paths that match, each once, sorted.

    `*`, `?` and `[…]` stand for characters of one name, not for a dot at its beginning. `**` stands
    for any number of folders, hidden ones apart; at the end, for the folder that it begins in. A
    part of the path that is there by its very name stands for itself.

    Args:
        pattern: With forward slashes.
        report: Told of folders that cannot be listed, and of links that lead back.
    """
    root = "/" if pattern.startswith("/") else ""
    found = set(_expand(root, [part for part in pattern.split("/") if part], report))
    if pattern.endswith("/"):
        found = {path for path in found if Path(path).is_dir()}
    return sorted(found)


def _expand(base: str, parts: list[str], report: Report) -> Iterator[str]:
    """What matches the parts below a path; an empty one is the working folder."""
    if not parts:
        yield base or "."
        return
    part, rest = parts[0], parts[1:]
    here = os.path.join(base, part)  # noqa: PTH118  # Path would take "./" away
    if part == "**":
        if not Path(base).is_dir():
            return
        if not rest:
            yield base or "."
            return
        for folder, _ in walk_folders(Path(base), report=report):
            # Path("") calls itself ".", which the person has not written.
            yield from _expand("" if str(folder) == "." else str(folder), rest, report)
    elif not is_pattern(part) or os.path.lexists(here):  # links to nowhere too
        if rest or os.path.lexists(here):  # as above
            yield from _expand(here, rest, report)
    else:
        for name in _match(base, part, report):
            path = os.path.join(base, name)  # noqa: PTH118  # as above
            if not rest or os.path.isdir(path):  # noqa: PTH112  # False where it may not be seen
                yield from _expand(path, rest, report)


def _match(folder: str, part: str, report: Report) -> list[str]:
    """The names in a folder that match a part of a pattern."""
    try:
        names = os.listdir(folder or ".")  # noqa: PTH208  # their names are all that is wanted
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        report(folder or ".", error.strerror or str(error))
        return []
    matches = re.compile(translate(part)).match
    shows_hidden = part.startswith(".")
    return [name for name in names if matches(name) and (shows_hidden or name[0] != ".")]
