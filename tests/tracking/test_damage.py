"""A database that SQLite finds nothing wrong with, and that is not as it was written."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing, suppress
from functools import partial

import pytest
from by_hand_samples import make_evaluation_by_hand
from sqlalchemy import text
from tracking_samples import Place, begin_run, gone, record_epoch

from dfx.errors import DfxError, NotFoundError, StoreError
from dfx.records.condition import Observation
from dfx.tracking import engine as database
from dfx.tracking.inspection import inspect_store
from dfx.tracking.schema import find_state


def fill(place: Place) -> None:
    with place.open() as store:
        _, attempt = begin_run(store, process=gone())
        record_epoch(store, attempt, 1)
        store.record_test_use(1, epoch=1, dataset="faces", dataset_digest="sha256:test")
        store.record_evaluation(1, make_evaluation_by_hand())


def inspect(place: Place) -> list[Observation]:
    """What is found to be wrong; nothing may end in anything but an error of ours."""
    engine = database.open_engine(place.home, url=place.url)
    return inspect_store(engine, find_state(engine))[1]


def read_everything(place: Place) -> list[StoreError]:
    """What is said by each reading that fails."""
    try:
        store = place.open(create=False)
    except StoreError as error:
        return [error]
    failed = []
    with store:
        for read in (
            store.list_summaries,
            store.read_settings,
            partial(store.get_detail, 1),
            partial(store.get_history, 1),
            store.read_extracts,
            store.list_run_files,
            store.list_digests,
        ):
            try:
                read()
            except StoreError as error:
                failed.append(error)
            except NotFoundError:
                assert 1 not in {each.id for each in store.list_summaries()}
    return failed


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("ALTER TABLE runs RENAME COLUMN note TO nite", "the table runs has no column note"),
        ("ALTER TABLE tags RENAME TO togs", "the table tags is missing"),
    ],
)
def test_names_that_have_changed_are_found(place: Place, statement: str, words: str) -> None:
    """By a check, on a server too."""
    fill(place)
    assert (inspect(place), read_everything(place)) == ([], [])
    with database.writing(database.open_engine(place.home, url=place.url)) as session:
        session.execute(text(statement))
    found = inspect(place)

    assert [words] == [each.message for each in found if each.kind == "damaged"]
    assert all(each.hint for each in found)
    if place.url is None or "tags" in statement:
        with pytest.raises(StoreError, match="is damaged") as said, place.open() as store:
            store.list_summaries()

        assert "put a copy made earlier in its place" in str(said.value.hint)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE epochs SET finished_at = '2025-13-99'",
        "UPDATE runs SET config = '{\"optim\"'",
        "UPDATE attempts SET environment = '{]'",
        "UPDATE runs SET directory = CAST(x'ff' AS TEXT)",
        "UPDATE runs SET experiment_id = 7",
        "UPDATE runs SET status = 'compleved'",
        "UPDATE runs SET config = replace(config, 'cosine', 'cos=ne')",
        "UPDATE evaluations SET origin = 'trainimg'",
        "UPDATE evaluations SET detail = '7'",
        "UPDATE evaluations SET detail = replace(detail, 'headline', 'headlime')",
        "UPDATE test_uses SET used_at = '2025-13-99'",
    ],
)
def test_changed_bytes_are_damage(sqlite_place: Place, statement: str) -> None:
    fill(sqlite_place)
    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement)
        connection.commit()
    failed = read_everything(sqlite_place)

    assert any("is damaged" in error.message for error in failed)
    assert [each for each in inspect(sqlite_place) if each.is_fault]


def test_no_byte_ends_in_a_traceback(sqlite_place: Place) -> None:
    """Whatever a single changed byte does, a failure is named, and a check does not overlook it."""
    fill(sqlite_place)
    path = sqlite_place.home / "dfx.db"
    whole = path.read_bytes()
    chance = random.Random(4)
    used = [i for i in range(100, len(whole)) if whole[i]]
    overlooked, failures = [], 0
    for position in chance.sample(used, 25):
        content = bytearray(whole)
        content[position] ^= chance.randrange(1, 256)
        for file in sqlite_place.home.iterdir():
            file.unlink()
        path.write_bytes(content)
        failed = read_everything(sqlite_place)
        found = []
        with suppress(DfxError):
            found = inspect(sqlite_place)
            if failed and not found:
                overlooked.append((position, failed[0].message))
        failures += bool(failed)

    assert overlooked == []
    assert failures > 5
