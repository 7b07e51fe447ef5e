"""The uncommitted changes that runs were made with, and how two such patches differ.

They are kept by `dfx.services.provenance`. Here they are read, not applied.
"""

from __future__ import annotations

import difflib
import gzip
import re
import zlib
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from dfx.records.differences import PatchedFile

_COMPARED_LINES = 20_000
"""Of both sides together; comparing more line by line would take minutes."""

_ESCAPES = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
"""What git writes for a control character; any other is itself."""


def find_patch(home: Path, digest: str) -> str | None:
    """A patch as text; None where it was not kept, or is damaged.

    Args:
        home: The home of the run.
        digest: As recorded, with the algorithm as prefix.
    """
    path = home / ".patches" / f"{digest.removeprefix('sha256:')}.patch.gz"
    try:
        return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    except (OSError, EOFError, zlib.error):
        return None


def compare_patches(a: str, b: str, names: tuple[str, str]) -> tuple[list[PatchedFile], str]:
    """What two patches do differently, by file and line by line.

    Args:
        a: A patch as git writes it; empty where there are no changes.
        b: As above.
        names: What A and B are called in the text.

    Returns:
        The files that they treat differently, and a text: for a file in one patch only, its part of
        that patch; else the difference between the two parts.
    """
    parts_a, parts_b = _split(a), _split(b)
    files: list[PatchedFile] = []
    texts: list[str] = []
    for path in sorted({*parts_a, *parts_b}):
        part_a, part_b = parts_a.get(path), parts_b.get(path)
        if part_a and part_b and _essence(part_a) == _essence(part_b):
            continue
        files.append(PatchedFile(path, _count(part_a), _count(part_b)))
        texts += _describe(path, part_a, part_b, names)
    return files, "\n".join(texts)


def _describe(
    path: str, a: Sequence[str] | None, b: Sequence[str] | None, names: tuple[str, str]
) -> list[str]:
    if a is None or b is None:
        name, part = (names[1], b or ()) if a is None else (names[0], a)
        return [f"# {path}: only changed in {name}", *part]
    if len(a) + len(b) > _COMPARED_LINES:
        heads = [f"# {path}: as changed in {name}" for name in names]
        return [heads[0], *a, heads[1], *b]
    head = f"# {path}: how the changes of {names[0]} and {names[1]} differ"
    return [head, *difflib.unified_diff(_essence(a), _essence(b), *names, lineterm="")]


def _essence(part: Sequence[str]) -> list[str]:
    """A part without the digests of the whole file before and after."""
    return [line for line in part if not line.startswith("index ")]


def _split(patch: str) -> dict[str, list[str]]:
    """The lines of a patch by the file that they change."""
    parts: dict[str, list[str]] = {}
    number = 0

    def part_of(line: str) -> int:
        nonlocal number
        # Within a part every line begins with a sign or a space, so this begins the next one.
        number += line.startswith("diff --git ")
        return number

    # Only at line feeds: a changed line may hold any other separator.
    for part, lines in groupby(patch.removesuffix("\n").split("\n"), part_of):
        if part:
            found = list(lines)
            parts[_path(found)] = found
    return parts


def _path(part: Sequence[str]) -> str:
    """The file that a part is about, by its new name where it has one."""
    head = part[: next((i for i, line in enumerate(part) if line.startswith("@@")), len(part))]
    for mark, folder in (("+++ ", "b/"), ("rename to ", ""), ("--- ", "a/")):
        for line in head:
            name = _unquote(line.removeprefix(mark).rstrip("\t"))
            if line.startswith(mark) and name.startswith(folder):
                return name.removeprefix(folder)
    # Only the head line names it, twice: of a binary or an empty file, or one of another mode.
    names = part[0].removeprefix("diff --git ")
    return _unquote(names[len(names) // 2 + 1 :]).removeprefix("b/")


def _unquote(name: str) -> str:
    r"""A file's name as it is, where git has quoted it for what is in it.

    >>> _unquote(r'"b/fi le \303\251\t.py"'), _unquote("b/a.py")
    ('b/fi le é\t.py', 'b/a.py')
    """
    if len(name) < 2 or not name.startswith('"') or not name.endswith('"'):
        return name

    def byte(found: re.Match[bytes]) -> bytes:
        code = found[1]
        return bytes([int(code, 8) if code.isdigit() else _ESCAPES.get(code[0], code[0])])

    raw = re.sub(rb"\\([0-7]{3}|.)", byte, name[1:-1].encode("utf-8", "surrogateescape"))
    return raw.decode("utf-8", "backslashreplace")


def _count(part: Sequence[str] | None) -> tuple[int, int] | None:
    """Lines added and removed."""
    if part is None:
        return None
    start = next((i for i, line in enumerate(part) if line.startswith("@@")), len(part))
    changed = [line[:1] for line in part[start:]]
    return changed.count("+"), changed.count("-")
