"""Files for other programs: all of what is written is there in the end, or nothing is."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dfx.errors import OUT_OF_SPACE, ConfigError

_DRAFT = ".unfinished"


@contextmanager
def whole_folder(folder: Path, target: Path) -> Iterator[Path]:
    """A folder whose content appears in `folder` when all of it is there, and else vanishes.

    Args:
        folder: New or empty, from the root; it is made, with those above it.
        target: The same as the person typed it, for messages.

    Raises:
        ConfigError: Where it holds something, is a file, or cannot be written.
    """
    draft = folder / _DRAFT
    drafted = False
    with _made(folder, target):
        _require_empty(folder, target)
        try:
            draft.mkdir(parents=True)
            drafted = True
            yield draft
            for path in sorted(draft.iterdir()):
                path.rename(folder / path.name)
            draft.rmdir()
        except BaseException:
            if drafted:
                shutil.rmtree(draft, ignore_errors=True)
            raise


@contextmanager
def whole_file(file: Path, target: Path) -> Iterator[Path]:
    """A file that appears when all of it is there, and else vanishes; it replaces nothing.

    Args:
        file: New, from the root; folders above it are made.
        target: The same as the person typed it, for messages.

    Raises:
        ConfigError: Where there is something already, or it cannot be written.
    """
    draft = file.with_name(f".{file.name}{_DRAFT}")
    with _made(file.parent, target):
        _require_new(file, target)
        if file.parent.is_file():  # of which mkdir would say that it exists
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            draft.rename(file)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise


@contextmanager
def _made(folder: Path, target: Path) -> Iterator[None]:
    """Removes what was made of a folder and those above it, where something goes wrong."""
    made: list[Path] = []
    try:
        made += (path for path in (folder, *folder.parents) if not path.exists())
        yield
    except BaseException as error:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        if isinstance(error, OSError) and error.errno not in OUT_OF_SPACE:
            raise ConfigError(
                f"{target} cannot be written: {error.strerror or error}",
                hint="name a folder where you may write",
            ) from error
        raise


def _require_empty(folder: Path, target: Path) -> None:
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    found = "holds something already" if folder.is_dir() else "is a file"
    raise ConfigError(
        f"{target} {found}; expected a new or empty folder",
        hint="name another folder, or remove this one first",
    )


def _require_new(file: Path, target: Path) -> None:
    if file.is_dir():
        raise ConfigError(
            f"{target} is a folder; expected a new file",
            hint=f"name a file in it, as {target / 'detector.onnx'}",
        )
    if os.path.lexists(file):  # a link to nowhere too, which would be replaced
        raise ConfigError(
            f"{target} is there already; expected a new file",
            hint="name another file, or remove this one first",
        )
