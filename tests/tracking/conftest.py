"""Real stores, on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url

from dfx.tracking.store import RunStore

# Tests are imported by path, so what they share must be found by name.
sys.path.insert(0, str(Path(__file__).parent))

from tracking_samples import Place


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A home without a store yet, on each kind of database."""
    home = tmp_path / "runs"
    if request.param == "sqlite":
        return Place(home)
    make_database: Callable[[], str] = request.getfixturevalue("make_database")
    return Place(home, make_database())


@pytest.fixture
def sqlite_place(tmp_path: Path) -> Place:
    """A home without a store yet."""
    return Place(tmp_path / "runs")


@pytest.fixture
def store(place: Place) -> Iterator[RunStore]:
    with place.open() as opened:
        yield opened


@pytest.fixture
def sqlite_store(sqlite_place: Place) -> Iterator[RunStore]:
    with sqlite_place.open() as opened:
        yield opened


@pytest.fixture(scope="session")
def make_database(server: URL) -> Iterator[Callable[[], str]]:
    """Makes an empty place on a PostgreSQL server, and gives the URL."""
    psycopg = pytest.importorskip("psycopg", reason="PostgreSQL tests need the extra 'postgres'")
    address = server.set(drivername="postgresql").render_as_string(hide_password=False)
    made: list[str] = []

    def make() -> str:
        # A schema of its own is as good as a database, and a thousand files smaller.
        name = f"dfx_{uuid.uuid4().hex}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        made.append(name)
        place = server.update_query_dict({"options": f"-csearch_path={name}"})
        return place.render_as_string(hide_password=False)

    yield make
    with psycopg.connect(address, autocommit=True) as connection:
        for name in made:
            connection.execute(f"DROP SCHEMA {name} CASCADE")


@pytest.fixture(scope="session")
def server() -> Iterator[URL]:
    """The server that `DFX_DATABASE_URL` named when pytest started, else one of our own."""
    given = os.environ.get("DFX_TEST_DATABASE_URL")
    if given:
        yield make_url(given)
        return
    programs = _find_postgresql()
    if programs is None:
        pytest.skip(
            "PostgreSQL tests need a server in DFX_DATABASE_URL, or initdb and pg_ctl in PATH or"
            " /usr/lib/postgresql to start one"
        )
    # In memory where that is possible: what is tested is the store, not the server's disk.
    memory = Path("/dev/shm")
    folder = Path(
        tempfile.mkdtemp(prefix="dfx-postgresql-", dir=memory if memory.is_dir() else None)
    )
    # The server refuses to run as root.
    owner = _find_unprivileged() if os.geteuid() == 0 else None
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(programs / program), *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            user=None if owner is None else owner.pw_uid,
            group=None if owner is None else owner.pw_gid,
            extra_groups=None if owner is None else [],
        )

    data = str(folder / "data")
    port = _find_port()
    flags = f"-h 127.0.0.1 -p {port} -k '' -c fsync=off"
    try:
        call("initdb", "-D", data, "-U", "dfx", "-A", "trust", "-E", "UTF8", "-N")
        call("pg_ctl", "-D", data, "-w", "-o", flags, "-l", str(folder / "log"), "start")
        try:
            yield make_url(f"postgresql+psycopg://dfx@127.0.0.1:{port}/postgres")
        finally:
            call("pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def _find_postgresql() -> Path | None:
    """The folder with the server's programs."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


def _find_unprivileged() -> pwd.struct_passwd:
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
