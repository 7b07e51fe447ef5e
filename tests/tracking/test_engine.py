"""Transactions as they must begin, and what failures of the driver are called."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from tracking_samples import Place, begin_run, list_names, record_epoch

from dfx.errors import ConfigError, NoSpaceLeft, StoreError
from dfx.tracking import engine as database
from dfx.tracking.engine import open_engine, reading, writing
from dfx.tracking.store import RunStore


@pytest.mark.parametrize(
    ("pragma", "expected"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("busy_timeout", 30_000), ("synchronous", 2)],
)
def test_connections_are_prepared(sqlite_store: RunStore, pragma: str, expected: object) -> None:
    for begin in (reading, writing):
        with begin(sqlite_store._engine) as session:
            assert session.scalar(text(f"PRAGMA {pragma}")) == expected


def test_rolled_back_writing_leaves_nothing(store: RunStore) -> None:
    """What is left by an exception is undone as a whole, tables included."""
    begin_run(store)
    with suppress(ZeroDivisionError), writing(store._engine) as session:
        session.execute(text("CREATE TABLE extra (id INTEGER)"))
        session.execute(text("UPDATE experiments SET name = 'x'"))
        raise ZeroDivisionError

    assert store.list_experiments() == ["b4"]
    with writing(store._engine) as session:
        session.execute(text("CREATE TABLE extra (id INTEGER)"))


def test_reading_sees_one_state(store: RunStore) -> None:
    """A transaction that reads is not disturbed by one that writes, nor the other way round."""
    count = text("SELECT count(*) FROM runs")
    with reading(store._engine) as session:
        before = session.scalar(count)
        begin_run(store)
        after = session.scalar(count)

    assert (before, after) == (0, 0)
    assert len(store.list_summaries()) == 1


def test_writing_begins_as_the_only_writer(
    sqlite_store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second writer waits from its beginning, and at last says who to look for."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.1)
    impatient = open_engine(sqlite_store.home)
    with (
        writing(sqlite_store._engine),
        pytest.raises(StoreError, match=r"kept .*dfx\.db locked for too long") as refusal,
        writing(impatient),
    ):
        pytest.fail("two writers at once")

    assert "lsof" in str(refusal.value.hint)
    with reading(impatient) as session:
        assert session.scalar(text("SELECT count(*) FROM runs")) == 0


def test_threads_share_a_store(store: RunStore) -> None:
    """A heartbeat beside a training that records: every write arrives."""
    run, attempt = begin_run(store)
    failures: list[BaseException] = []

    def beat() -> None:
        try:
            for _ in range(15):
                store.beat(attempt.id)
        except BaseException as error:  # noqa: BLE001 - a thread's failure must reach the test
            failures.append(error)

    threads = [threading.Thread(target=beat) for _ in range(2)]
    for thread in threads:
        thread.start()
    for epoch in range(1, 11):
        record_epoch(store, attempt, epoch)
    for thread in threads:
        thread.join()

    assert failures == []
    assert len(store.get_detail(run.id).epochs) == 10


def test_no_connection_outlives_its_transaction(sqlite_store: RunStore) -> None:
    """A forked child finds nothing open, and the folder holds a single file."""
    begin_run(sqlite_store)
    sqlite_store.list_summaries()

    ours = str(sqlite_store.home / "dfx.db")
    assert [path for path in _list_open_files() if path.startswith(ours)] == []
    assert list_names(sqlite_store.home) == ["dfx.db"]


def _list_open_files() -> list[str]:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("needs /proc")
    # The descriptor of the listing itself is closed by the time it is asked for.
    return [str(each.readlink()) for each in list(descriptors.iterdir()) if each.is_symlink()]


def test_full_disk(sqlite_store: RunStore) -> None:
    """What no longer fits is refused as a whole; what was recorded stands."""
    run, attempt = begin_run(sqlite_store)
    record_epoch(sqlite_store, attempt, 1)

    @contextmanager
    def full_disk() -> Iterator[None]:
        def limit(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA max_page_count = 1")  # raised to what there is already

        event.listen(sqlite_store._engine, "connect", limit)
        yield
        event.remove(sqlite_store._engine, "connect", limit)

    def fill() -> None:
        for number in range(2, 500):
            record_epoch(sqlite_store, attempt, number)

    with full_disk(), pytest.raises(NoSpaceLeft, match="no space left to write") as refusal:
        fill()
    stored = len(sqlite_store.get_detail(run.id).epochs)
    record_epoch(sqlite_store, attempt, stored + 1)

    assert "free some space" in str(refusal.value.hint)
    assert len(sqlite_store.get_detail(run.id).evaluations) == stored + 1


def test_record_needs_no_more_room_than_is_said(sqlite_place: Place) -> None:
    """Of log and index together, with an environment as long as a real one."""
    needed = []
    with sqlite_place.open() as store, closing(sqlite3.connect(store.home / "dfx.db")) as held:
        begin_run(store)
        # What is held open is not tidied away.
        held.execute("SELECT count(*) FROM runs").fetchall()
        log = store.home / "dfx.db-wal"
        _, attempt = begin_run(store)
        for epoch in range(1, 100):
            before = log.stat().st_size
            record_epoch(store, attempt, epoch)
            needed.append(log.stat().st_size - before)
        index = (store.home / "dfx.db-shm").stat().st_size

    assert 0 < max(needed) + index < database.TRANSACTION_BYTES


def test_damaged_database(sqlite_place: Place) -> None:
    """Pages that make no sense are damage, said with the file's name and a way out."""
    with sqlite_place.open() as store:
        _, attempt = begin_run(store)
        for epoch in range(1, 40):
            record_epoch(store, attempt, epoch)
    path = sqlite_place.home / "dfx.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + b"\x5a" * (len(whole) - 8192))
    with (
        pytest.raises(StoreError, match=r"dfx\.db is damaged \(database disk image") as refusal,
        sqlite_place.open() as store,
    ):
        store.list_summaries()

    assert "put a copy made earlier in its place" in str(refusal.value.hint)


@pytest.fixture
def reader_home() -> Iterator[Path]:
    """A home that another user reads but may not write, with one run."""
    folder = Path(tempfile.mkdtemp(prefix="dfx-home-"))
    try:
        with RunStore.open(folder, create=True) as store:
            begin_run(store)
        (folder / "dfx.db").chmod(0o444)
        folder.chmod(0o555)
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Lets permissions hold for root too."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_reader_who_may_not_write_sees_one_state(reader_home: Path) -> None:
    """Somebody who may write, and whom he cannot keep from it, changes the file meanwhile."""
    engine = open_engine(reader_home)
    with unprivileged():
        reader = reading(engine)
        session = reader.__enter__()
        runs = session.scalar(text("SELECT count(*) FROM runs"))
    reader_home.chmod(0o755)
    (reader_home / "dfx.db").chmod(0o644)
    with RunStore.open(reader_home, create=False) as store:
        begin_run(store)
    attempts = session.scalar(text("SELECT count(*) FROM attempts"))
    reader.__exit__(None, None, None)
    with reading(engine) as session:
        later = session.scalar(text("SELECT count(*) FROM attempts"))

    assert (runs, attempts, later) == (1, 1, 2)


def test_home_that_cannot_be_written(reader_home: Path) -> None:
    """Nothing can be recorded there: an error with its path and a way out."""
    before = (reader_home / "dfx.db").read_bytes()
    with (
        unprivileged(),
        pytest.raises(StoreError, match=str(reader_home)) as refusal,
        RunStore.open(reader_home, create=True) as store,
    ):
        begin_run(store)

    assert "writable" in str(refusal.value.hint)
    assert (reader_home / "dfx.db").read_bytes() == before
    assert stat.S_IMODE((reader_home / "dfx.db").stat().st_mode) == 0o444


def test_home_that_cannot_be_made(reader_home: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(StoreError, match="cannot be made: Not a directory"):
        RunStore.open(file / "runs", create=True)
    with unprivileged(), pytest.raises(StoreError, match="cannot be made: Permission denied"):
        RunStore.open(reader_home / "runs", create=True)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://me@host/db", "starts with 'mysql'; expected postgresql"),
        ("sqlite:///x.db", "starts with 'sqlite'; expected postgresql"),
        ("rubbish", "cannot be read; expected postgresql"),
        ("postgresql://me:secret@host:port/db", "cannot be read; expected postgresql"),
        ("postgresql://me:a@secret@host/db", "cannot be read; expected postgresql"),
    ],
)
def test_url_of_something_else(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        open_engine(tmp_path, url=url)

    assert "secret" not in f"{refusal.value} {refusal.value.hint}"


@pytest.mark.parametrize("start", ["postgres", "postgresql", "postgresql+psycopg"])
def test_url_of_postgresql_is_understood(tmp_path: Path, start: str) -> None:
    """However it is spelled, it is used through psycopg, and no password is shown."""
    pytest.importorskip("psycopg", reason="needs the extra 'postgres'")
    engine = open_engine(tmp_path, url=f"{start}://me:secret@host/db")

    assert engine.url.drivername == "postgresql+psycopg"
    assert database.describe(engine) == "postgresql+psycopg://me:***@host/db"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:secret@127.0.0.1:1/db",
        "postgresql://127.0.0.1:1/db?user=me&password=secret",
        "postgresql://me@127.0.0.1:1/db?passwort=secret",
    ],
)
def test_server_that_is_not_there(tmp_path: Path, url: str) -> None:
    """The address is in the message, the password is not, wherever it stands."""
    pytest.importorskip("psycopg", reason="needs the extra 'postgres'")
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/db cannot be used:") as refusal:
        RunStore.open(tmp_path, url=url, create=True)

    assert "secret" not in str(refusal.value)
    assert "DFX_DATABASE_URL" in str(refusal.value.hint)


def test_bug_keeps_its_name(sqlite_store: RunStore) -> None:
    """An error that no user can mend is not dressed up as one."""
    with (
        pytest.raises(OperationalError, match="no such table"),
        reading(sqlite_store._engine) as session,
    ):
        session.execute(text("SELECT * FROM missing"))


def test_values_that_json_does_not_have_are_bugs(sqlite_store: RunStore) -> None:
    """A NaN in a setting is refused, not stored as something that no other program reads."""
    with pytest.raises(Exception, match="Out of range float"):
        begin_run(sqlite_store, settings={"x": float("nan")})

    assert sqlite_store.list_summaries() == []


def test_database_is_sound_after_use(sqlite_place: Place) -> None:
    with sqlite_place.open() as store:
        _, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        answers = connection.execute("PRAGMA integrity_check").fetchall()

    assert answers == [("ok",)]
