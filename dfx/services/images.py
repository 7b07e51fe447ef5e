"""The images that a person means by some paths; no image is read here."""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfx.data.patterns import expand_pattern, is_pattern
from dfx.data.walk import find_obstacle, walk_images
from dfx.errors import ConfigError, NotFoundError
from dfx.services.explanation_mark import is_explanation

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
"""Endings of the files that are taken from a folder; a file that is named may have any."""

STDIN = "-"
"""Stands for a list of paths on standard input."""

_SHOWN_PROBLEMS = 5
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class FoundImage:
    """A path that somebody meant by an image.

    Attributes:
        path: As it was given, or below a folder as it was given.
        error: Why there is nothing to read at it; None where it may be an image.
    """

    path: str
    error: str | None = None


def find_images(arguments: Sequence[str]) -> list[FoundImage]:
    """The images meant by some arguments, in the order given; those of each folder sorted.

    Args:
        arguments: Files of any name; folders, of which all that is below them and ends in one of
            `SUFFIXES` is taken, hidden entries and explanations apart; patterns, as
            `expand_pattern` takes them, where there is nothing of that very name; and `-`, once,
            for a list of such paths on stdin: a line each, or separated by NULs as `find -print0`
            writes them.

    Returns:
        Also what cannot be used, with the reason, where it would have stood.

    Raises:
        ConfigError: Where stdin is named twice or in its own list, or an argument is empty.
        NotFoundError: Where nothing at all was found that may be an image.
    """
    if list(arguments).count(STDIN) > 1:
        raise ConfigError(
            "'-' is given twice; the list of paths on stdin can be read once",
            hint="put all paths into one list",
        )
    found: list[FoundImage] = []
    for argument in arguments:
        if not argument:
            raise ConfigError(
                "one of the images has an empty name",
                hint="a variable on the command line may be unset; . is the folder you are in",
            )
        if argument == STDIN:
            found += _find_listed()
        else:
            found += _find(argument)
    if all(image.error for image in found):
        raise NotFoundError(
            _describe(found),
            hint="name image files, folders, patterns in quotes such as 'photos/**/*.jpg', or - for"
            " a list of paths on stdin",
        )
    return found


def _describe(problems: Sequence[FoundImage]) -> str:
    shown = "".join(f"\n  {image.path}: {image.error}" for image in problems[:_SHOWN_PROBLEMS])
    more = len(problems) - _SHOWN_PROBLEMS
    return f"no image was found:{shown}" + (f"\n  and {more:,} more" if more > 0 else "")


def _find_listed() -> Iterator[FoundImage]:
    """What the list on stdin names.

    Raises:
        ConfigError: Where it names itself.
    """
    try:
        # Python has no stdin where the shell has closed it (<&-).
        names = parse_list(sys.stdin.buffer.read() if sys.stdin else b"")
    except OSError as error:
        yield FoundImage(STDIN, f"stdin cannot be read: {error.strerror or error}")
        return
    if STDIN in names:
        raise ConfigError(
            "the list of paths on stdin holds '-', which stands for that list",
            hint="a file of this name is ./-",
        )
    if not names:
        yield FoundImage(STDIN, "there is no path on stdin; expected one on each line")
    for name in names:
        yield from _find(name)


def parse_list(data: bytes) -> list[str]:
    """The paths of a list: separated by NULs where it holds any, else a line each.

    Blank lines are passed over. The ends of lines, and the mark at the beginning, may be those of
    Windows, where PowerShell writes UTF-16.
    """
    if data.startswith(_UTF_16):
        data = data.decode("utf-16", "replace").encode()
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        names = [name for name in data.split(b"\0") if name]
    else:
        names = [line.removesuffix(b"\r") for line in data.split(b"\n") if line.strip()]
    return [os.fsdecode(name) for name in names]


def _find(name: str) -> Iterator[FoundImage]:
    """What a path or a pattern means."""
    try:
        # One call a path, and nothing dearer: a list may have hundreds of thousands.
        is_folder = stat.S_ISDIR(os.stat(name).st_mode)  # noqa: PTH116  # as said above
    except (OSError, ValueError):
        if is_pattern(name) and not os.path.lexists(name):  # False of a NUL
            yield from _find_matches(name)
        else:
            yield FoundImage(name, find_obstacle(name))
        return
    if is_folder:
        yield from _find_below(name)
    else:
        # A pipe that was named is meant: the shell's <(…) is one.
        yield FoundImage(name)


def _find_below(folder: str) -> list[FoundImage]:
    found = _walk(folder)
    if not found:
        problem = f"the folder holds no image; expected files ending in {', '.join(SUFFIXES)}"
        return [FoundImage(folder, problem)]
    return [FoundImage(path, found[path]) for path in sorted(found)]


def _walk(folder: str) -> dict[str, str | None]:
    """What is in a folder and below it, with the reason where it cannot be used."""
    problems: dict[str, str | None] = {}
    walk = walk_images(Path(folder), SUFFIXES, report=problems.__setitem__)
    # Explanations may lie beside what they explain, and are not judged next time.
    images = (path for path in walk if not is_explanation(Path(path)))
    found = {**dict.fromkeys(images), **problems}
    # Of the working folder the walk writes "./", which the person has not.
    return {str(Path(path)): problem for path, problem in found.items()}


def _find_matches(pattern: str) -> list[FoundImage]:
    """What a pattern matches, each once; of a folder, what is in it."""
    found: dict[str, str | None] = {}
    matches = expand_pattern(pattern, report=found.__setitem__)
    for path in matches:
        found |= _walk(path) if Path(path).is_dir() else {path: find_obstacle(path)}
    if not found:
        problem = "matches folders without images" if matches else "matches nothing"
        return [FoundImage(pattern, f"this pattern {problem}")]
    return [FoundImage(path, found[path]) for path in sorted(found)]
