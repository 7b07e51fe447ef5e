"""In how many steps a run is repeated, by how it was planned and extended."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dfx.config import ExperimentConfig
from dfx.records import Attempt, EpochRecord, RunDetail, Status
from dfx.services.reproduce import _note
from dfx.services.rerun import build_commands, list_plans
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

STEPS = 10
"""Of an epoch."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    with RunStore.open(tmp_path / "runs", create=True) as opened:
        yield opened


def train(
    store: RunStore,
    *plans: tuple[int, int],
    message: str | None = None,
    environment: dict[str, object] | None = None,
) -> RunDetail:
    """A run with an attempt for each plan: epochs planned, and steps done at its end."""
    config = ExperimentConfig().replace({"train.epochs": plans[0][0]})
    attempt: Attempt | None = None
    begun = {"settings": {"train.epochs": plans[0][0]}, "environment": environment or {}}
    run, attempt = store.create_run(
        experiment="one",
        config=config,
        home=store.home,
        uuid=str(uuid.uuid4()),
        process=this_process(),
        **begun,
    )
    step = 0
    for number, (epochs, until) in enumerate(plans):
        if number:
            attempt = store.begin_attempt(
                run.id,
                process=this_process(),
                settings={"train.epochs": epochs},
                environment=environment or {},
                start_step=step,
            )
        for epoch in range(step // STEPS + 1, until // STEPS + 1):
            record = EpochRecord(
                epoch=epoch,
                step=epoch * STEPS,
                train_loss=1,
                train_accuracy=0.5,
                val_loss=1,
                val_accuracy=0.5,
                val_auc=None,
                val_f1=None,
                lr=1e-4,
                seconds=1,
                images_per_second=1,
                attempt=attempt.number,
                finished_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
            store.record_epoch(attempt.id, record, checkpoints=[], evaluation=None, improved=False)
        step = until
        store.finish_attempt(
            attempt.id,
            status=Status.COMPLETED if until == epochs * STEPS else Status.INTERRUPTED,
            message=message if number == 0 else None,
        )
    return store.get_detail(run.id)


def test_interrupted_run_is_repeated_whole(store: RunStore) -> None:
    detail = train(store, (3, 15), (3, 30))

    assert list_plans(detail) == [3]
    assert len(build_commands(detail, home=None)) == 1


def test_extended_run_is_repeated_in_its_steps(store: RunStore) -> None:
    """The cosine of each plan had its own end, and early stopping began anew."""
    detail = train(store, (2, 20), (4, 35), (4, 40), (5, 50))
    commands = build_commands(detail, home=Path("my home"))

    assert list_plans(detail) == [2, 4, 5]
    assert "--epochs 2 " in commands[0]
    assert commands[0].endswith(" --home 'my home'")
    assert commands[1:] == [
        "dfx resume one --epochs 4 --home 'my home'",
        "dfx resume one --epochs 5 --home 'my home'",
    ]


def test_run_that_stopped_early_and_went_on(store: RunStore) -> None:
    detail = train(store, (9, 20), (9, 30), message="stopped early after epoch 2: no improvement")
    longer = train(store, (9, 20), (12, 30), message="stopped early after epoch 2: no improvement")

    assert list_plans(detail) == [9]
    assert list_plans(longer) == [9, 12]


def test_run_extended_in_the_middle_cannot_be_repeated_and_it_is_said(store: RunStore) -> None:
    detail = train(store, (4, 15), (6, 60))
    notes = " ".join(_note(detail))

    assert list_plans(detail) == [6]
    assert "extended from 4 to 6 epochs before it had finished" in notes
    assert "its learning rate falls more slowly" in notes


def test_what_tells_less_than_it_should_is_said(store: RunStore) -> None:
    detail = train(store, (2, 15), environment={"code": {"problem": "git is not installed"}})
    other = replace(detail.attempts[0], settings={"train.epochs": 2, "train.threads": 7})
    notes = " ".join(_note(replace(detail, attempts=(*detail.attempts, other))))

    assert "it is interrupted" in notes
    assert "train.deterministic is false" in notes
    assert "its images were never read" in notes
    assert "its code is not recorded: git is not installed" in notes
    assert "attempts differed in train.threads" in notes


def test_team_is_started_as_it_was(store: RunStore) -> None:
    detail = train(store, (2, 20), environment={"processes": 4})

    assert build_commands(detail, home=None)[0].startswith(
        "torchrun --nproc-per-node=4 -m dfx run --name one "
    )
