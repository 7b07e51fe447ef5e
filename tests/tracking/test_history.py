"""What the store tells of everything that ever happened to a run."""

from __future__ import annotations

import pytest
from tracking_samples import begin_run, continue_run, gone, record_epoch

from dfx.errors import NotFoundError
from dfx.records import Status
from dfx.records.history import list_entries
from dfx.tracking.store import RunStore


def test_what_no_longer_stands_is_told_with_what_took_its_place(store: RunStore) -> None:
    run, first = begin_run(store)
    for epoch in (1, 2, 3):
        record_epoch(store, first, epoch)
    store.finish_attempt(first.id, status=Status.INTERRUPTED, message="SIGTERM")
    second = continue_run(store, run.id, start_step=10)
    store.supersede_after(second.id, finished_epochs=1, step=10)
    record_epoch(store, second, 2)
    history = store.get_history(run.id)

    assert [(e.record.epoch, e.record.attempt, e.superseded_by) for e in history.epochs] == [
        (1, 1, None),
        (2, 1, 2),
        (3, 1, 2),
        (2, 2, None),
    ]
    assert history.run == store.get_run(run.id)
    assert history.attempts == store.get_detail(run.id).attempts
    standing = tuple(e.record for e in history.epochs if e.superseded_by is None)
    assert store.get_detail(run.id).epochs == standing


def test_of_a_lost_run_the_loss_is_the_last_event(store: RunStore) -> None:
    """Before another attempt takes over, and after it."""
    run, first = begin_run(store, process=gone())
    record_epoch(store, first, 1)
    lost = list_entries(store.get_history(run.id))
    continue_run(store, run.id, start_step=10)
    resumed = list_entries(store.get_history(run.id))

    assert [entry.event for entry in lost] == ["started", "epoch", "lost"]
    assert [entry.event for entry in resumed] == ["started", "epoch", "lost", "started"]
    assert resumed[-1].step == 10


def test_unknown_run_has_no_history(store: RunStore) -> None:
    with pytest.raises(NotFoundError, match="no run 7"):
        store.get_history(7)
