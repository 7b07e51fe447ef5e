"""Rows are made of what files tell, and never of another run's, nor under a working process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from tracking_samples import Place, begin_run, find_run, make_checkpoint

from dfx.errors import ConfigError, RunBusy
from dfx.records import Status
from dfx.records.condition import Adopted, FoundRun
from dfx.tracking import changes, queries
from dfx.tracking.engine import writing
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore


def test_folder_of_another_run_is_not_taken(place: Place) -> None:
    """A file knows its runs' folders wherever its home was moved; a server has several homes."""
    with place.open() as store:
        begin_run(store, home=Path("/where/it/was"))
        found = find_run(directory="B4/1")
        if place.url is None:
            with pytest.raises(ConfigError, match="the folder B4/1 belongs to b4/1") as refusal:
                store.adopt_run(found, gone=())

            assert refusal.value.hint
        else:
            adopted = store.adopt_run(found, gone=())

            assert adopted is not None
            assert (adopted.run, adopted.is_new) == ("b4/2", True)
            with pytest.raises(ConfigError, match="the folder b4/1 belongs to b4/2"):
                store.adopt_run(find_run(), gone=())


def test_copy_in_another_folder_is_not_attached(store: RunStore) -> None:
    first = find_run()
    store.adopt_run(first, gone=())
    further = make_checkpoint(step=20, path="copy/1/checkpoints/last.pt")
    with pytest.raises(ConfigError, match="copy/1 is a copy of that of b4/1, b4/1") as refusal:
        store.adopt_run(
            find_run(uuid=first.uuid, directory="copy/1", checkpoints=((further, 1),)), gone=()
        )

    assert "back to b4/1" in str(refusal.value.hint)
    assert len(store.list_checkpoints(1)) == 1


def test_attempt_that_begins_meanwhile_is_seen(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    """On a server too, where readers pass by writers: it is waited for, and goes on working."""
    place = Place(tmp_path / "runs", make_database())
    told: list[Adopted | RunBusy | None] = []

    def adopt(store: RunStore, found: FoundRun) -> None:
        try:
            told.append(store.adopt_run(found, gone=()))
        except RunBusy as error:
            told.append(error)

    with place.open() as store, place.open() as other:
        first = find_run()
        store.adopt_run(first, gone=())
        further = make_checkpoint(step=20, path="b4/1/checkpoints/further.pt")
        found = find_run(uuid=first.uuid, checkpoints=((further, 1),))
        thread = threading.Thread(target=adopt, args=(other, found))
        with writing(store._engine) as session:
            row = queries.get_run_row(session, 1, lock=True)
            changes.add_attempt(
                session, row, process=this_process(), settings={}, environment={}, start_step=0
            )
            row.status = Status.RUNNING
            session.flush()
            thread.start()
            waiting = text(
                "SELECT count(*) FROM pg_stat_activity WHERE :me = ANY(pg_blocking_pids(pid))"
            )
            me = session.scalar(text("SELECT pg_backend_pid()"))
            with other._engine.connect() as watcher:
                while thread.is_alive() and not watcher.scalar(waiting, {"me": me}):
                    watcher.rollback()
        thread.join()
        run = store.get_run(1)
        attempts = store.get_detail(1).attempts

    assert [type(each) for each in told] == [RunBusy]
    assert (run.status, [each.outcome for each in attempts]) == (
        Status.RUNNING,
        [Status.INTERRUPTED, None],
    )
