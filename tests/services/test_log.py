"""The log of a run, read at once and followed, in a real store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dfx.config import ExperimentConfig
from dfx.errors import NotFoundError
from dfx.messages import Notice
from dfx.records import Attempt, EpochRecord, Run, Status
from dfx.services.log import follow_log, read_log
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

Step = Callable[[], object]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DFX_DATABASE_URL", raising=False)
    (tmp_path / "runs").mkdir()
    return tmp_path / "runs"


@pytest.fixture
def store(home: Path) -> Iterator[RunStore]:
    with RunStore.open(home, create=True) as opened:
        yield opened


def begin(store: RunStore, *, is_gone: bool = False) -> tuple[Run, Attempt]:
    process = replace(this_process(), started="0") if is_gone else this_process()
    return store.create_run(
        experiment="b4",
        config=ExperimentConfig(),
        home=store.home,
        uuid=f"{len(store.list_summaries()):08d}-0000-4000-8000-000000000000",
        process=process,
        settings={},
        environment={},
    )


def record(store: RunStore, attempt: Attempt, epoch: int) -> None:
    now = datetime.now(UTC)
    values = (epoch, epoch * 10, 0.5, 0.8, 0.4, 0.9, None, None, 1e-4, 60.0, 5.0)
    store.record_epoch(
        attempt.id,
        EpochRecord(*values, attempt.number, now),
        checkpoints=[],
        evaluation=None,
        improved=False,
    )


def follow(
    home: Path, *steps: Step, tail: int | None = None
) -> tuple[list[tuple[str, int, int | None]], list[str]]:
    """What comes while one step after the other is taken, each between two looks."""
    remaining = list(steps)
    notices: list[str] = []

    def note(notice: Notice) -> None:
        notices.append(notice.text)

    def wait(seconds: float) -> None:
        assert seconds == 1
        remaining.pop(0)()

    entries = [
        (entry.event, entry.attempt, entry.epoch.epoch if entry.epoch else None)
        for entry in follow_log("b4/1", home=home, tail=tail, notify=note, wait=wait)
    ]
    assert not remaining
    return entries, notices


def test_a_log_is_read_from_its_end(store: RunStore, home: Path) -> None:
    _, attempt = begin(store)
    for epoch in (1, 2):
        record(store, attempt, epoch)
    notices: list[Notice] = []
    for tail, events in (
        (None, ["started", "epoch", "epoch"]),
        (2, ["epoch", "epoch"]),
        (0, []),
        (9, ["started", "epoch", "epoch"]),
    ):
        run, entries = read_log("b4", home=home, tail=tail, notify=notices.append)
        assert run.name == "b4/1"
        assert [entry.event for entry in entries] == events
    assert {notice.text for notice in notices} == {"Log of b4/1: the latest run of b4"}


def test_what_happens_is_told_once_until_the_run_ends(store: RunStore, home: Path) -> None:
    _, attempt = begin(store)
    record(store, attempt, 1)
    entries, notices = follow(
        home,
        lambda: record(store, attempt, 2),
        lambda: None,
        lambda: (record(store, attempt, 3), record(store, attempt, 4)),
        lambda: store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None),
    )

    assert entries == [
        ("started", 1, None),
        ("epoch", 1, 1),
        ("epoch", 1, 2),
        ("epoch", 1, 3),
        ("epoch", 1, 4),
        ("completed", 1, None),
    ]
    assert notices == []


def test_tail_is_of_what_was_there(store: RunStore, home: Path) -> None:
    _, attempt = begin(store)
    record(store, attempt, 1)
    entries, _ = follow(
        home,
        lambda: record(store, attempt, 2),
        lambda: store.finish_attempt(attempt.id, status=Status.FAILED, message="why"),
        tail=0,
    )

    assert entries == [("epoch", 1, 2), ("failed", 1, None)]


def test_a_run_that_is_taken_over_is_followed_on(store: RunStore, home: Path) -> None:
    """Killed and resumed between two looks: both are told, and so is the epoch done again."""
    run, attempt = begin(store)
    resumed: list[Attempt] = []

    def take_over() -> None:
        store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
        again = store.begin_attempt(
            run.id, process=this_process(), settings={}, environment={}, start_step=0
        )
        store.supersede_after(again.id, finished_epochs=0, step=0)
        resumed.append(again)

    entries, notices = follow(
        home,
        lambda: record(store, attempt, 1),
        take_over,
        lambda: record(store, resumed[0], 1),
        lambda: store.finish_attempt(resumed[0].id, status=Status.INTERRUPTED, message=None),
    )

    assert entries == [
        ("started", 1, None),
        ("epoch", 1, 1),
        ("interrupted", 1, None),
        ("started", 2, None),
        ("epoch", 2, 1),
        ("interrupted", 2, None),
    ]
    assert notices == [f"b4/1 is interrupted.  Continue:  dfx resume b4/1 --home {home}"]


def test_a_run_that_has_ended_is_not_waited_for(store: RunStore, home: Path) -> None:
    begin(store, is_gone=True)
    entries, notices = follow(home)

    assert [event for event, *_ in entries] == ["started", "lost"]
    assert notices == [f"b4/1 is lost.  Continue:  dfx resume b4/1 --home {home}"]


def test_a_run_that_is_removed_meanwhile_is_not_found(store: RunStore, home: Path) -> None:
    run, attempt = begin(store)

    def remove() -> None:
        store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
        store.remove_run(run.id)

    with pytest.raises(NotFoundError, match="no run"):
        follow(home, remove)
