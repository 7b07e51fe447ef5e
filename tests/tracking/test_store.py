"""Runs and attempts from beginning to end. What they record is in `test_changes`."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tracking_samples import (
    begin_run,
    continue_run,
    gone,
    make_epoch,
    make_evaluation,
    record_epoch,
)

from dfx.config import ExperimentConfig
from dfx.errors import ConfigError, NotFoundError
from dfx.records import Status
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore


def test_created_run_comes_back(store: RunStore, tmp_path: Path) -> None:
    """A run is running from the start, with its configuration and its first attempt."""
    config = ExperimentConfig().replace({"optim.lr": 3e-4, "evaluate.threshold": "fpr=0.01"})
    identity = str(uuid.uuid4())
    before = datetime.now(UTC)
    run, attempt = store.create_run(
        experiment="b4-baseline",
        config=config,
        home=tmp_path / "runs",
        uuid=identity,
        process=this_process(),
        settings={"data.workers": 2, "data.root": "ünïcode"},
        environment={"packages": {"torch": "2.6"}, "argv": ["dfx", "run"]},
    )

    assert store.get_run(run.id) == replace(run, seconds=store.get_run(run.id).seconds)
    assert (run.name, run.uuid, run.directory) == ("b4-baseline/1", identity, "b4-baseline/1")
    assert (run.config, run.recipe_digest) == (config, config.recipe_digest())
    assert (run.status, run.best_epoch, run.message) == (Status.RUNNING, None, None)
    assert (dict(run.weights), run.data) == ({}, ())
    assert run.home == str(tmp_path / "runs")
    assert abs(run.created_at - before) < timedelta(minutes=1)
    assert store.get_detail(run.id).attempts == (attempt,)
    assert (attempt.number, attempt.process, attempt.start_step) == (1, this_process(), 0)
    assert attempt.settings == {"data.workers": 2, "data.root": "ünïcode"}
    assert attempt.environment == {"packages": {"torch": "2.6"}, "argv": ["dfx", "run"]}
    assert (attempt.ended_at, attempt.outcome, attempt.message) == (None, None, None)


def test_times_are_aware_and_in_utc(store: RunStore) -> None:
    """Times come back as the same instant, whatever zone they were given in."""
    run, attempt = begin_run(store)
    cairo = datetime.fromisoformat("2025-03-04T07:06:07.891011+02:00")
    store.record_epoch(
        attempt.id,
        make_epoch(finished_at=cairo),
        checkpoints=[],
        evaluation=None,
        improved=False,
    )
    finished_at = store.get_detail(run.id).epochs[0].finished_at

    assert finished_at == cairo
    assert finished_at.tzinfo is UTC
    assert run.created_at.tzinfo is UTC


def test_time_without_zone_is_refused(store: RunStore) -> None:
    run, attempt = begin_run(store)
    naive = make_epoch(finished_at=datetime(2025, 1, 1))  # noqa: DTZ001 - that is the point
    with pytest.raises(Exception, match="no time zone"):
        store.record_epoch(attempt.id, naive, checkpoints=[], evaluation=None, improved=False)

    assert store.get_detail(run.id).epochs == ()


def test_runs_are_numbered_by_experiment(store: RunStore) -> None:
    """Each experiment counts from 1; numbers whose folders exist are passed over for good."""
    names = [
        begin_run(store, experiment="a")[0].name,
        begin_run(store, experiment="b")[0].name,
        begin_run(store, experiment="a", at_least_number=5)[0].name,
        begin_run(store, experiment="a", at_least_number=2)[0].name,
    ]

    assert names == ["a/1", "b/1", "a/5", "a/6"]


def test_attempts_pass_over_numbers_that_files_bear(store: RunStore) -> None:
    run, first = begin_run(store)
    numbers = [first.number]
    for at_least_number in (1, 7, 3):
        store.finish_attempt(
            store.get_detail(run.id).attempts[-1].id, status=Status.FAILED, message=None
        )
        numbers.append(continue_run(store, run.id, at_least_number=at_least_number).number)

    assert numbers == [1, 2, 7, 8]


def test_experiment_in_another_case_is_refused(store: RunStore) -> None:
    """Two experiments never share a folder on a disk that ignores case."""
    begin_run(store, experiment="B4")
    with pytest.raises(ConfigError, match="'b4' differs from 'B4' only in upper and lower case"):
        begin_run(store, experiment="b4")

    assert store.list_experiments() == ["B4"]


def test_attempts_are_numbered_and_end(store: RunStore) -> None:
    """A run takes the status and the message of its attempt; a new attempt clears both."""
    run, first = begin_run(store)
    store.finish_attempt(first.id, status=Status.FAILED, message="the disk is full")
    failed = store.get_run(run.id)
    second = continue_run(store, run.id, start_step=7, settings={"train.epochs": 20})
    resumed = store.get_run(run.id)
    store.finish_attempt(second.id, status=Status.COMPLETED, message=None)
    completed = store.get_run(run.id)

    assert (failed.status, failed.message) == (Status.FAILED, "the disk is full")
    assert (second.number, second.start_step, second.settings) == (2, 7, {"train.epochs": 20})
    assert (resumed.status, resumed.message) == (Status.RUNNING, None)
    assert (completed.status, completed.message) == (Status.COMPLETED, None)
    outcomes = [
        (each.number, each.outcome, each.message, each.ended_at is not None)
        for each in store.get_detail(run.id).attempts
    ]
    assert outcomes == [
        (1, Status.FAILED, "the disk is full", True),
        (2, Status.COMPLETED, None, True),
    ]


def test_message_of_a_completed_run_is_kept(store: RunStore) -> None:
    run, attempt = begin_run(store)
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message="stopped early")

    assert store.get_run(run.id).message == "stopped early"


@pytest.mark.parametrize("status", [Status.RUNNING, Status.LOST])
def test_attempt_cannot_end_as(store: RunStore, status: Status) -> None:
    _, attempt = begin_run(store)
    with pytest.raises(ValueError, match=f"cannot end as {status}"):
        store.finish_attempt(attempt.id, status=status, message=None)


def test_heartbeat_moves_on(store: RunStore) -> None:
    run, attempt = begin_run(store)
    store.beat(attempt.id)
    later = store.get_detail(run.id).attempts[0]

    assert later.heartbeat_at > attempt.heartbeat_at
    assert later.started_at == attempt.started_at


def test_unknown_run_is_not_found(store: RunStore) -> None:
    with pytest.raises(NotFoundError, match="there is no run 99"):
        continue_run(store, 99)
    with pytest.raises(NotFoundError, match="there is no run 99"):
        store.record_evaluation(99, make_evaluation())
    with pytest.raises(NotFoundError, match="there is no attempt 99"):
        store.beat(99)


def test_numbers_of_removed_runs_never_come_back(store: RunStore) -> None:
    """Neither the short id nor the number is given to another run."""
    begin_run(store)
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    with store._engine.begin() as connection:
        connection.exec_driver_sql(f"DELETE FROM runs WHERE id = {run.id}")
    again, _ = begin_run(store)

    assert (again.id, again.number) == (run.id + 1, run.number + 1)


def test_every_write_is_a_sign_of_life(store: RunStore) -> None:
    """A run that is killed before its first heartbeat has lasted until its last epoch."""
    run, attempt = begin_run(store, process=gone())
    record_epoch(store, attempt, 1)
    later = store.get_detail(run.id).attempts[0]

    assert later.heartbeat_at > attempt.heartbeat_at
    assert store.get_run(run.id).seconds == pytest.approx(
        (later.heartbeat_at - later.started_at).total_seconds(), abs=0.001
    )
