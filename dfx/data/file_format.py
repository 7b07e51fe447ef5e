"""What format a file has, by its first bytes. Names say little: a PNG may be called `.jpg`."""

from __future__ import annotations

from pathlib import Path

_BEGINNINGS = (
    ("JPEG", b"\xff\xd8\xff"),
    ("PNG", b"\x89PNG\r\n\x1a\n"),
    ("GIF", b"GIF8"),
    ("BMP", b"BM"),
    ("TIFF", b"II*\x00"),
    ("TIFF", b"MM\x00*"),
)

_BOXES = ((b"RIFF", 0, b"WEBP", 8, "WebP"), (b"ftyp", 4, b"avi", 8, "AVIF"))
"""Formats that are known by two marks, each at its place."""


def find_file_format(path: Path) -> str | None:
    """JPEG, PNG, WebP, …, or `other`; None where the file cannot be read.

    Phones' files of several pictures (MPO) are JPEG.
    """
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError:
        return None
    for name, beginning in _BEGINNINGS:
        if start.startswith(beginning):
            return name
    for mark, place, second, second_place, name in _BOXES:
        if start.startswith(mark, place) and start.startswith(second, second_place):
            return name
    return "other"
