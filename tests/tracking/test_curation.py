"""Tags, notes, names and removal."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from tracking_samples import (
    begin_run,
    continue_run,
    gone,
    make_evaluation,
    make_split,
    record_epoch,
)

from dfx.errors import ConfigError, NotFoundError, RunBusy
from dfx.records import Status
from dfx.tracking.engine import reading
from dfx.tracking.store import RunStore
from dfx.tracking.tables import Base, ExperimentRow


def test_tags_are_added_once_and_taken_away(store: RunStore) -> None:
    run, _ = begin_run(store)
    store.add_tags(run.id, ["paper", "good", "paper"])

    assert store.add_tags(run.id, ["good", "best of 2026"]).tags == (
        "best of 2026",
        "good",
        "paper",
    )
    assert store.remove_tags(run.id, ["good"]).tags == ("best of 2026", "paper")
    assert store.get_run(run.id).tags == ("best of 2026", "paper")
    assert store.list_summaries()[0].tags == ("best of 2026", "paper")


def test_tag_that_is_not_there_is_not_taken_away(store: RunStore) -> None:
    """Nor are the others that were named with it."""
    run, _ = begin_run(store)
    store.add_tags(run.id, ["good"])
    with pytest.raises(NotFoundError, match="b4/1 has no tag 'bad'") as refusal:
        store.remove_tags(run.id, ["good", "bad"])

    assert refusal.value.hint == "its tags are good"
    assert store.get_run(run.id).tags == ("good",)


def test_note_is_written_and_taken_away(store: RunStore) -> None:
    run, _ = begin_run(store)

    assert store.set_note(run.id, "two\nlines").note == "two\nlines"
    assert store.list_summaries()[0].note == "two\nlines"
    assert store.set_note(run.id, None).note is None


def test_renamed_experiment_keeps_its_runs(store: RunStore) -> None:
    """Ids, numbers and folders stay; the old name is free and begins anew."""
    run, attempt = begin_run(store)
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    store.rename_experiment("b4", "B4-old")
    renamed = store.get_run(run.id)
    other, _ = begin_run(store, at_least_number=2)

    assert (renamed.name, renamed.directory) == ("B4-old/1", "b4/1")
    assert (other.name, other.directory) == ("b4/2", "b4/2")


def test_name_may_change_its_case(store: RunStore) -> None:
    run, attempt = begin_run(store)
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    store.rename_experiment("b4", "B4")

    assert store.get_run(run.id).name == "B4/1"


def test_taken_and_unknown_names_are_refused(store: RunStore) -> None:
    for name in ("b4", "other"):
        _, attempt = begin_run(store, experiment=name)
        store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    with pytest.raises(ConfigError, match="there is an experiment 'other' already"):
        store.rename_experiment("b4", "Other")
    with pytest.raises(NotFoundError, match="there is no experiment 'nothing'"):
        store.rename_experiment("nothing", "new")

    assert store.list_experiments() == ["b4", "other"]


def test_moved_run_gets_the_next_number(store: RunStore) -> None:
    """And a number is not used twice where it came from."""
    run, attempt = begin_run(store)
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    begin_run(store, experiment="other")
    moved = store.move_run(run.id, "other")

    assert (moved.name, moved.directory) == ("other/2", "b4/1")
    assert begin_run(store)[0].name == "b4/2"
    assert store.move_run(run.id, "fresh", at_least_number=7).name == "fresh/7"


def test_removed_run_leaves_nothing(store: RunStore) -> None:
    """Its number and id never come back; other runs stay as they were."""
    run, _ = begin_run(store, process=gone())
    attempt = continue_run(store, run.id)
    store.record_data(attempt.id, [make_split("train"), make_split("val")])
    record_epoch(store, attempt, 1)
    store.supersede_after(attempt.id, finished_epochs=0, step=0)
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_evaluation(1))
    store.add_tags(run.id, ["good"])
    store.finish_attempt(attempt.id, status=Status.FAILED, message=None)
    other, _ = begin_run(store, process=gone())
    before = store.get_detail(other.id)
    removed = store.remove_run(run.id)

    assert (removed.name, removed.tags) == ("b4/1", ("good",))
    assert store.get_detail(other.id) == before
    with pytest.raises(NotFoundError):
        store.get_run(run.id)
    store.remove_run(other.id)
    with reading(store._engine) as session:
        for table in Base.metadata.sorted_tables:
            rows = session.scalar(select(func.count()).select_from(table))

            assert rows == (table.name == ExperimentRow.__tablename__)
    new, _ = begin_run(store)

    assert (new.number, new.id > other.id) == (3, True)


def test_running_run_is_left_alone(store: RunStore) -> None:
    run, _ = begin_run(store)
    for refuse in (
        lambda: store.remove_run(run.id),
        lambda: store.rename_experiment("b4", "other"),
        lambda: store.move_run(run.id, "other"),
    ):
        with pytest.raises(RunBusy, match="a process is working on b4/1"):
            refuse()

    assert [summary.run for summary in store.list_summaries()] == ["b4/1"]


def test_lost_run_is_removed(store: RunStore) -> None:
    run, _ = begin_run(store, process=gone())
    store.remove_run(run.id)

    assert store.list_summaries() == []


def test_unknown_run_is_not_found(store: RunStore) -> None:
    for change in (
        lambda: store.add_tags(7, ["x"]),
        lambda: store.remove_tags(7, ["x"]),
        lambda: store.set_note(7, "x"),
        lambda: store.move_run(7, "x"),
        lambda: store.remove_run(7),
    ):
        with pytest.raises(NotFoundError, match="there is no run 7"):
            change()
