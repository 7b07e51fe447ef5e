"""Where a run's files are: under this home, under another one here, or on another machine."""

from __future__ import annotations

import socket
from pathlib import Path

from dfx.errors import NotFoundError
from dfx.inventory import RunFiles
from dfx.records import Run
from dfx.tracking.store import RunStore


def find_artefact_home(store: RunStore, run: Run | RunFiles) -> Path | None:
    """The home that the paths of a run's files are relative to; None where it is elsewhere.

    A SQLite store lies in its home, wherever that was moved. Of several homes that share a server,
    it is the one that holds the run's folder.
    """
    here = store.home
    if not store.is_shared:
        return here
    made_in = Path(run.home)
    is_here = (here / run.directory).is_dir()
    if is_here and (made_in == here or not made_in.is_dir()):
        return here
    if (made_in / run.directory).is_dir():
        return made_in
    # Made by this machine in this home: its files are not elsewhere, they are gone.
    if made_in == here and run.host == socket.gethostname():
        return here
    return None


def get_artefact_home(store: RunStore, run: Run) -> Path:
    """The home that the paths of a run's files are relative to.

    Raises:
        NotFoundError: Where its files are elsewhere, naming host and folder.
    """
    home = find_artefact_home(store, run)
    if home is None:
        raise NotFoundError(
            f"the files of {run.name} are elsewhere: in {run.home}/{run.directory} on {run.host}",
            hint=f"do it there, or copy that folder to {store.home / run.directory}",
        )
    return home
