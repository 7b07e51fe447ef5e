"""A heart that goes on beating through trouble, and knows when it is no longer wanted."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dfx.config import ExperimentConfig, parse_config
from dfx.errors import AttemptSuperseded, NotFoundError, StoreError
from dfx.messages import EpochFinished, Message, Progress
from dfx.records import Attempt, Run, Status
from dfx.services import heartbeat
from dfx.services.configure import Configuration
from dfx.services.heartbeat import Heartbeat
from dfx.services.train import start_run
from dfx.tracking import engine
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore


class Counted(RunStore):
    """A store that says how its beats end."""

    beaten = threading.Event()
    failed = threading.Event()
    refused = threading.Event()

    def beat(self, attempt_id: int) -> None:
        try:
            super().beat(attempt_id)
        except (AttemptSuperseded, NotFoundError):
            self.refused.set()
            raise
        except StoreError:
            self.failed.set()
            raise
        self.beaten.set()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.05)
    for event in (Counted.beaten, Counted.failed, Counted.refused):
        event.clear()
    with Counted.open(tmp_path / "runs", create=True) as opened:
        yield opened


def begin(store: RunStore) -> tuple[Run, Attempt]:
    """A run of a process that has ended."""
    return store.create_run(
        experiment="one",
        config=ExperimentConfig(),
        home=store.home,
        uuid=str(uuid.uuid4()),
        process=replace(this_process(), started="0"),
        settings={},
        environment={},
    )


def test_locked_database_does_not_stop_the_heart(store: Counted) -> None:
    """Beats that cannot be written are missed; the next that can is, and nothing is refused."""
    run, attempt = begin(store)
    with (
        Heartbeat(store, attempt.id) as heart,
        closing(sqlite3.connect(store.home / "dfx.db", isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert store.failed.wait(30)
        other.execute("ROLLBACK")
        before = store.get_detail(run.id).attempts[-1].heartbeat_at
        store.beaten.clear()
        assert store.beaten.wait(30)
        after = store.get_detail(run.id).attempts[-1].heartbeat_at

        assert before < after
        assert not heart.is_refused()
        heart.check()


def test_heart_learns_of_a_takeover(store: Counted) -> None:
    """The one that was taken over from can say who did it, and does not beat again."""
    run, attempt = begin(store)
    with Heartbeat(store, attempt.id) as heart:
        store.begin_attempt(
            run.id, process=this_process(), settings={}, environment={}, start_step=0
        )
        assert store.refused.wait(30)
    with pytest.raises(AttemptSuperseded, match=f"taken over by process {this_process().pid} on"):
        heart.check()

    assert heart.is_refused()


def test_heart_of_a_removed_run_stops(store: Counted) -> None:
    run, attempt = begin(store)
    with Heartbeat(store, attempt.id) as heart:
        store.remove_run(run.id)
        assert store.refused.wait(30)
    with pytest.raises(NotFoundError, match="its run was removed"):
        heart.check()


def test_training_ends_after_the_step_in_which_it_was_taken_over(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at the next thing that is written, which may be minutes of work away."""
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.01)
    home = tmp_path / "runs"
    heard: list[Message] = []

    def take_over(message: Message) -> None:
        if isinstance(message, Progress | EpochFinished):
            heard.append(message)
        if not isinstance(message, Progress) or len(heard) > 1:
            return
        with closing(sqlite3.connect(home / "dfx.db", timeout=30)) as other:
            other.execute("UPDATE attempts SET process_started = '0'")
            other.commit()
        with RunStore.open(home, create=False) as store:
            store.begin_attempt(
                1, process=this_process(), settings={}, environment={}, start_step=0
            )
        (heart,) = (each for each in threading.enumerate() if each.name == "heartbeat")
        heart.join()

    config = parse_config(
        {
            "data": {"root": str(faces), "image_size": 40, "batch_size": 4, "workers": 0},
            "model": {"name": "test_efficientnet", "pretrained": False},
            "train": {"device": "cpu", "threads": torch.get_num_threads()},
        }
    )
    with pytest.raises(AttemptSuperseded, match="taken over by process"):
        start_run(Configuration("one", config, {}), home=home, notify=take_over)
    with RunStore.open(home, create=False) as store:
        detail = store.get_detail(1)

    assert len(heard) == 1
    assert isinstance(heard[0], Progress) and heard[0].batch < heard[0].batches
    assert [path.name for path in (home / "one").rglob("*") if path.is_file()] == [".run"]
    assert [attempt.outcome for attempt in detail.attempts] == [Status.LOST, None]
    assert (detail.run.status, detail.run.message) == (Status.RUNNING, None)
