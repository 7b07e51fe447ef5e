"""Where a run's files are: under this home, under another one here, or on another machine."""

from __future__ import annotations

import socket
from pathlib import Path

from dfx.errors import NotFoundError
from dfx.records import Run
from dfx.records.inventory import RunFiles
from dfx.tracking.store import RunStore


def find_artefact_home(store: RunStore, run: Run | RunFiles) -> Path | None:
    """The home that the paths of a run's files are relative to; None where it is elsewhere."""
    return find_home_of(
        run.directory,
        here=store.home,
        is_shared=store.is_shared,
        made_in=Path(run.home),
        made_on=run.host,
    )


def find_home_of(
    directory: str, *, here: Path, is_shared: bool, made_in: Path, made_on: str
) -> Path | None:
    """The home that holds the folder of a run; None where it is elsewhere.

    A SQLite store lies in its home, wherever that was moved. Of several homes that share a server,
    it is the one that holds the run's folder.

    Args:
        directory: Of the run, relative to its home.
        here: The home that the command works in.
        is_shared: Whether the store is on a server.
        made_in: The home that the run was made in.
        made_on: The host that it was made on.
    """
    if not is_shared:
        return here
    is_here = (here / directory).is_dir()
    if is_here and (made_in == here or not made_in.is_dir()):
        return here
    if (made_in / directory).is_dir():
        return made_in
    # Made by this machine in this home: its files are not elsewhere, they are gone.
    if made_in == here and made_on == socket.gethostname():
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
