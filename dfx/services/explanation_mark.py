"""How pictures that explain a verdict are told from all other files.

Each says in a text of its own, which PNG has room for, that dfx wrote it and for which image.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

ENDING = ".explained.png"
SHEET = "contact-sheet"
"""What a page of a contact sheet is called, and signed with."""

_HEAD_BYTES = 33
"""PNG's signature and its first chunk, which has the size of the picture."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LENGTH_BYTES = _TYPE_BYTES = 4
"""Of a chunk of PNG; the length counts what comes after the type, without the checksum."""

_TEXT = b"tEXtSoftware\0dfx --explain "
"""How our own chunk begins, after its length; whose the picture is comes after it."""


def is_explanation(path: Path) -> bool:
    """Whether a file is a picture that an explanation wrote, and not one to be judged."""
    named_so = path.name.endswith(ENDING) or path.name.startswith(SHEET)
    return named_so and read_subject(path) is not None


def sign(png: bytes, subject: str) -> bytes:
    """A PNG file that says for whom it is."""
    text = _TEXT + subject.encode("ascii")
    chunk = struct.pack(">I", len(text) - _TYPE_BYTES) + text + struct.pack(">I", zlib.crc32(text))
    return png[:_HEAD_BYTES] + chunk + png[_HEAD_BYTES:]


def read_subject(path: Path) -> str | None:
    """For whom dfx wrote a picture; None of a file that it did not write."""
    if not path.is_file():  # a pipe would keep whoever opens it waiting
        return None
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES + 256)
    except OSError:
        return None
    text = head[_HEAD_BYTES + _LENGTH_BYTES :]
    if not (head.startswith(_SIGNATURE) and text.startswith(_TEXT)):
        return None
    (length,) = struct.unpack_from(">I", head, _HEAD_BYTES)
    return text[len(_TEXT) : _TYPE_BYTES + length].decode("ascii", "replace")
