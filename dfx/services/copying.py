"""Copying a store while runs may be writing to it: its database alone, or the whole home.

The database is copied first, then the files that its rows name. What a run has pruned meanwhile is
no longer named by the next copy of the database, so another one is taken, until they agree.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine

from dfx.digests import copy_file
from dfx.errors import OUT_OF_SPACE, ConfigError, NoSpaceLeft, StoreError
from dfx.messages import Counting, Message
from dfx.records.condition import BackupReport, RecordedFile, RecordedRun
from dfx.services.evaluation_files import EVALUATIONS, FOLDER_NAME, REPORT_NAMES
from dfx.services.home import find_home, make_home, open_database
from dfx.services.run_files import LOG_NAME, RUN_MARK
from dfx.tracking import engine as database
from dfx.tracking.backup import back_up, back_up_beside, check_copy, end_attempts, sync
from dfx.tracking.engine import DATABASE_NAME
from dfx.tracking.inspection import list_recorded_runs
from dfx.tracking.survey import require_ours

Notify = Callable[[Message], None]

_SHARED_FOLDERS = (".patches", ".images")
"""What several runs of a home refer to by digest."""


def back_up_database(home: Path | None) -> BackupReport:
    """Copies the database of a home to a file beside it, named with the time.

    Args:
        home: As given on the command line.

    Raises:
        NotFoundError: Where there is none.
        StoreError: Where it cannot be copied, or is on a server.
    """
    folder = find_home(home)
    with open_database(folder) as engine, _translated(engine, folder):
        source, revision = _require_file(engine, folder)
        if not os.access(folder, os.W_OK):
            raise StoreError(
                f"no copy can be kept in {folder}: it cannot be written",
                hint="copy the whole home to another folder: dfx db backup DIR",
            )
        target = back_up_beside(source, revision)
        try:
            check_copy(target)
        except StoreError:
            target.unlink()
            raise
        with open_database_file(target) as copy:
            runs = len(list_recorded_runs(copy))
    return BackupReport(target, 1, target.stat().st_size, runs, ())


def back_up_home(home: Path | None, target: Path, notify: Notify) -> BackupReport:
    """Copies a home, so that the copy is one by itself; it appears under its name when it is whole.

    Runs that are being worked on are *interrupted* in the copy, and can be resumed there.

    Args:
        home: As given on the command line.
        target: A folder that is not there yet, or is empty.
        notify: Told of the progress.

    Raises:
        NotFoundError: Where there is no store.
        ConfigError: Where the target cannot be one.
        StoreError: Where the store cannot be copied, or is on a server.
        NoSpaceLeft: Where the disk of the target is full.
    """
    folder, target = find_home(home), target.expanduser().absolute()
    with open_database(folder) as engine, _translated(engine, target):
        source, _ = _require_file(engine, folder)
        _check_target(folder, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.unfinished")
        make_home(draft)
        try:
            copy = _HomeCopy(source, folder, draft, notify)
            report = copy.make(target)
            draft.replace(target)
            sync(target.parent)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    return report


@contextmanager
def open_database_file(path: Path) -> Iterator[Engine]:
    """The engine of a copy, of whatever name."""
    engine = database.open_file(path)
    try:
        yield engine
    finally:
        engine.dispose()


def _require_file(engine: Engine, home: Path) -> tuple[Path, str | None]:
    """The database file of a store, and its revision.

    Raises:
        StoreError: Where it is on a server, whose own tools copy it best.
    """
    if not database.is_sqlite(engine):
        raise StoreError(
            f"the database {database.describe(engine)} is on a server, and is copied there",
            hint=f"first copy it with pg_dump, then the folder {home}; `dfx db check` names what a"
            " run has pruned in between",
        )
    state = require_ours(engine, home)
    return database.get_database_path(engine), state.revision


def _check_target(home: Path, target: Path) -> None:
    if target.is_relative_to(home) or target.resolve().is_relative_to(home.resolve()):
        raise ConfigError(
            f"the copy {target} would lie inside the home {home}", hint="name a folder elsewhere"
        )
    if target.is_dir():
        if any(target.iterdir()):
            raise ConfigError(
                f"the folder {target} is not empty",
                hint="name one that is not there yet; an earlier copy is never changed",
            )
    elif target.exists():
        raise ConfigError(f"{target} is a file; expected a folder", hint="name another one")


@contextmanager
def _translated(engine: Engine, target: Path) -> Iterator[None]:
    with database.translated(engine):
        try:
            yield
        except OSError as error:
            where = error.filename or target
            message = f"cannot write the copy: {where}: {error.strerror or error}"
            if error.errno in OUT_OF_SPACE:
                raise NoSpaceLeft(message, hint="free some space, or name a larger disk") from None
            raise StoreError(message, hint="name a folder that can be written") from None


class _HomeCopy:
    """A copy of a home in the making."""

    def __init__(self, source: Path, home: Path, draft: Path, notify: Notify) -> None:
        self._source = source
        self._home = home
        self._draft = draft
        self._notify = notify
        self._copied: dict[str, str] = {}

    def make(self, target: Path) -> BackupReport:
        """Fills the draft, durably.

        Returns:
            What it holds, as it will be called.
        """
        runs, gone = self._snapshot(), set[RecordedFile]()
        while missing := self._copy_files(runs) - gone:
            runs = self._snapshot()
            # What is still named was not pruned, it is gone.
            gone |= missing & {file for run in runs for file in run.files}
        named = {file.path for run in runs for file in run.files}
        for name in self._copied.keys() - named:
            (self._draft / name).unlink()
        self._copy_unnamed(runs)
        left_out = [f"{file.path} is gone" for file in sorted(gone, key=lambda file: file.path)]
        left_out += self._remove_damaged(runs)
        files = [path for path in self._draft.rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        folders = [path for path in self._draft.rglob("*") if path.is_dir()]
        for written in (*files, *folders, self._draft):
            sync(written)
        return BackupReport(target, len(files), size, len(runs), tuple(left_out))

    def _snapshot(self) -> list[RecordedRun]:
        """Copies the database; what is worked on now comes first, since it may be pruned."""
        copy = self._draft / DATABASE_NAME
        back_up(self._source, copy)
        check_copy(copy)
        with open_database_file(copy) as engine:
            runs = list_recorded_runs(engine)
        end_attempts(copy)
        return sorted(runs, key=lambda run: not run.is_open)

    def _copy_files(self, runs: list[RecordedRun]) -> set[RecordedFile]:
        """Copies what is not there yet.

        Returns:
            Those that are gone.
        """
        missing: set[RecordedFile] = set()
        files = [file for run in runs for file in run.files]
        for done, file in enumerate(files):
            self._notify(Counting("Copying files", done, len(files), "file"))
            if file.path in self._copied and file.sha256 in {None, self._copied[file.path]}:
                continue
            try:
                self._copied[file.path] = self._copy(file.path)
            except FileNotFoundError:
                missing.add(file)
        self._notify(Counting("Copying files", len(files), len(files), "file"))
        return missing

    def _copy(self, name: str) -> str:
        target = self._draft / name
        with (self._home / name).open("rb") as source:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                return copy_file(source, file)

    def _copy_unnamed(self, runs: list[RecordedRun]) -> None:
        """Copies what lies there without a row: marks, logs, reports, patches, lists of images."""
        names = [f"{run.directory}/{name}" for run in runs for name in (RUN_MARK, LOG_NAME)]
        for run in runs:
            for report in sorted((self._home / run.directory / EVALUATIONS).glob("*")):
                if FOLDER_NAME.fullmatch(report.name):
                    place = report.relative_to(self._home).as_posix()
                    names += [f"{place}/{name}" for name in REPORT_NAMES]
        for folder in _SHARED_FOLDERS:
            inside = sorted((self._home / folder).glob("[!.]*"))
            names += [path.relative_to(self._home).as_posix() for path in inside if path.is_file()]
        for name in names:
            # Without an epoch there is no log, and no report has all that one may have.
            with suppress(FileNotFoundError, NotADirectoryError):
                self._copy(name)

    def _remove_damaged(self, runs: list[RecordedRun]) -> Iterator[str]:
        """Drops what is not what was written, and says so."""
        for file in (file for run in runs for file in run.files):
            digest = self._copied.get(file.path)
            if digest and file.sha256 and digest != file.sha256:
                (self._draft / file.path).unlink()
                yield f"{file.path} is damaged: its digest is {digest}, not {file.sha256}"
