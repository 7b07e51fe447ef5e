"""The pictures in a folder of explanations: their names, and how they are told from other files.

Each says in a text of its own, which PNG has room for, that dfx wrote it and for which image. So
another explanation of that image takes its place, and nothing else ever does.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from dfx.errors import OUT_OF_SPACE, ConfigError, DfxError, NoSpaceLeft, TrainingFailed
from dfx.training.checkpoint import write_durably

ENDING = ".explained.png"
SHEET = "contact-sheet"
"""What a page of a contact sheet is called, and signed with."""

_NAME_BYTES = 200
"""The longest name that is given: file systems take 255, and a draft has more than its file."""

_ROOM_BYTES = 1 << 20
"""More than any picture takes."""

_HEAD_BYTES = 33
"""PNG's signature and its first chunk, which has the size of the picture."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LENGTH_BYTES = _TYPE_BYTES = 4
"""Of a chunk of PNG; the length counts what comes after the type, without the checksum."""

_TEXT = b"tEXtSoftware\0dfx --explain "
"""How our own chunk begins, after its length; whose the picture is comes after it."""


def is_explanation(path: Path) -> bool:
    """Whether a file is a picture that an explanation wrote, and not one to be judged."""
    return _read_subject(path) is not None


def prepare_folder(folder: Path) -> None:
    """Makes the folder, and tries whether pictures can be written there.

    Raises:
        ConfigError: Where it is a file, or cannot be written.
        NoSpaceLeft: Where the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_ROOM_BYTES))
            file.flush()
    except OSError as error:
        raise _explain(folder, error.errno, error.strerror or str(error)) from None


def write_picture(path: Path, png: bytes, *, subject: str) -> None:
    """Writes a picture that says whose it is: the old one or the new one is there, whole.

    Raises:
        ConfigError: Where it cannot be written.
        NoSpaceLeft: Where the disk is full.
    """
    text = _TEXT + subject.encode("ascii")
    chunk = struct.pack(">I", len(text) - _TYPE_BYTES) + text + struct.pack(">I", zlib.crc32(text))
    try:
        write_durably(path, png[:_HEAD_BYTES] + chunk + png[_HEAD_BYTES:])
    except (NoSpaceLeft, TrainingFailed) as error:
        number = errno.ENOSPC if isinstance(error, NoSpaceLeft) else None
        raise _explain(path, number, error.message.rpartition(": ")[2]) from None


def identify(image: Path) -> str:
    """What an image is called in its picture: a digest, since its path is nobody else's matter."""
    return f"sha256:{hashlib.sha256(os.fsencode(image.resolve())).hexdigest()}"


def place_picture(folder: Path, image: Path) -> Path:
    """Where the picture of an image goes: `img.png.explained.png`.

    Where another image of that name has it, or a file that dfx did not write, the folders that the
    image is in come before its name, as many as are needed; and a number after it where that does
    not help.
    """
    subject = identify(image)
    paths = (folder / f"{_fit(name)}{ENDING}" for name in _list_names(image))
    return next(path for path in paths if _is_free(path) or _read_subject(path) == subject)


def place_sheets(folder: Path) -> Iterator[Path]:
    """Where the pages of a contact sheet go, without end; files of another origin are left out."""
    for number in count(1):
        path = folder / f"{SHEET}{'' if number == 1 else f'-{number}'}.png"
        if _is_free(path) or _read_subject(path) == SHEET:
            yield path


def remove_further_sheets(places: Iterator[Path]) -> None:
    """Removes the pages that a longer contact sheet has left after those written now."""
    for path in places:
        if _is_free(path):
            return
        with suppress(OSError):
            path.unlink()


def _list_names(image: Path) -> Iterator[str]:
    *folders, name = image.absolute().parts[1:]
    for number in range(len(folders) + 1):
        yield "-".join([*folders[len(folders) - number :], name])
    for number in count(2):
        yield f"{name}-{number}"


def _fit(name: str) -> str:
    """The name, or its beginning and its end where it is too long for a file of that name."""
    head, tail = name, ""
    if len(os.fsencode(name)) > _NAME_BYTES:
        head, tail = name[: _NAME_BYTES // 2], name[-_NAME_BYTES // 2 :]
        while len(os.fsencode(f"{head}...{tail}")) > _NAME_BYTES:
            head, tail = head[:-1], tail[1:]
        head += "..."
    return head + tail


def _is_free(path: Path) -> bool:
    return not os.path.lexists(path)


def _read_subject(path: Path) -> str | None:
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


def _explain(path: Path, number: int | None, reason: str) -> DfxError:
    if number in OUT_OF_SPACE:
        return NoSpaceLeft(
            f"cannot write explanations to {path}: {reason}",
            hint="free some space, or name a folder on another disk",
        )
    if number in {errno.EEXIST, errno.ENOTDIR}:
        return ConfigError(
            f"--explain {str(path)!r} is a file, or below one; expected a folder",
            hint="name a folder; it is made where it is not there",
        )
    return ConfigError(
        f"cannot write explanations to {path}: {reason}",
        hint="name a folder that can be written: --explain FOLDER",
    )
