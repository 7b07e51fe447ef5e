"""A database is looked at as it is, and stays so."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tracking_samples import Place, begin_run, list_names

from dfx.errors import StoreError
from dfx.tracking.examination import examine_database
from dfx.tracking.schema import HEAD


def picture(home: Path) -> dict[str, tuple[int, str]]:
    """Every file with its modification time and digest."""
    return {
        path.name: (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in home.iterdir()
    }


def test_nothing_is_made_where_there_is_nothing(place: Place) -> None:
    found = examine_database(place.home, url=place.url)

    assert (found.standing, found.revision, found.runs) == ("absent", None, None)
    assert not place.home.exists()


def test_sound_store(place: Place) -> None:
    with place.open() as store:
        begin_run(store)
    before = picture(place.home)
    found = examine_database(place.home, url=place.url)

    assert (found.standing, found.revision, found.head, found.runs) == ("current", HEAD, HEAD, 1)
    assert found.damage == ()
    assert (found.journal, found.bytes is None) == ((None, True) if place.url else ("wal", False))
    assert before == picture(place.home)


def test_store_that_others_write_to(sqlite_place: Place) -> None:
    """What is not yet in the file but in its log counts; nobody is made to wait."""
    with (
        sqlite_place.open() as store,
        closing(sqlite3.connect(sqlite_place.home / "dfx.db", isolation_level=None)) as other,
    ):
        other.execute("SELECT * FROM runs").fetchall()
        begin_run(store)
        other.execute("BEGIN IMMEDIATE")
        found = examine_database(sqlite_place.home)
        other.execute("ROLLBACK")

    assert found.runs == 1


@pytest.mark.parametrize(("revision", "standing"), [("0001", "older"), ("9999", "newer")])
def test_other_revision_is_left_as_it_is(sqlite_place: Place, revision: str, standing: str) -> None:
    sqlite_place.open().close()
    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        connection.execute("UPDATE dfx_alembic_version SET version_num = ?", (revision,))
        connection.commit()
    before = picture(sqlite_place.home)
    found = examine_database(sqlite_place.home)

    assert (found.standing, found.revision) == (standing, revision)
    assert before == picture(sqlite_place.home)
    assert list_names(sqlite_place.home) == ["dfx.db"]


def test_database_of_something_else(sqlite_place: Place) -> None:
    sqlite_place.home.mkdir()
    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        connection.execute("CREATE TABLE albums (id INTEGER)")
        connection.commit()
    found = examine_database(sqlite_place.home)

    assert (found.standing, found.journal) == ("foreign", "delete")


def test_damage_is_told(sqlite_place: Place) -> None:
    """A page that is not what it was, and a row whose run is gone."""
    with sqlite_place.open() as store:
        begin_run(store)
    whole = sqlite_place.home / "dfx.db"
    shutil.copy(whole, sqlite_place.home / "copy")
    with closing(sqlite3.connect(whole)) as connection:
        connection.execute("INSERT INTO tags (run_id, tag) VALUES (77, 'x')")
        connection.commit()

    assert examine_database(sqlite_place.home).damage == ("row 1 of tags points at nothing",)
    shutil.copy(sqlite_place.home / "copy", whole)
    with whole.open("r+b") as file:
        file.seek(5 * 4096 + 100)
        file.write(b"\xff" * 3000)

    assert "damage" in _find_damage(sqlite_place.home)


def _find_damage(home: Path) -> str:
    """In words of SQLite's check; where even that cannot read the file, of the refusal."""
    try:
        return "damage" if examine_database(home).damage else "none"
    except StoreError as error:
        return error.message


def test_file_that_is_no_database(sqlite_place: Place) -> None:
    sqlite_place.home.mkdir()
    (sqlite_place.home / "dfx.db").write_bytes(b"no database at all, but long enough" * 99)
    with pytest.raises(StoreError, match="is not a database"):
        examine_database(sqlite_place.home)
