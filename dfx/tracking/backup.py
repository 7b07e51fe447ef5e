"""A copy of a SQLite store that is whole, also while others write to it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from dfx.errors import StoreError
from dfx.records import Status
from dfx.tracking.engine import connect_file


def name_backup(database: Path, revision: str | None) -> Path:
    """Where a copy of a database goes that is kept beside it: a name that is not taken."""
    stem = f"{database.name}.{revision or 'base'}.{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    target, count = database.with_name(f"{stem}.backup"), 1
    while target.exists():
        count += 1
        target = database.with_name(f"{stem}-{count}.backup")
    return target


def back_up(database: Path, target: Path) -> None:
    """Copies a database to a new file, which appears under its name only when it is complete.

    The copy holds one committed state, whatever others do meanwhile. It is safe on disk on return.

    Args:
        database: The file to copy.
        target: Where to; a file of that name is replaced.
    """
    unfinished = target.with_name(target.name + ".unfinished")
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
