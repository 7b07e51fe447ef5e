"""What a run's folder holds: the names of what dfx writes there, and taking that away again.

What is not named here was put there by somebody else, and stays. Links are never followed.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from dfx.errors import StoreError
from dfx.services.evaluation_files import (
    EVALUATIONS,
    FOLDER_NAME,
    REPORT_NAMES,
    RESERVED_NAME,
)

RUN_MARK = ".run"
"""Holds the UUID of the run whose folder it is, and is written there before anything else."""

LOG_NAME = "log.csv"
CHECKPOINTS = "checkpoints"
"""Folder of the checkpoints, in that of the run."""

REMOVED_MARK = ".removed"
"""Written into the folder of a run once its record is removed, until its files are gone too."""

CHECKPOINT_NAME = re.compile(
    r"(?P<kind>last|best)-e(?P<epoch>\d+)(?:-b\d+-s(?P<step>\d+))?-a(?P<attempt>\d+)\.pt", re.ASCII
)
PREDICTIONS_NAME = re.compile(
    r"(?:train|val|test)-e(?P<epoch>\d+)-a(?P<attempt>\d+)\.csv", re.ASCII
)
DRAFT_NAME = re.compile(r"\..+\.draft", re.DOTALL)


def find_folder(home: Path, directory: str) -> Path | None:
    """The folder of a run, where it really lies in the home; it need not exist.

    Returns:
        None where the way there, or from there to its checkpoints, leads through a link, or out of
        the home.
    """
    parts = PurePosixPath(directory).parts
    if not parts or ".." in parts or PurePosixPath(directory).is_absolute():
        return None
    root = home.resolve()
    checkpoints = root.joinpath(*parts, CHECKPOINTS)
    return home.joinpath(*parts) if checkpoints.resolve() == checkpoints else None


def read_mark(folder: Path) -> str | None:
    """The UUID of the run whose folder it is.

    Returns:
        None where no mark is there, as in those of older versions; nobody's, the empty text, where
        one is there that cannot be read.
    """
    try:
        return (folder / RUN_MARK).read_text(encoding="utf-8", errors="replace").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return ""


def list_own_files(folder: Path, named: Collection[Path] = ()) -> list[Path]:
    """Files in a run's folder that dfx has written, checkpoints first.

    Args:
        folder: As `find_folder` gave it.
        named: Files that rows name; those of them that lie in this folder are among them.
    """
    known = {path for path in named if path.parent in {folder, folder / CHECKPOINTS}}
    checkpoints, others = (
        [
            path
            for path in list_entries(where)
            if is_regular(path)
            and (
                path in known
                or any(name.fullmatch(path.name) for name in names)
                or path in {folder / name for name in (LOG_NAME, RUN_MARK, REMOVED_MARK)}
            )
        ]
        for where, names in (
            (folder / CHECKPOINTS, (CHECKPOINT_NAME, DRAFT_NAME)),
            (folder, (PREDICTIONS_NAME, DRAFT_NAME)),
        )
    )
    reports = [path for each in list_evaluation_folders(folder) for path in list_report_files(each)]
    return [*checkpoints, *reports, *others]


def list_evaluation_folders(folder: Path) -> list[Path]:
    """The folders that evaluations by hand have made in that of their run, named or not yet."""
    return [
        path
        for path in list_entries(folder / EVALUATIONS)
        if (FOLDER_NAME.fullmatch(path.name) or RESERVED_NAME.fullmatch(path.name))
        and path.is_dir()
        and not path.is_symlink()
    ]


def list_report_files(folder: Path) -> list[Path]:
    """Files in the folder of an evaluation that dfx has written."""
    return [
        path
        for path in list_entries(folder)
        if is_regular(path) and (path.name in REPORT_NAMES or DRAFT_NAME.fullmatch(path.name))
    ]


def list_foreign_files(folder: Path, own: Collection[Path]) -> list[Path]:
    """What a run's folder holds besides; a folder that is not the run's is named as a whole."""
    folders = {folder / CHECKPOINTS, folder / EVALUATIONS, *list_evaluation_folders(folder)}

    def look_into(where: Path) -> Iterator[Path]:
        for path in list_entries(where):
            if path in folders and not path.is_symlink() and path.is_dir():
                yield from look_into(path)
            elif path not in own:
                yield path

    return list(look_into(folder))


def remove_own_files(folder: Path, files: Sequence[Path]) -> None:
    """Removes a run's files and then its folder, unless something else is in it.

    Raises:
        StoreError: Naming the file that cannot be removed.
    """
    # As long as anything else is there, it must tell whose it is, and that it is to go.
    marks = (folder / RUN_MARK, folder / REMOVED_MARK)
    for path in (*(file for file in files if file not in marks), *marks):
        remove_file(path)
    evaluations = list_evaluation_folders(folder)
    for path in (*evaluations, folder / EVALUATIONS, folder / CHECKPOINTS, folder):
        if not path.is_symlink():
            with suppress(OSError):  # it holds something else, or is gone
                path.rmdir()


def remove_file(path: Path) -> None:
    """Removes a file that may be gone already.

    Raises:
        StoreError: Where it cannot be removed.
    """
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            f"cannot remove {path}: {error.strerror or error}",
            hint=f"see that {path.parent} can be written to, then: dfx gc",
        ) from None


def set_aside(path: Path) -> Path | None:
    """Gives a file the name of a draft, so that nobody finds it; None where it is gone."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(
            f"cannot remove {path}: {error.strerror or error}",
            hint=f"see that {path.parent} can be written to, then: dfx gc",
        ) from None
    return aside


def is_regular(path: Path) -> bool:
    """Whether it is a file of its own, and no link to one."""
    return path.is_file() and not path.is_symlink()


def next_free_number(folder: Path) -> int:
    """One more than the largest number a folder has, so that a lost database overwrites nothing."""
    if not folder.is_dir():
        return 1
    return max((int(p.name) for p in folder.iterdir() if p.name.isdecimal()), default=0) + 1


def next_free_attempt(folder: Path) -> int:
    """One more than the largest attempt that a run's files name, so that none is overwritten."""
    # A run writes through a link too, so that here they are followed.
    names = [path.name for where in (folder, folder / CHECKPOINTS) for path in where.glob("*")]
    found = (CHECKPOINT_NAME.fullmatch(name) or PREDICTIONS_NAME.fullmatch(name) for name in names)
    return max((int(match["attempt"]) for match in found if match), default=0) + 1


def list_entries(folder: Path) -> list[Path]:
    """What a folder holds, sorted; nothing where it is none, or a link to one.

    Raises:
        StoreError: Where it cannot be read.
    """
    if folder.is_symlink() or not folder.is_dir():
        return []
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:  # somebody has just removed it
        return []
    except OSError as error:
        raise StoreError(
            f"cannot read {folder}: {error.strerror or error}",
            hint="see that it can be read, then try again",
        ) from None
