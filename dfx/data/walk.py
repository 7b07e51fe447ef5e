"""Walking a folder for images, without reading them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dfx.errors import DataError


def walk_images(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths of the images below a folder, hidden ones apart.

    Links are followed; one to a folder on the way down is not, so that the walk ends.

    Args:
        folder: Where to begin.
        suffixes: Endings of the names, in lower case.

    Raises:
        DataError: For a folder that cannot be listed.
    """
    pending = [(folder, frozenset({folder.resolve()}))]
    while pending:
        current, above = pending.pop()
        for entry in list_folder(current):
            path = Path(entry.path)
            # DirEntry would raise at a link to itself; Path says that it is no folder.
            if path.is_dir() if entry.is_symlink() else entry.is_dir():
                real = path.resolve()
                if real not in above:
                    pending.append((path, above | {real}))
            elif entry.name.lower().endswith(suffixes):
                yield entry.path


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
