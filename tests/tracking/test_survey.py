"""A database is looked at without being changed, and rows are made from what files tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from tracking_samples import (
    Place,
    begin_run,
    gone,
    make_checkpoint,
    make_evaluation,
    record_epoch,
)

from dfx.digests import hash_file
from dfx.errors import ConfigError, RunBusy
from dfx.records import RunDetail, Status
from dfx.records.condition import FoundAttempt, FoundRun, Observation, RecordedRun, StoreCondition
from dfx.tracking.engine import open_engine
from dfx.tracking.inspection import inspect_store, list_recorded_runs
from dfx.tracking.process import this_process
from dfx.tracking.schema import HEAD, find_state
from dfx.tracking.store import RunStore
from dfx.tracking.survey import survey


def look(place: Place) -> StoreCondition:
    return survey(open_engine(place.home, url=place.url), place.home, this_process())


def test_counts(place: Place) -> None:
    """What is there is counted, each run by the status that holds now."""
    with place.open() as store:
        run, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
        _, lost = begin_run(store, experiment="other", process=gone())
        record_epoch(store, lost, 1)
        ended = begin_run(store)[1]
        store.finish_attempt(ended.id, status=Status.FAILED, message="no")
    found = look(place)

    assert (found.state, found.revision) == ("current", HEAD)
    assert found.version is not None and found.version.startswith(("SQLite ", "PostgreSQL "))
    assert found.bytes
    assert found.counts is not None
    assert {s: n for s, n in found.counts.runs.items() if n} == {
        Status.RUNNING: 1,
        Status.LOST: 1,
        Status.FAILED: 1,
    }
    counts = found.counts
    assert (counts.experiments, counts.epochs, counts.evaluations) == (2, 2, 2)
    assert (counts.checkpoints, counts.checkpoint_bytes) == (4, 20_000_000_000)
    assert [(one.run, one.attempt) for one in found.live] == [(run.name, 1)]


def test_nothing_there(place: Place) -> None:
    """A server has an empty database, a home none; neither is made by looking."""
    found = look(place)

    assert found.state == ("empty" if place.url else "absent")
    assert found.problem
    assert not place.home.exists()


def picture(home: Path) -> dict[str, tuple[int, str]]:
    """Every file with its modification time and digest."""
    return {
        path.name: (path.stat().st_mtime_ns, hash_file(path)) for path in sorted(home.iterdir())
    }


@pytest.mark.parametrize(
    ("revision", "state"), [(HEAD, "current"), ("0001", "older"), ("9999", "newer")]
)
def test_looking_changes_no_file(sqlite_place: Place, revision: str, state: str) -> None:
    """Of whatever revision it is; nor is a log left beside it."""
    sqlite_place.open().close()
    with closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection:
        connection.execute("UPDATE dfx_alembic_version SET version_num = ?", (revision,))
        connection.commit()
    before = picture(sqlite_place.home)
    found = look(sqlite_place)

    assert (found.state, found.revision, found.journal) == (state, revision, "wal")
    assert before == picture(sqlite_place.home)
    assert list(before) == ["dfx.db"]


def test_database_that_others_write_to(sqlite_place: Place) -> None:
    """What is not yet in the file but in its log counts; nobody is made to wait."""
    with (
        sqlite_place.open() as store,
        closing(sqlite3.connect(sqlite_place.home / "dfx.db", isolation_level=None)) as other,
    ):
        other.execute("SELECT * FROM runs").fetchall()
        begin_run(store)
        other.execute("BEGIN IMMEDIATE")
        found = look(sqlite_place)
        other.execute("ROLLBACK")

    assert found.counts is not None
    assert sum(found.counts.runs.values()) == 1


def inspect(place: Place) -> tuple[list[RecordedRun], list[Observation]]:
    engine = open_engine(place.home, url=place.url)
    return inspect_store(engine, find_state(engine))


def test_runs_with_their_files(place: Place) -> None:
    with place.open() as store:
        _, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
    runs, findings = inspect(place)

    assert findings == []
    assert [(run.name, run.directory, run.is_open) for run in runs] == [("b4/1", "b4/1", True)]
    assert [file.kind for file in runs[0].files] == ["last", "best", "predictions"]
    assert list_recorded_runs(open_engine(place.home, url=place.url)) == runs


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE runs SET status = 'completed'", "attempt 1 has not ended"),
        ("UPDATE attempts SET outcome = 'lost'", "every attempt has ended"),
        ("UPDATE epochs SET epoch = 3", "epochs 1, 2 are missing"),
        ("UPDATE checkpoints SET epoch = 3", "no weights of it are recorded"),
    ],
)
def test_contradictions_are_found(place: Place, statement: str, words: str) -> None:
    with place.open() as store:
        _, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
        with store._engine.begin() as connection:
            connection.execute(text(statement))
    _, findings = inspect(place)

    assert any(words in finding.message for finding in findings)
    assert all(finding.run == "b4/1" and finding.hint for finding in findings)


def as_found(detail: RunDetail, **changes: Any) -> FoundRun:
    """What the files of a run would tell that ended with this record."""
    run = detail.run
    attempts = tuple(
        FoundAttempt(
            number=a.number,
            process=a.process,
            settings=a.settings,
            environment=a.environment,
            start_step=a.start_step,
            started_at=a.started_at,
            heartbeat_at=a.heartbeat_at,
            ended_at=a.heartbeat_at,
            outcome=Status.INTERRUPTED,
            message=None,
        )
        for a in detail.attempts
    )
    found = FoundRun(
        uuid=run.uuid,
        experiment=run.experiment,
        number=run.number,
        directory=run.directory,
        created_at=run.created_at,
        config=run.config,
        recipe_digest=run.recipe_digest,
        weights=run.weights,
        splits=run.data,
        attempts=attempts,
        epochs=detail.epochs,
        checkpoints=tuple((file, 1) for file in reversed(detail.checkpoints)),
        evaluations=detail.evaluations,
        best_epoch=run.best_epoch,
        status=Status.INTERRUPTED,
        message=None,
        tags=run.tags,
        note=run.note,
        gaps=(),
    )
    return replace(found, **changes)


def lose(store: RunStore, runs: Sequence[int]) -> None:
    """Forgets runs as if their database had been lost."""
    with store._engine.begin() as connection:
        connection.execute(text("UPDATE attempts SET outcome = 'lost'"))
        connection.execute(text("UPDATE runs SET status = 'interrupted'"))
    for run in runs:
        store.remove_run(run)


def test_run_is_made_from_what_its_files_tell(store: RunStore) -> None:
    """All but its id is as it was; a second time there is nothing to do."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.add_tags(run.id, ["good"])
    before = store.get_detail(run.id)
    lose(store, [run.id])
    adopted = store.adopt_run(as_found(before), gone=())
    assert adopted is not None
    after = store.get_detail(adopted.id)

    assert adopted.is_new
    assert after.run == replace(
        before.run, id=after.run.id, status=Status.INTERRUPTED, seconds=after.run.seconds
    )
    assert (after.epochs, after.checkpoints) == (before.epochs, before.checkpoints)
    assert after.evaluations == before.evaluations
    assert store.adopt_run(as_found(before), gone=()) is None


def test_run_that_is_being_worked_on_is_left_alone(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    detail = store.get_detail(run.id)
    ahead = as_found(detail, checkpoints=((make_checkpoint("last", 30), 1),))
    with pytest.raises(RunBusy, match="b4/1"):
        store.adopt_run(ahead, gone=())

    assert store.get_detail(run.id) == detail


def test_run_whose_folder_is_anothers_is_refused(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    with pytest.raises(ConfigError, match="the folder b4/1 belongs to b4/1") as refusal:
        store.adopt_run(as_found(store.get_detail(run.id), uuid="another"), gone=())

    assert refusal.value.hint
    assert len(store.list_summaries()) == 1


def test_evaluation_made_by_hand_stays(store: RunStore) -> None:
    """What the record alone knows is not lost where files are ahead of it."""
    run, attempt = begin_run(store, process=gone())
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_evaluation(1, split="test", predictions=None))
    detail = store.get_detail(run.id)
    checkpoints = (*as_found(detail).checkpoints, (make_checkpoint("last", 20), 1))
    store.adopt_run(as_found(detail, checkpoints=checkpoints), gone=("b4/1/last-10.pt",))
    after = store.get_detail(run.id)

    assert after.evaluations == detail.evaluations
    assert [file.step for file in after.checkpoints if file.kind == "last"] == [20, 10]
    assert after.run.status is Status.INTERRUPTED
