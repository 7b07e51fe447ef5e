"""A copy of a SQLite store that is whole, also while others write to it."""

from __future__ import annotations

import itertools
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from dfx.errors import NoSpaceLeft, StoreError
from dfx.records import Status
from dfx.tracking.engine import connect_file


def back_up_beside(database: Path, revision: str | None) -> Path:
    """Copies a database to a file beside it, named with the revision and the time.

    Returns:
        The copy; no other copy is ever replaced, nor written to by two.

    Raises:
        NoSpaceLeft: Where the disk is full.
    """
    target = _reserve(database, revision)
    _fill(database, target)
    return target


def back_up(database: Path, target: Path) -> None:
    """Copies a database to a new file, which appears under its name only when it is complete.

    The copy holds one committed state, whatever others do meanwhile. It is safe on disk on return.

    Args:
        database: The file to copy.
        target: Where to; a file of that name is replaced. Nobody else may write there.

    Raises:
        NoSpaceLeft: Where the disk of the target is full.
    """
    _fill(database, target)


def _reserve(database: Path, revision: str | None) -> Path:
    """A name that is not taken, and is nobody else's as long as its unfinished file is there."""
    stem = f"{database.name}.{revision or 'base'}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for count in itertools.count(1):
        target = database.with_name(f"{stem}.backup" if count == 1 else f"{stem}-{count}.backup")
        unfinished = _name_unfinished(target)
        try:
            unfinished.touch(exist_ok=False)
        except FileExistsError:
            continue
        # Whoever held the name may have finished before it was free to be held again.
        if not target.exists():
            return target
        unfinished.unlink()
    raise AssertionError("numbers do not end")


def _name_unfinished(target: Path) -> Path:
    return target.with_name(f"{target.name}.unfinished")


def _fill(database: Path, target: Path) -> None:
    unfinished = _name_unfinished(target)
    try:
        with (
            closing(connect_file(database)) as source,
            closing(sqlite3.connect(unfinished)) as copy,
        ):
            source.backup(copy)
            # The copy inherits WAL mode; as a file to be kept, it should be the only one.
            copy.execute("PRAGMA journal_mode=DELETE")
        sync(unfinished)
        unfinished.replace(target)
        sync(target.parent)
    except sqlite3.OperationalError as error:
        # It is the copy that grows, not the database that the caller knows of.
        if error.sqlite_errorname == "SQLITE_FULL":
            message = f"no space left to write the copy {target}"
            raise NoSpaceLeft(message, hint="free some space, or name another disk") from error
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def check_copy(path: Path) -> None:
    """Accepts a copy that is sound.

    Raises:
        StoreError: Where it is not, since what it was made of is not.
    """
    with closing(sqlite3.connect(path)) as copy:
        try:
            (found,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        raise StoreError(
            f"the database is damaged, and so would be a copy of it: {found}",
            hint="`dfx db check` says more; put a backup made earlier in its place",
        )


def end_attempts(path: Path) -> None:
    """Makes a copy a home of its own: nobody works on its runs, whoever works on the originals."""
    with closing(sqlite3.connect(path)) as copy, copy:
        interrupted = (Status.INTERRUPTED.value,)
        copy.execute("UPDATE runs SET status = ? WHERE status = 'running'", interrupted)
        copy.execute(
            "UPDATE attempts SET outcome = ?, ended_at = heartbeat_at WHERE outcome IS NULL",
            interrupted,
        )


def sync(path: Path) -> None:
    """Returns when a file, or the names in a folder, are safe on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
