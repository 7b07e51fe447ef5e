"""Removing runs: all are looked at first, then each goes with its rows first and its files after.

A crash in between may leave files that no row names, never a row whose file is gone. `dfx gc` finds
those files by the mark that is with them from before the rows go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from dfx.errors import DfxError, RunBusy, StoreError
from dfx.records import Run, RunDetail, Status
from dfx.records.inventory import Removal
from dfx.services.artefacts import find_artefact_home
from dfx.services.curate import get_exact_run
from dfx.services.home import find_home, open_store
from dfx.services.run_files import (
    CHECKPOINTS,
    REMOVED_MARK,
    find_folder,
    list_foreign_files,
    list_own_files,
    remove_own_files,
)
from dfx.tracking.store import RunStore


def plan_removal(
    references: Sequence[str], *, keep_files: bool, home: Path | None
) -> list[Removal]:
    """What removing some runs would take away; nothing is changed.

    Args:
        references: Each exactly one run; one that is named twice counts once.
        keep_files: Whether only the records shall go.
        home: As given on the command line.

    Raises:
        AmbiguousReference: Where a reference leaves a choice.
        NotFoundError: Where there is no such run.
        RunBusy: Where a process works on one of them.
        StoreError: Where the files of one are elsewhere, and shall not be kept.
    """
    with open_store(find_home(home), create=False) as store:
        chosen = [get_exact_run(store, one, command="dfx rm RUN") for one in references]
        return [
            _plan(store, store.get_detail(run_id), keep_files=keep_files)
            for run_id in dict.fromkeys(summary.id for summary in chosen)
        ]


def remove_run(removal: Removal, home: Path | None) -> None:
    """Removes one run as it was planned.

    Raises:
        RunBusy: Where somebody has worked on it since; then nothing has changed.
        StoreError: Where a file cannot be removed; the record is gone by then.
    """
    run = removal.run
    with open_store(find_home(home), create=False) as store:
        now = _plan(store, store.get_detail(run.id), keep_files=removal.home is None)
        if now != removal:
            raise RunBusy(
                f"{run.name} is not as it was a moment ago",
                hint=f"look at it with `dfx show {run.name}`, then try again",
            )
        folder = None if removal.home is None else find_folder(removal.home, run.directory)
        if removal.home is None or folder is None or not folder.is_dir():
            store.remove_run(run.id)
            return
        with _marked(folder, run):
            store.remove_run(run.id)
    remove_own_files(folder, [removal.home / path for path in removal.files])


@contextmanager
def _marked(folder: Path, run: Run) -> Iterator[None]:
    """Leaves the mark in a run's folder, unless its record stays.

    It is there before the record goes: a crash in between must not let a removed run come back.
    """
    mark = folder / REMOVED_MARK
    with suppress(OSError):  # it only spares questions later, and a full disk must not stop this
        mark.write_text(f"{run.name} {run.uuid}\n", encoding="utf-8")
    try:
        yield
    except DfxError:
        mark.unlink(missing_ok=True)
        raise


def _plan(store: RunStore, detail: RunDetail, *, keep_files: bool) -> Removal:
    run = detail.run
    if run.status is Status.RUNNING:
        process = detail.attempts[-1].process
        raise RunBusy(
            f"{run.name} is being worked on by process {process.pid} on {process.host}",
            hint="wait until it ends, or stop it first; nothing was removed",
        )
    home = find_artefact_home(store, run)
    folder = None if home is None else find_folder(home, run.directory)
    elsewhere = None
    if home is None:
        elsewhere = f"{run.home}/{run.directory} on {run.host}"
    elif folder is None:
        folders = (home / run.directory, home / run.directory / CHECKPOINTS)
        linked = next((path for path in folders if path.is_symlink()), folders[0])
        elsewhere = f"{linked.resolve()}, behind a link"
    if keep_files:
        where = elsewhere or str(folder)
        return Removal(run, len(detail.epochs), None, {}, elsewhere=where)
    if home is None or folder is None:
        raise StoreError(
            f"the files of {run.name} are elsewhere: in {elsewhere}",
            hint=f"remove only its record here: dfx rm --keep-files {run.name}",
        )
    [recorded] = store.list_run_files(run.id)
    own = list_own_files(folder, [home / file.path for file in recorded.files])
    foreign = list_foreign_files(folder, own)
    return Removal(
        run,
        len(detail.epochs),
        home,
        {path.relative_to(home).as_posix(): path.stat().st_size for path in own},
        tuple(path.relative_to(home).as_posix() for path in foreign),
    )
