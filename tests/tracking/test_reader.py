"""Asking: lists, look-ups, and what a reading command loads."""

from __future__ import annotations

import inspect
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event
from tracking_samples import (
    Place,
    begin_run,
    continue_run,
    gone,
    make_epoch,
    make_evaluation,
    make_split,
    record_epoch,
)

from dfx.config import ExperimentConfig
from dfx.errors import NotFoundError
from dfx.records import RunSummary, Standing, Status
from dfx.tracking.reader import RunReader
from dfx.tracking.store import RunStore
from dfx.tracking.summaries import METRICS


def test_runs_are_listed_at_their_best_epoch(store: RunStore) -> None:
    """The values are those of the best epoch, not of the last."""
    run, attempt = begin_run(store)
    store.record_data(attempt.id, [make_split("train"), make_split("val")])
    record_epoch(store, attempt, 1)
    record_epoch(store, attempt, 2)
    record_epoch(store, attempt, 3, improved=False)
    best = make_epoch(2)

    assert store.list_summaries() == [
        RunSummary(
            run="b4/1",
            id=run.id,
            experiment="b4",
            number=1,
            uuid=run.uuid,
            status=Status.RUNNING,
            epochs=3,
            best_epoch=2,
            val_accuracy=best.val_accuracy,
            val_accuracy_low=None,
            val_accuracy_high=None,
            val_loss=best.val_loss,
            val_auc=best.val_auc,
            val_f1=best.val_f1,
            seconds=pytest.approx(store.get_run(run.id).seconds, abs=0.002),
            validation_digest="sha256:val",
            validation_images=30,
            created_at=run.created_at,
            val_precision=0.8,
            val_recall=2 / 3,
            val_average_precision=None,
            train_loss=best.train_loss,
            train_accuracy=best.train_accuracy,
            recipe_digest=run.recipe_digest,
            train_digest="sha256:train",
            directory="b4/1",
            predictions="b4/1/val.csv",
        )
    ]


def test_run_without_epochs_is_listed(store: RunStore) -> None:
    run, attempt = begin_run(store)
    store.finish_attempt(attempt.id, status=Status.FAILED, message="no card")
    summary = store.list_summaries()[0]

    assert (summary.run, summary.status, summary.epochs) == (run.name, Status.FAILED, 0)
    assert (summary.best_epoch, summary.val_accuracy, summary.validation_digest) == (
        None,
        None,
        None,
    )


def test_empty_store_lists_nothing(store: RunStore) -> None:
    assert store.list_summaries() == []
    assert store.list_experiments() == []


def test_runs_are_listed_in_the_order_of_creation(store: RunStore) -> None:
    names = [begin_run(store, experiment=name)[0].name for name in ("b", "a", "b")]

    assert [summary.run for summary in store.list_summaries()] == names
    assert store.list_experiments() == ["b", "a"]


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.INTERRUPTED, Status.FAILED])
def test_ended_run_is_not_lost(store: RunStore, status: Status) -> None:
    """Only a run that says it is running can be lost."""
    run, attempt = begin_run(store, process=gone())
    lost = store.list_summaries()[0].status
    store.finish_attempt(attempt.id, status=status, message=None)

    assert lost is Status.LOST
    assert store.list_summaries()[0].status is status
    assert store.get_run(run.id).status is status


def test_seconds_are_those_of_all_attempts(store: RunStore) -> None:
    """An attempt lasts until it ended, or where that is unknown until it was last heard of."""
    run, _ = begin_run(store, process=gone())
    second = continue_run(store, run.id)
    store.finish_attempt(second.id, status=Status.COMPLETED, message=None)
    zone = "+00" if store._engine.dialect.name == "postgresql" else ""
    day = "2025-01-01"
    with store._engine.begin() as connection:
        for number, start, heard, end in (
            (1, "10:00:00.000000", "10:00:20.250000", None),
            (2, "23:00:00.000000", "23:00:01.000000", "23:30:00.125000"),
        ):
            ended = "NULL" if end is None else f"'{day} {end}{zone}'"
            connection.exec_driver_sql(
                f"UPDATE attempts SET started_at = '{day} {start}{zone}',"
                f" heartbeat_at = '{day} {heard}{zone}', ended_at = {ended}"
                f" WHERE number = {number}"
            )

    assert store.get_run(run.id).seconds == 20.25 + 1800.125
    assert store.list_summaries()[0].seconds == pytest.approx(1820.375, abs=0.002)


def test_unknown_run_is_not_found(store: RunStore) -> None:
    for ask in (store.get_run, store.get_detail, store.list_checkpoints):
        with pytest.raises(NotFoundError, match="there is no run 7"):
            ask(7)


def test_list_takes_as_many_queries_for_many_runs_as_for_one(store: RunStore) -> None:
    """The leaderboard's queries do not grow with the runs, lost ones included."""
    counts = []
    statements: list[str] = []
    event.listen(store._engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    for _ in range(3):
        _, attempt = begin_run(store, process=gone())
        record_epoch(store, attempt, 1)
        statements.clear()
        store.list_summaries()
        counts.append(len(statements))

    assert len(set(counts)) == 1


def test_what_is_returned_does_not_change(store: RunStore) -> None:
    """A record is a value: later writes and the store's end leave it alone."""
    run, attempt = begin_run(store)
    before = store.get_detail(run.id)
    record_epoch(store, attempt, 1)
    store.close()

    assert before.epochs == ()
    assert before.run.config.train.epochs == 15


def test_every_method_says_what_it_does() -> None:
    undocumented = [
        name
        for name, method in inspect.getmembers(RunStore, callable)
        if not name.startswith("_") and not method.__doc__
    ]

    assert undocumented == []
    assert issubclass(RunStore, RunReader)


def test_reading_loads_neither_alembic_nor_torch(sqlite_place: Place) -> None:
    """Opening, even making, a store and listing its runs loads nothing heavy."""
    script = """
heavy = {"alembic", "mako", "torch", "torchvision", "timm", "pandas", "numpy", "sklearn", "rich",
         "typer", "matplotlib", "psycopg", "pytest"}
from dfx.tracking.store import RunStore
with RunStore.open(Path(arguments[0]), create=True) as store:
    store.list_summaries()
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys\nfrom pathlib import Path\n{script}".replace(
                "arguments[0]", repr(str(sqlite_place.home))
            ),
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"


def test_home_may_be_moved(sqlite_place: Place, tmp_path: Path) -> None:
    """A home that nobody uses is one folder that may be moved, its database one file."""
    with sqlite_place.open() as store:
        run, attempt = begin_run(store)
        record_epoch(store, attempt, 1)
    moved = tmp_path / "a ünusual%20?name#"
    sqlite_place.home.rename(moved)

    assert [each.name for each in moved.iterdir()] == ["dfx.db"]
    with RunStore.open(moved, create=False) as store:
        assert store.get_run(run.id).best_epoch == 1


def test_clock_of_the_store_is_the_present(store: RunStore) -> None:
    run, _ = begin_run(store)

    assert abs((run.created_at - datetime.now(UTC)).total_seconds()) < 60


def test_standings_are_at_the_best_epoch(store: RunStore) -> None:
    """Every metric by the name it has in a summary, with the same value."""
    run, attempt = begin_run(store)
    store.record_data(attempt.id, [make_split("train"), make_split("val")])
    record_epoch(store, attempt, 1)
    record_epoch(store, attempt, 2, improved=False)
    waiting, _ = begin_run(store)
    summary = store.list_summaries([run.id])[0]
    for metric in METRICS:
        assert store.list_standings(metric) == [
            Standing(run.id, "sha256:val", getattr(summary, metric), summary.val_loss),
            Standing(waiting.id, None, None, None),
        ]


def test_evaluation_made_by_hand_does_not_double_a_run(store: RunStore) -> None:
    """What counts is the evaluation that training made, whatever else was scored since."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_evaluation(1, precision=0.1))

    assert [(s.run, s.val_precision) for s in store.list_summaries()] == [("b4/1", 0.8)]
    assert [s.score for s in store.list_standings("val_precision")] == [0.8]


def test_only_the_runs_asked_for_are_listed(store: RunStore) -> None:
    """Also where they are more than fit into a question."""
    ids = [begin_run(store)[0].id for _ in range(4)]
    store.add_tags(ids[1], ["good"])
    for asked in (ids[1:3], set(ids[1:3]) | set(range(1000, 2000))):
        assert [summary.id for summary in store.list_summaries(asked)] == ids[1:3]
        assert [summary.tags for summary in store.list_summaries(asked)] == [("good",), ()]
        assert list(store.read_settings(asked)) == ids[1:3]


def test_settings_are_those_used_last(store: RunStore) -> None:
    """The recipe as recorded; machine and plan as the latest attempt had them."""
    run, _ = begin_run(store, process=gone())
    continue_run(store, run.id, settings={"train.epochs": 20, "data.workers": 1})
    expected = ExperimentConfig().flat() | {"train.epochs": 20, "data.workers": 1}

    assert store.read_settings() == {run.id: expected}
