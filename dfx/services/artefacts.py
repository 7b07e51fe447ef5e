"""Where a run's files are: under this home, under another one here, or on another machine."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from dfx.digests import hash_file
from dfx.errors import NotFoundError
from dfx.records import Run
from dfx.records.condition import RecordedFile, RecordedRun
from dfx.records.inventory import NamedFile, RunFiles
from dfx.services.run_files import read_mark
from dfx.tracking.store import RunStore

_Files = Sequence[RecordedFile] | Sequence[NamedFile]


def find_artefact_home(store: RunStore, run: Run | RunFiles) -> Path | None:
    """The home that the paths of a run's files are relative to; None where it is elsewhere."""

    def list_files() -> _Files:
        if isinstance(run, RunFiles):
            return run.files
        [found] = store.list_run_files(run.id)
        return found.files

    return store.home if not store.is_shared else _find_shared(run, store.home, list_files)


def find_home_of(run: RecordedRun, *, here: Path, is_shared: bool) -> Path | None:
    """As `find_artefact_home`, of a store at whatever revision.

    Args:
        run: As it is recorded.
        here: The home that the command works in.
        is_shared: Whether the store is on a server.
    """
    # A SQLite store lies in its home, wherever that was moved.
    return here if not is_shared else _find_shared(run, here, lambda: run.files)


def get_artefact_home(store: RunStore, run: Run) -> Path:
    """The home that the paths of a run's files are relative to.

    Raises:
        NotFoundError: Where its files are elsewhere, naming host and folder.
    """
    home = find_artefact_home(store, run)
    if home is None:
        place = store.home / run.directory
        raise NotFoundError(
            f"the files of {run.name} are elsewhere: in {run.home}/{run.directory} on {run.host}",
            hint=f"do it there; {place} is another run's"
            if place.exists()
            else f"do it there, or copy that folder to {place}",
        )
    return home


def _find_shared(
    run: Run | RunFiles | RecordedRun, here: Path, list_files: Callable[[], _Files]
) -> Path | None:
    """Of several homes that share a server, the one that holds the run's folder.

    A folder of that name may be another run's: of a database that was used before the server was,
    or made on a machine whose home has the same path.
    """
    made_in, is_made_on_this = Path(run.home), run.host == socket.gethostname()
    for home in dict.fromkeys((made_in, here)):
        folder = home / run.directory
        mark = read_mark(folder)
        if mark is not None:
            is_its_own = mark == run.uuid
        else:  # made before folders were marked, or not there
            is_its_own = folder.is_dir() and (
                (home == made_in and is_made_on_this) or _holds_one(home, list_files())
            )
        if is_its_own:
            return home
    # Made by this machine in this home: its files are not elsewhere, they are gone.
    is_gone = made_in == here and is_made_on_this and not (here / run.directory).is_dir()
    return here if is_gone else None


def _holds_one(home: Path, files: _Files) -> bool:
    """Whether a file is there as it was recorded; of one recipe all have the same names and sizes.

    The smallest of those that have their size is read, since they may be large.
    """
    there = [
        (file.bytes, path, file.sha256)
        for file in files
        if file.bytes is not None
        and (path := home / file.path).is_file()
        and path.stat().st_size == file.bytes
    ]
    if not there:
        return False
    _, path, sha256 = min(there, key=lambda each: each[0])
    try:
        return hash_file(path) == sha256
    except OSError:
        return False
