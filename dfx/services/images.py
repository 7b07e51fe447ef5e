"""The images that a person means by some paths; no image is read here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dfx.data.walk import walk_images
from dfx.errors import NotFoundError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
"""Endings of the files that are taken from a folder; a file that is named may have any."""


def list_images(paths: Sequence[Path]) -> list[Path]:
    """The images meant by some files and folders; folders with all that is below them, sorted.

    Raises:
        NotFoundError: For a path that does not exist, or a folder without images.
    """
    images: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(walk_images(path, SUFFIXES))
            if not found:
                raise NotFoundError(
                    f"folder {str(path)!r} holds no image; expected files ending in"
                    f" {', '.join(SUFFIXES)}",
                    hint="name the files themselves to take any ending",
                )
            images += map(Path, found)
        elif path.exists():
            images.append(path)
        else:
            raise NotFoundError(f"image {str(path)!r} does not exist", hint="check the path")
    return images
