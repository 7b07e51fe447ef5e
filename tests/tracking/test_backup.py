"""A copy is whole, also of a store that is being written to."""

from __future__ import annotations

import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tracking_samples import Place, begin_run, list_names, record_epoch

from dfx.tracking.backup import back_up, back_up_beside
from dfx.tracking.engine import writing
from dfx.tracking.store import RunStore


def test_copy_is_a_store(sqlite_place: Place, tmp_path: Path) -> None:
    """A copy is one file, and a home with it is used like the first."""
    copy = tmp_path / "copy" / "dfx.db"
    copy.parent.mkdir()
    with sqlite_place.open() as store:
        run, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
        back_up(sqlite_place.home / "dfx.db", copy)
        record_epoch(store, attempt, 2)
    with RunStore.open(copy.parent, create=False) as store:
        record_epoch(store, attempt, 2)

        assert len(store.get_detail(run.id).epochs) == 2
    assert list_names(copy.parent) == ["dfx.db"]


def test_copy_holds_only_what_is_committed(sqlite_store: RunStore, tmp_path: Path) -> None:
    """A transaction under way is not in the copy, and does not keep it from being made."""
    _, attempt = begin_run(sqlite_store)
    copy = tmp_path / "copy.db"
    with writing(sqlite_store._engine) as session:
        session.connection().exec_driver_sql("DELETE FROM attempts")
        back_up(sqlite_store.home / "dfx.db", copy)
    with closing(sqlite3.connect(copy)) as connection:
        kept = connection.execute("SELECT id FROM attempts").fetchall()
        sound = connection.execute("PRAGMA integrity_check").fetchall()

    assert (kept, sound) == ([(attempt.id,)], [("ok",)])


def test_copies_beside_a_database_do_not_meet(sqlite_store: RunStore) -> None:
    """Of one second, each has a name of its own and is whole, and none takes another's place."""
    begin_run(sqlite_store)
    database = sqlite_store.home / "dfx.db"
    start = threading.Barrier(8)

    def copy(_: int) -> Path:
        start.wait()
        return back_up_beside(database, "1234")

    with ThreadPoolExecutor(8) as pool:
        copies = list(pool.map(copy, range(8)))
    found = []
    for path in copies:
        with closing(sqlite3.connect(path)) as connection:
            found.append(connection.execute("SELECT count(*) FROM runs").fetchone())

    assert found == [(1,)] * 8
    assert sorted(path.name for path in copies) == sorted(
        path.name for path in sqlite_store.home.glob("dfx.db.*")
    )
    assert len(set(copies)) == 8


def test_copy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """There is never half a copy, and an earlier one stays."""
    garbage = tmp_path / "dfx.db"
    garbage.write_bytes(b"not a database, but long enough to look like one" * 100)
    copy = tmp_path / "copy.db"
    copy.write_text("earlier")
    with pytest.raises(sqlite3.DatabaseError):
        back_up(garbage, copy)

    assert copy.read_text() == "earlier"
    assert list_names(tmp_path) == ["copy.db", "dfx.db"]
