"""Finding the home: the one directory with the database and everything that runs leave behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from dfx.errors import StoreError
from dfx.tracking.engine import DATABASE_NAME, open_engine
from dfx.tracking.filesystem import find_network_file_system
from dfx.tracking.store import RunStore


def find_home(given: Path | None) -> Path:
    """The home that a command works in.

    Args:
        given: What `--home` said. Without it: `DFX_HOME`, else the nearest `runs/` that holds a
            database in this folder or above it, else `runs/` here.

    Returns:
        An absolute path; it need not exist yet.
    """
    if given is not None:
        return as_absolute(given)
    named = os.environ.get("DFX_HOME")
    if named:
        return as_absolute(Path(named))
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "runs" / DATABASE_NAME).is_file():
            return folder / "runs"
    return here / "runs"


def as_absolute(path: Path) -> Path:
    """The path from the root, also where it is typed with `~` or goes up by `..`."""
    plain = path.expanduser().absolute()
    # Only then: a link that somebody put there on purpose stays one.
    return plain.resolve() if ".." in plain.parts else plain


def open_store(home: Path, *, create: bool) -> RunStore:
    """Opens the store of a home, or the PostgreSQL database that `DFX_DATABASE_URL` names.

    Args:
        home: As `find_home` gave it.
        create: Whether to make home and database where they are missing.

    Raises:
        NotFoundError: Where there is no database and `create` is false.
        StoreError: Where the home or the database cannot be used.
    """
    if create:
        try:
            make_home(home)
        except OSError as error:
            raise StoreError(
                f"the home {home} cannot be made: {error.strerror or error}",
                hint="name another one with --home or DFX_HOME",
            ) from None
        require_writable(home)
    return RunStore.open(home, url=_database_url(), create=create)


def make_home(home: Path) -> None:
    """Makes a home, and git blind to it: nothing in it is code, and a stash would take it away."""
    if home.is_dir() and any(home.iterdir()):
        return
    home.mkdir(parents=True, exist_ok=True)
    if os.access(home, os.W_OK):
        # Another first start may have been quicker; it writes the same.
        (home / ".gitignore").write_text("*\n", encoding="utf-8")


def require_writable(home: Path) -> None:
    """Accepts a home that a run can leave its files in, before anything else is tried.

    Raises:
        StoreError: Where nothing can be written there.
    """
    if home.is_dir() and not os.access(home, os.W_OK):
        raise StoreError(
            f"the home {home} cannot be written",
            hint="make it writable, or name another one with --home; reading works where it is",
        )


@contextmanager
def open_database(home: Path) -> Iterator[Engine]:
    """The database of a home as it is: nothing is made, upgraded or expected of it.

    Args:
        home: As `find_home` gave it.
    """
    engine = open_engine(home, url=_database_url())
    try:
        yield engine
    finally:
        engine.dispose()


def _database_url() -> str | None:
    return os.environ.get("DFX_DATABASE_URL")


def warn_of_network(home: Path) -> str | None:
    """What to say where SQLite is not safe in a home; None where nothing is known against it."""
    kind = find_network_file_system(home)
    if kind is None:
        return None
    return (
        f"{home} is on a network file system ({kind}), where SQLite is not safe: keep the home on a"
        " local disk with --home, or use a PostgreSQL server through DFX_DATABASE_URL"
    )
