"""One process at a time works on a run, and an earlier one can no longer write."""

from __future__ import annotations

import inspect
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from tracking_samples import (
    Place,
    begin_run,
    continue_run,
    gone,
    make_checkpoint,
    make_epoch,
    make_split,
    record_epoch,
)

from dfx.errors import AttemptSuperseded, RunBusy
from dfx.records import ProcessIdentity, Status
from dfx.tracking.process import HEARTBEAT_TIMEOUT, this_process
from dfx.tracking.store import RunStore

WRITES: dict[str, Callable[[RunStore, int], None]] = {
    "finish_attempt": lambda store, attempt_id: store.finish_attempt(
        attempt_id, status=Status.COMPLETED, message="done"
    ),
    "beat": lambda store, attempt_id: store.beat(attempt_id),
    "check_attempt": lambda store, attempt_id: store.check_attempt(attempt_id),
    "record_data": lambda store, attempt_id: store.record_data(attempt_id, [make_split()]),
    "record_weights": lambda store, attempt_id: store.record_weights(attempt_id, {"tag": "x"}),
    "record_checkpoint": lambda store, attempt_id: store.record_checkpoint(
        attempt_id, make_checkpoint("last", 25)
    ),
    "record_epoch": lambda store, attempt_id: store.record_epoch(
        attempt_id, make_epoch(3), checkpoints=[], evaluation=None, improved=False
    ),
    "supersede_after": lambda store, attempt_id: store.supersede_after(
        attempt_id, finished_epochs=0, step=0
    ),
    "forget_checkpoints": lambda store, attempt_id: store.forget_checkpoints(
        attempt_id, ["b4/1/last-10.pt"]
    ),
}


def test_every_write_of_an_attempt_is_listed_here() -> None:
    named = {
        name
        for name, method in inspect.getmembers(RunStore, inspect.isfunction)
        if "attempt_id" in inspect.signature(method).parameters
    }

    assert named == set(WRITES)


@pytest.mark.parametrize("name", WRITES)
def test_write_is_refused_after_a_takeover(place: Place, name: str) -> None:
    """The old attempt learns who took over and when, and changes nothing."""
    with place.open() as old, place.open() as new:
        run, first = begin_run(old, process=gone())
        record_epoch(old, first, 1)
        second = continue_run(new, run.id)
        before = new.get_detail(run.id)
        with pytest.raises(AttemptSuperseded) as refusal:
            WRITES[name](old, first.id)
        here = this_process()

        assert f"b4/1 was taken over by process {here.pid} on {here.host} (" in str(refusal.value)
        assert f"{second.started_at:%Y-%m-%d %H:%M:%S} UTC" in str(refusal.value)
        assert new.get_detail(run.id) == before


@pytest.mark.parametrize("name", WRITES)
def test_write_is_refused_after_the_end(store: RunStore, name: str) -> None:
    """What has ended stays as it ended."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
    before = store.get_detail(run.id)
    with pytest.raises(AttemptSuperseded, match=r"attempt 1 of b4/1 has ended \(interrupted, 20"):
        WRITES[name](store, attempt.id)

    assert store.get_detail(run.id) == before


@pytest.mark.parametrize("name", WRITES)
def test_the_attempt_that_took_over_may_write(store: RunStore, name: str) -> None:
    run, first = begin_run(store, process=gone())
    record_epoch(store, first, 1)
    second = continue_run(store, run.id)
    if name == "record_epoch":
        record_epoch(store, second, 2)
    else:
        WRITES[name](store, second.id)


def test_lost_attempt_is_closed_by_the_next(store: RunStore) -> None:
    """A killed attempt ends as lost when it is taken over; when it ended is not known."""
    run, _ = begin_run(store, process=gone())
    lost = store.get_run(run.id).status
    continue_run(store, run.id)
    first, second = store.get_detail(run.id).attempts

    assert lost is Status.LOST
    assert (first.outcome, first.ended_at) == (Status.LOST, None)
    assert (second.outcome, second.ended_at) == (None, None)
    assert store.get_run(run.id).status is Status.RUNNING


def test_run_of_this_process_is_busy_too(store: RunStore) -> None:
    run, _ = begin_run(store)
    with pytest.raises(RunBusy, match=r"is working on b4/1 since 20"):
        continue_run(store, run.id)

    assert len(store.get_detail(run.id).attempts) == 1


def test_silent_process_elsewhere_is_taken_over(place: Place) -> None:
    """Another host is believed while its heartbeat is fresh, and no longer."""
    elsewhere = ProcessIdentity(host="elsewhere", boot="x", pid=1, started="1")
    with place.open() as store:
        run, attempt = begin_run(store, process=elsewhere)
        with pytest.raises(RunBusy, match="process 1 on elsewhere is working on b4/1"):
            continue_run(store, run.id)
        then = attempt.heartbeat_at - HEARTBEAT_TIMEOUT - timedelta(seconds=1)
        _set_heartbeat(place, store, then.strftime("%Y-%m-%d %H:%M:%S.%f"))

        assert store.get_run(run.id).status is Status.LOST
        assert continue_run(store, run.id).number == 2


def _set_heartbeat(place: Place, store: RunStore, text: str) -> None:
    zone = "" if place.url is None else "+00"
    with store._engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE attempts SET heartbeat_at = '{text}{zone}'")


WORK = """
with place.open() as store:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    print(run.id, flush=True)
    time.sleep(60)
"""


def test_killed_process_is_lost_at_once(place: Place) -> None:
    """While it lives its run is busy; after SIGKILL it is lost, and its work goes on."""
    worker = place.start(WORK)
    with worker:
        assert worker.stdout is not None
        run_id = int(worker.stdout.readline())
        with place.open() as store:
            running = store.get_run(run_id).status
            with pytest.raises(RunBusy, match=f"process {worker.pid} on "):
                continue_run(store, run_id)
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            lost = store.get_run(run_id).status
            listed = store.list_summaries()[0].status
            second = continue_run(store, run_id, start_step=10)
            record_epoch(store, second, 2)

            assert (running, lost, listed) == (Status.RUNNING, Status.LOST, Status.LOST)
            assert [each.epoch for each in store.get_detail(run_id).epochs] == [1, 2]


def test_one_of_many_takes_over(place: Place) -> None:
    """Of several that resume a lost run at one moment, one succeeds, the others find it busy."""
    with place.open() as store:
        run, _ = begin_run(store, process=gone())
        outcomes: list[str] = []
        start = threading.Barrier(6)

        def resume() -> None:
            start.wait()
            try:
                outcomes.append(f"attempt {continue_run(store, run.id).number}")
            except RunBusy:
                outcomes.append("busy")

        threads = [threading.Thread(target=resume) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert sorted(outcomes) == ["attempt 2", *["busy"] * 5]


def test_a_second_open_attempt_cannot_be_stored(sqlite_place: Place) -> None:
    """The database itself refuses two open attempts of one run."""
    with sqlite_place.open() as store:
        begin_run(store)
    columns = (
        "run_id, host, boot, pid, process_started, settings, environment, start_step, started_at,"
        " heartbeat_at"
    )
    with (
        closing(sqlite3.connect(sqlite_place.home / "dfx.db")) as connection,
        pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE.*attempts\.run_id"),
    ):
        connection.execute(
            f"INSERT INTO attempts (number, {columns}) SELECT 2, {columns} FROM attempts"
        )


def test_zombie_does_not_keep_a_run(store: RunStore) -> None:
    """A process that has ended but was not waited for is dead."""
    code = "from dfx.tracking.process import this_process as p; print(p().started)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        started = child.stdout.read().strip()
        process = replace(this_process(), pid=child.pid, started=started)
        run, _ = begin_run(store, process=process)

        assert child.returncode is None
        assert _ends_as_lost(store, run.id)


def _ends_as_lost(store: RunStore, run_id: int) -> bool:
    # Its output ends a moment before the process does.
    pause = threading.Event()
    return any(store.get_run(run_id).status is Status.LOST or pause.wait(0.05) for _ in range(100))
