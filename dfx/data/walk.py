"""Walking a folder for images, without reading them."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from dfx.errors import DataError

Report = Callable[[str, str], None]
"""Told of what a walk passes over: its path, and why."""

_IRREGULAR = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


class Folder(NamedTuple):
    """A folder on the way, and what it holds beside folders, sorted, hidden entries apart."""

    path: Path
    files: list[os.DirEntry[str]]


def walk_images(
    folder: Path, suffixes: tuple[str, ...], *, report: Report | None = None
) -> Iterator[str]:
    """Paths of the images below a folder, hidden ones apart.

    Links are followed; one to a folder on the way down is not, so that the walk ends.

    Args:
        folder: Where to begin.
        suffixes: Endings of the names, in lower case.
        report: Told of each such link, one to a folder above the beginning included, of each folder
            that cannot be listed, and of what has an image's name but is no file. Without it, links
            are passed over in silence, those to above the beginning are followed, a folder is an
            error, and what is no file is among the images.

    Raises:
        DataError: For a folder that cannot be listed, where nobody is told of it.
    """
    for _, files in walk_folders(folder, report=report):
        for entry in files:
            if entry.name.lower().endswith(suffixes):
                # Asking links alone for their end saves a call for each of the others.
                if report is None or entry.is_file(follow_symlinks=False):
                    yield entry.path
                elif obstacle := find_obstacle(entry.path):
                    report(entry.path, obstacle)
                else:
                    yield entry.path


def walk_folders(folder: Path, *, report: Report | None = None) -> Iterator[Folder]:
    """A folder and all below it, as `walk_images` goes through them.

    Raises:
        DataError: As there.
    """
    real = folder.resolve()
    # Training has always followed a link to above its folder: other images would be other data.
    pending = [(folder, frozenset({real} if report is None else {real, *real.parents}))]
    while pending:
        current, above = pending.pop()
        try:
            entries = list_folder(current)
        except DataError as error:
            if report is None:
                raise
            report(str(current), error.message.removeprefix(f"{current}: "))
            continue
        files: list[os.DirEntry[str]] = []
        for entry in entries:
            # DirEntry would raise at a link to itself; this says that it is no folder.
            if not (os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()):  # noqa: PTH112  # Path raises where the link leads to what may not be seen
                files.append(entry)
                continue
            path = Path(entry.path)
            real = path.resolve()
            if real not in above:
                pending.append((path, above | {real}))
            elif report is not None:
                report(entry.path, f"links to {real}, a folder that it lies in (directory loop)")
        yield Folder(current, files)


def list_folder(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds, sorted by name, hidden entries apart.

    Raises:
        DataError: Where it cannot be listed.
    """
    try:
        with os.scandir(folder) as entries:
            shown = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(
            f"{folder}: {error.strerror or error}", hint="check the folder and its permissions"
        ) from None
    return sorted(shown, key=lambda entry: entry.name)


def find_obstacle(path: str) -> str | None:
    """Why nothing can be read at a path, or reading might never end; None of a regular file."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  # hundreds of thousands may be asked for
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            is_link = os.path.islink(path)  # noqa: PTH114  # as above
            return "a link to a file that does not exist" if is_link else "does not exist"
        return error.strerror or str(error)
    except ValueError:  # a NUL in it
        return "does not exist"
    found = (f"{name}, not an image file" for is_such, name in _IRREGULAR if is_such(mode))
    return next(found, None)
