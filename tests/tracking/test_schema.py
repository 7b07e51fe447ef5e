"""Fresh, foreign, older and newer databases. What migrations make is in `test_migrations`."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from tracking_samples import Place, begin_run, continue_run, gone, list_names, record_epoch

from dfx.errors import NotFoundError, SchemaError, StoreError
from dfx.records import Status
from dfx.tracking import changes, queries, schema
from dfx.tracking.engine import open_engine, writing
from dfx.tracking.process import this_process
from dfx.tracking.schema import HEAD, find_state, upgrade
from dfx.tracking.store import RunStore


def get_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def set_revision(place: Place, revision: str) -> None:
    with writing(open_engine(place.home, url=place.url)) as session:
        session.execute(text(f"UPDATE dfx_alembic_version SET version_num = '{revision}'"))


def test_fresh_store_has_the_newest_revision(place: Place) -> None:
    """The home is made with its parents, and opening again changes nothing."""
    with place.open() as store:
        begin_run(store)
    with place.open(create=False) as store:
        assert store.list_experiments() == ["b4"]
    assert find_state(open_engine(place.home, url=place.url)).revision == HEAD


def test_store_that_is_not_there_is_not_made(place: Place) -> None:
    """Reading never leaves a home or a database behind."""
    with pytest.raises(NotFoundError, match=r"there are no runs in .*runs") as refusal:
        place.open(create=False)

    assert "dfx run" in str(refusal.value.hint)
    assert not place.home.exists()
    if place.url is not None:
        assert find_state(open_engine(place.home, url=place.url)).tables == set()


def test_empty_file_counts_as_no_store(sqlite_place: Place) -> None:
    """A first start that was killed at once leaves an empty file, and is no obstacle."""
    sqlite_place.home.mkdir()
    (sqlite_place.home / "dfx.db").touch()
    with pytest.raises(NotFoundError):
        sqlite_place.open(create=False)
    with sqlite_place.open() as store:
        assert store.list_summaries() == []


def test_foreign_database_is_left_alone(sqlite_place: Place) -> None:
    """A database with tables that are not ours is refused, and not a byte of it changes."""
    sqlite_place.home.mkdir()
    path = sqlite_place.home / "dfx.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (id INTEGER)")
    before = get_digest(path)
    for create in (True, False):
        with pytest.raises(StoreError, match="belongs to something else: it holds recipes") as no:
            sqlite_place.open(create=create)

        assert "--home" in str(no.value.hint)
    assert get_digest(path) == before
    assert list_names(sqlite_place.home) == ["dfx.db"]


def test_taken_names_on_a_server_are_left_alone(make_database: Callable[[], str]) -> None:
    """On PostgreSQL other tables may be there, but none of our names."""
    home = Path("unused")
    engine = open_engine(home, url=make_database())
    with writing(engine) as session:
        session.execute(text("CREATE TABLE recipes (id INTEGER)"))
        session.execute(text("CREATE TABLE runs (mlflow INTEGER)"))
    with pytest.raises(StoreError, match="belongs to something else: it holds runs"):
        schema.prepare(engine, home, create=False, here=this_process())
    with writing(engine) as session:
        session.execute(text("DROP TABLE runs"))
    with pytest.raises(NotFoundError):
        schema.prepare(engine, home, create=False, here=this_process())

    assert find_state(engine).tables == {"recipes"}


@pytest.mark.parametrize("create", [True, False])
def test_file_that_is_no_database_is_left_alone(sqlite_place: Place, *, create: bool) -> None:
    sqlite_place.home.mkdir()
    path = sqlite_place.home / "dfx.db"
    path.write_bytes(b"\x89PNG and so on" * 1000)
    before = get_digest(path)
    with pytest.raises(StoreError, match=r"dfx\.db is not a database") as refusal:
        sqlite_place.open(create=create)

    assert "move it away" in str(refusal.value.hint)
    assert get_digest(path) == before
    assert list_names(sqlite_place.home) == ["dfx.db"]


def test_newer_database_is_refused(place: Place) -> None:
    """A database that a newer dfx has written is not touched; the way out is to upgrade."""
    with place.open() as store:
        begin_run(store)
    set_revision(place, "9999")
    for create in (True, False):
        with pytest.raises(SchemaError, match=r"has revision 9999; this dfx .* up to") as refusal:
            place.open(create=create)

        assert "upgrade" in str(refusal.value.hint)
    with pytest.raises(SchemaError, match="has revision 9999"):
        upgrade(open_engine(place.home, url=place.url), here=this_process())
    if place.url is None:
        assert list_names(place.home) == ["dfx.db"]


def test_copy_without_wal_gets_it_again(sqlite_place: Place) -> None:
    """A database that was restored from a copy serves readers and a writer at once again."""
    with sqlite_place.open():
        pass
    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with sqlite_place.open(create=False) as store, store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_wal_waits_for_a_writer(sqlite_place: Place) -> None:
    """SQLite itself refuses at once, as when several processes start after an upgrade."""
    with sqlite_place.open():
        pass
    with closing(
        sqlite3.connect(sqlite_place.home / "dfx.db", isolation_level=None, check_same_thread=False)
    ) as writer:
        writer.execute("PRAGMA journal_mode=DELETE")
        writer.execute("BEGIN IMMEDIATE")
        later = threading.Timer(0.2, writer.execute, ("COMMIT",))
        later.start()
        with sqlite_place.open(create=False) as store, store._engine.connect() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        later.join()

    assert mode == "wal"


NEXT = f"{int(HEAD) + 1:04d}"
"""The revision of a later dfx."""

STEP = f'''
"""A step that a later dfx might take: a table built anew, and a new one."""
import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"


def upgrade():
    anew = "always" if op.get_bind().dialect.name == "sqlite" else "never"
    with op.batch_alter_table(
        "runs", recreate=anew, table_kwargs={{"sqlite_autoincrement": True}}
    ) as batch:
        batch.add_column(sa.Column("later", sa.Text()))
    op.create_table("laters", sa.Column("id", sa.Integer(), primary_key=True))
'''


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Turns this dfx into a later one, whose migrations end with a step of that text."""

    def become(step: str) -> None:
        folder = tmp_path / "50% later" / "migrations"
        shutil.copytree(schema.find_migrations(), folder)
        (folder / "versions" / f"{NEXT}_later.py").write_text(step)
        monkeypatch.setattr(schema, "find_migrations", lambda: folder)
        monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, NEXT))
        monkeypatch.setattr(schema, "HEAD", NEXT)

    return become


def test_older_database_is_backed_up_and_upgraded(
    sqlite_place: Place, later: Callable[[str], None]
) -> None:
    """It is upgraded without being asked; its runs go on, and the copy is what it was."""
    with sqlite_place.open() as store:
        run, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
        store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
        before = store.get_detail(run.id)
    later(STEP)
    with sqlite_place.open(create=False) as store:
        after = store.get_detail(run.id)
        record_epoch(store, continue_run(store, run.id), 2)
        removed, _ = begin_run(store)
        with store._engine.begin() as connection:
            connection.exec_driver_sql(f"DELETE FROM runs WHERE id = {removed.id}")
        again, _ = begin_run(store)
        epochs = [each.epoch for each in store.get_detail(run.id).epochs]
        with store._engine.connect() as connection:
            checks = [
                connection.exec_driver_sql(f"PRAGMA {check}").all()
                for check in ("integrity_check", "foreign_key_check")
            ]
    with sqlite_place.open(create=False):
        pass
    copies = sorted(sqlite_place.home.glob("dfx.db.*"))

    assert after == before
    assert epochs == [1, 2]
    assert again.id == removed.id + 1
    assert checks == [[("ok",)], []]
    assert len(copies) == 1
    assert copies[0].name.startswith(f"dfx.db.{HEAD}.2")
    with closing(sqlite3.connect(copies[0])) as connection:
        assert connection.execute("SELECT * FROM dfx_alembic_version").fetchall() == [(HEAD,)]
        assert connection.execute("SELECT epoch FROM epochs").fetchall() == [(1,)]


def test_lost_attempt_does_not_hinder_the_upgrade(
    sqlite_place: Place, later: Callable[[str], None]
) -> None:
    with sqlite_place.open() as store:
        run, _ = begin_run(store, process=gone())
    later(STEP)
    with sqlite_place.open(create=False) as store:
        assert store.get_run(run.id).status is Status.LOST


def test_database_in_use_is_not_upgraded(sqlite_place: Place, later: Callable[[str], None]) -> None:
    """While an attempt is alive the old database stays as it is, and no copy is made."""
    with sqlite_place.open() as store:
        begin_run(store)
    before = get_digest(sqlite_place.home / "dfx.db")
    later(STEP)
    refusal = f"from revision {HEAD} to {NEXT}, but process {os.getpid()}"
    with pytest.raises(SchemaError, match=refusal):
        sqlite_place.open(create=True)

    assert get_digest(sqlite_place.home / "dfx.db") == before
    assert list_names(sqlite_place.home) == ["dfx.db"]


def test_upgrade_that_fails_half_way_names_the_copy(
    sqlite_place: Place, later: Callable[[str], None]
) -> None:
    """The database is as it was, the copy is whole, and the error says where it is."""
    with sqlite_place.open() as store:
        begin_run(store, process=gone())
    before = dump(sqlite_place.home / "dfx.db")
    later(STEP + "    op.execute('INSERT INTO nowhere VALUES (1)')\n")
    with pytest.raises(SchemaError, match=rf"{NEXT} failed, and nothing .*nowhere") as no:
        sqlite_place.open(create=False)
    (copy,) = sqlite_place.home.glob("dfx.db.*")

    assert str(copy) in str(no.value.hint)
    assert dump(sqlite_place.home / "dfx.db") == before
    assert dump(copy) == before


def test_upgrade_that_breaks_references_is_undone(
    sqlite_place: Place, later: Callable[[str], None]
) -> None:
    with sqlite_place.open() as store:
        _, attempt = begin_run(store, process=gone())
        record_epoch(store, attempt, 1)
    later(STEP + "    op.execute('DELETE FROM attempts')\n")
    with pytest.raises(SchemaError, match=r"nothing was changed: row 1 of .* would point at"):
        sqlite_place.open(create=False)

    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (1,)


def test_two_starts_upgrade_once(sqlite_place: Place, later: Callable[[str], None]) -> None:
    with sqlite_place.open():
        pass
    later(STEP)
    start = threading.Barrier(4)
    copies: list[Path | None] = []

    def begin() -> None:
        start.wait()
        copies.append(upgrade(open_engine(sqlite_place.home), here=this_process()))

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(copies) == 4
    assert [path for path in copies if path] == list(sqlite_place.home.glob("dfx.db.*"))


def test_server_is_upgraded_when_asked(
    make_database: Callable[[], str], later: Callable[[str], None], tmp_path: Path
) -> None:
    """On PostgreSQL an older database is refused with the command that upgrades it."""
    url = make_database()
    with RunStore.open(tmp_path, url=url, create=True) as store:
        run, _ = begin_run(store, process=gone())
    later(STEP)
    engine = open_engine(tmp_path, url=url)
    with pytest.raises(SchemaError, match=f"has revision {HEAD}; this dfx works with {NEXT}") as no:
        RunStore.open(tmp_path, url=url, create=False)
    copy = upgrade(engine, here=this_process())

    assert "dfx db upgrade" in str(no.value.hint)
    assert copy is None
    with RunStore.open(tmp_path, url=url, create=False) as store:
        assert store.get_run(run.id).status is Status.LOST


def test_attempt_that_begins_meanwhile_stops_the_upgrade_of_a_server(
    make_database: Callable[[], str], later: Callable[[str], None], tmp_path: Path
) -> None:
    """It is waited for, although none of its rows can be seen yet, and then nothing is changed."""
    url = make_database()
    refused: list[SchemaError] = []

    def upgrade_it() -> None:
        try:
            upgrade(open_engine(tmp_path, url=url), here=this_process())
        except SchemaError as error:
            refused.append(error)

    upgrading = threading.Thread(target=upgrade_it)
    with RunStore.open(tmp_path, url=url, create=True) as store:
        run, attempt = begin_run(store)
        store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
        later(STEP)
        with writing(store._engine) as session:
            row = queries.get_run_row(session, run.id, lock=True)
            changes.add_attempt(
                session, row, process=this_process(), settings={}, environment={}, start_step=0
            )
            session.flush()
            upgrading.start()
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
            )
            while upgrading.is_alive() and not session.scalar(waiting):
                session.execute(text("SELECT pg_stat_clear_snapshot()"))
        upgrading.join()
        state = find_state(store._engine)

    assert [f"process {os.getpid()}" in str(each) for each in refused] == [True]
    assert state.revision == HEAD


def test_first_starts_at_one_moment_make_one_store(place: Place) -> None:
    """Several processes start in a home that is not there yet: all of them find one store."""
    script = "sys.stdin.readline()\nwith place.open() as store: begin_run(store)\n"
    starters = [place.start(script) for _ in range(4)]
    for starter in starters:
        assert starter.stdin is not None
        starter.stdin.write("go\n")
        starter.stdin.flush()
    for starter in starters:
        starter.communicate()

    assert [starter.returncode for starter in starters] == [0] * 4
    with place.open(create=False) as store:
        assert sorted(each.number for each in store.list_summaries()) == [1, 2, 3, 4]


def test_migrations_are_found_in_a_wheel(tmp_path: Path) -> None:
    """Inside an installed package they lie in `_migrations`, and that one is preferred."""
    package = tmp_path / "dfx"
    shutil.copytree(Path(schema.__file__).parents[1], package)
    shutil.copytree(schema.find_migrations(), package / "_migrations")
    code = "import dfx.tracking.schema as s; print(s.find_migrations())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == str(package / "_migrations")
