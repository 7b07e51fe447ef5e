"""Tags, notes, names and removal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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
    """Ids, numbers and folders stay; the old name is free, and nobody gets a folder twice."""
    run, attempt = begin_run(store)
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    store.rename_experiment("b4", "B4-old")
    renamed = store.get_run(run.id)
    other, _ = begin_run(store)

    assert (renamed.name, renamed.directory) == ("B4-old/1", "b4/1")
    assert (other.name, other.directory) == ("b4/2", "b4/2")


def test_name_that_others_left_passes_over_their_folders(store: RunStore) -> None:
    """Also where an experiment with fewer runs takes it."""
    for experiment in ("b4", "b4", "b4", "small"):
        _, attempt = begin_run(store, experiment=experiment)
        store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    store.rename_experiment("b4", "old")
    store.rename_experiment("small", "B4")
    new, _ = begin_run(store, experiment="B4")

    assert (new.name, new.directory) == ("B4/4", "B4/4")


def test_homes_that_share_a_server_never_share_a_folder(
    make_database: Callable[[], str], tmp_path: Path
) -> None:
    """A name that is free again is so for all of them, and its folders for none."""
    url = make_database()
    with (
        RunStore.open(tmp_path / "one", url=url, create=True) as one,
        RunStore.open(tmp_path / "two", url=url, create=True) as two,
    ):
        run, attempt = begin_run(one)
        one.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
        two.rename_experiment("b4", "old")
        there, here = begin_run(two)[0], begin_run(one)[0]

        assert one.get_run(run.id).name == "old/1"
        assert [each.directory for each in (run, there, here)] == ["b4/1", "b4/2", "b4/3"]
        assert [each.name for each in (there, here)] == ["b4/2", "b4/3"]


def test_name_of_an_emptied_experiment_may_be_taken(store: RunStore) -> None:
    """Numbers that it has given away still never come back."""
    for experiment in ("b4", "gone", "gone"):
        run, attempt = begin_run(store, experiment=experiment)
        store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
        if experiment == "gone":
            store.remove_run(run.id)
    store.rename_experiment("b4", "gone")

    assert store.list_experiments() == ["gone"]
    assert [run.run for run in store.list_summaries()] == ["gone/1"]
    assert begin_run(store, experiment="gone")[0].name == "gone/3"


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


def test_files_are_told_with_those_that_no_longer_stand(store: RunStore) -> None:
    run, attempt = begin_run(store, process=gone())
    record_epoch(store, attempt, 1)
    attempt = continue_run(store, run.id)
    store.supersede_after(attempt.id, finished_epochs=0, step=0)
    record_epoch(store, attempt, 2)
    other, _ = begin_run(store, process=gone())
    files, others = store.list_run_files()

    assert [(f.kind, f.path, f.epoch, f.step, f.stands) for f in files.files] == [
        ("best", "b4/1/best-20.pt", 2, 20, True),
        ("last", "b4/1/last-20.pt", 2, 20, True),
        ("best", "b4/1/best-10.pt", 1, 10, False),
        ("last", "b4/1/last-10.pt", 1, 10, False),
        ("predictions", "b4/1/val.csv", 2, 0, True),
        ("predictions", "b4/1/val.csv", 1, 0, False),
    ]
    assert {(f.bytes, f.sha256) for f in files.files if f.kind != "predictions"} == {
        (5_000_000_000, "sha256:" + "0" * 64)
    }
    assert (files.name, files.status) == ("b4/1", Status.RUNNING)
    assert (others.status, others.files) == (Status.LOST, ())
    assert store.list_run_files(other.id) == [others]
    assert store.list_directories() == {"b4/1", "b4/2"}


def test_forgotten_files_leave_no_row_and_no_path(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    with pytest.raises(RunBusy):
        store.forget_files(run.id, ["b4/1/best-10.pt"])
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    store.forget_files(run.id, ["b4/1/best-10.pt", "b4/1/val.csv"])
    detail = store.get_detail(run.id)

    assert [file.path for file in detail.checkpoints] == ["b4/1/last-10.pt"]
    assert [evaluation.predictions for evaluation in detail.evaluations] == [None]


def test_digests_that_runs_refer_to(store: RunStore) -> None:
    """Of image lists and patches; a run outside a checkout, or without changes, has no patch."""
    for code in ({"revision": "1", "patch": "sha256:aa"}, {"revision": "1", "patch": None}, None):
        _, attempt = begin_run(store, environment={"code": code})
        store.record_data(attempt.id, [make_split("val")])
    begin_run(store, environment={})

    assert store.list_digests() == {"sha256:aa", "sha256:val-content"}
