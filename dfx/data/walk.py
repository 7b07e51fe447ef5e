"""Walking a folder for images, without reading them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def walk_images(folder: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Paths of the images below a folder, hidden ones apart.

    Links are followed; one to a folder on the way down is not, so that the walk ends.

    Args:
        folder: Where to begin.
        suffixes: Endings of the names, in lower case.
    """
    pending = [(folder, frozenset({folder.resolve()}))]
    while pending:
        current, above = pending.pop()
        with os.scandir(current) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    real = Path(entry.path).resolve()
                    if real not in above:
                        pending.append((Path(entry.path), above | {real}))
                elif entry.name.lower().endswith(suffixes):
                    yield entry.path
