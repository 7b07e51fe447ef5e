"""The pictures in a folder of explanations: their names, and how they come there.

Each says whose it is, so that another explanation of that image takes its place, and nothing else
ever does.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from dfx.errors import OUT_OF_SPACE, ConfigError, DfxError, NoSpaceLeft, TrainingFailed
from dfx.services.explanation_mark import ENDING, SHEET, read_subject, sign
from dfx.training.checkpoint import write_durably

_NAME_BYTES = 200
"""The longest name that is given: file systems take 255, and a draft has more than its file."""

_ROOM_BYTES = 1 << 20
"""More than any picture takes."""


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
    try:
        write_durably(path, sign(png, subject))
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
    return next(path for path in paths if _is_free(path) or read_subject(path) == subject)


def place_sheets(folder: Path) -> Iterator[Path]:
    """Where the pages of a contact sheet go, without end; files of another origin are left out."""
    for number in count(1):
        path = folder / f"{SHEET}{'' if number == 1 else f'-{number}'}.png"
        if _is_free(path) or read_subject(path) == SHEET:
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
