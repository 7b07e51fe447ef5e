"""What an attempt records, what is checked, and what no longer stands after going back."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from tracking_samples import (
    Place,
    begin_run,
    continue_run,
    gone,
    make_checkpoint,
    make_epoch,
    make_evaluation,
    make_split,
    record_epoch,
)

from dfx.errors import DataError, StoreError
from dfx.records import Status
from dfx.tracking.store import RunStore


def test_data_comes_back(store: RunStore) -> None:
    """Splits come back whole, and the validation split is on the leaderboard."""
    run, attempt = begin_run(store)
    splits = (make_split("train", real=1000), make_split("val"))
    store.record_data(attempt.id, splits)
    store.record_data(attempt.id, splits)
    summary = store.list_summaries()[0]

    assert store.get_run(run.id).data == splits
    assert (summary.validation_digest, summary.validation_images) == ("sha256:val", 30)


@pytest.mark.parametrize("change", [{"digest": "sha256:x"}, {"content_digest": "sha256:x"}])
def test_other_data_is_refused(store: RunStore, change: dict[str, str]) -> None:
    """A run never goes on with other images than it began with."""
    run, attempt = begin_run(store)
    store.record_data(attempt.id, [make_split("val")])
    with pytest.raises(DataError, match="the val split is not the one b4/1 has worked on"):
        store.record_data(attempt.id, [make_split("train"), make_split("val", **change)])

    assert store.get_run(run.id).data == (make_split("val"),)


def test_weights_come_back(store: RunStore) -> None:
    run, attempt = begin_run(store)
    weights = {"source": "timm", "tag": "ra2_in1k", "sha256": "sha256:1", "bytes": 77999237}
    store.record_weights(attempt.id, weights)

    assert store.get_run(run.id).weights == weights


def test_epoch_is_recorded_with_its_files_and_report(store: RunStore) -> None:
    run, attempt = begin_run(store)
    last, best = make_checkpoint("last"), make_checkpoint("best")
    store.record_epoch(
        attempt.id,
        make_epoch(),
        checkpoints=[last, best],
        evaluation=make_evaluation(),
        improved=True,
    )
    detail = store.get_detail(run.id)

    assert detail.epochs == (make_epoch(),)
    assert detail.checkpoints == (best, last)
    assert detail.evaluations == (make_evaluation(),)
    assert detail.run.best_epoch == 1


def test_best_epoch_stays_without_improvement(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    record_epoch(store, attempt, 2, improved=False)

    assert store.get_run(run.id).best_epoch == 1


def test_epoch_names_the_attempt_that_finished_it(store: RunStore) -> None:
    run, first = begin_run(store)
    record_epoch(store, first, 1)
    store.finish_attempt(first.id, status=Status.INTERRUPTED, message=None)
    second = continue_run(store, run.id)
    record_epoch(store, second, 2)

    assert [each.attempt for each in store.get_detail(run.id).epochs] == [1, 2]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["train_loss", "val_loss", "val_auc", "lr"])
def test_epoch_that_is_not_finite_is_refused(
    sqlite_store: RunStore, name: str, value: float
) -> None:
    """Nothing of an epoch is stored where one of its values is not a number."""
    run, attempt = begin_run(sqlite_store)
    record = make_epoch(3, **{name: value})
    with pytest.raises(StoreError, match=f"{name} of epoch 3 is {value}; only finite"):
        sqlite_store.record_epoch(
            attempt.id,
            record,
            checkpoints=[make_checkpoint()],
            evaluation=None,
            improved=False,
        )
    detail = sqlite_store.get_detail(run.id)

    assert (detail.epochs, detail.checkpoints) == ((), ())


@pytest.mark.parametrize("name", ["loss", "auc", "threshold"])
def test_evaluation_that_is_not_finite_is_refused(store: RunStore, name: str) -> None:
    """Nothing of an epoch is stored where a value of its report is not a number."""
    run, attempt = begin_run(store)
    report = make_evaluation(**{name: math.nan})
    with pytest.raises(StoreError, match=f"{name} of the val evaluation of epoch 1 is nan"):
        store.record_epoch(
            attempt.id,
            make_epoch(),
            checkpoints=[make_checkpoint("best")],
            evaluation=report,
            improved=True,
        )
    with pytest.raises(StoreError, match=f"{name} of the val evaluation of epoch 1 is nan"):
        store.record_evaluation(run.id, report)
    detail = store.get_detail(run.id)

    assert (detail.epochs, detail.checkpoints, detail.evaluations) == ((), (), ())
    assert detail.run.best_epoch is None


def test_epoch_is_not_recorded_twice(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    with pytest.raises(StoreError, match=r"epoch 1 of b4/1 is recorded already"):
        record_epoch(store, attempt, 1)

    assert len(store.get_detail(run.id).epochs) == 1


def test_epoch_of_another_attempt_is_a_bug(store: RunStore) -> None:
    _, attempt = begin_run(store)
    with pytest.raises(ValueError, match="epoch 1 says attempt 2; it comes from 1"):
        store.record_epoch(
            attempt.id, make_epoch(attempt=2), checkpoints=[], evaluation=None, improved=False
        )


@pytest.mark.parametrize("improved", [True, False])
def test_best_checkpoint_and_improvement_go_together(store: RunStore, *, improved: bool) -> None:
    _, attempt = begin_run(store)
    files = [make_checkpoint("last" if improved else "best")]
    with pytest.raises(ValueError, match="go together"):
        store.record_epoch(
            attempt.id, make_epoch(), checkpoints=files, evaluation=None, improved=improved
        )


def test_checkpoints_come_newest_first(store: RunStore) -> None:
    """A file that took the place of another is listed once, as it is now."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    snapshot = make_checkpoint("last", 14)
    store.record_checkpoint(attempt.id, snapshot)
    rewritten = replace(snapshot, sha256="sha256:1")
    store.record_checkpoint(attempt.id, rewritten)

    assert store.list_checkpoints(run.id, "last") == [rewritten, make_checkpoint("last")]
    assert store.list_checkpoints(run.id, "best") == [make_checkpoint("best")]
    assert len(store.list_checkpoints(run.id)) == 3


@pytest.mark.parametrize("path", ["/tmp/x.pt", "b4/../x.pt", "b4\\1\\x.pt"])
def test_path_that_is_bound_to_a_place_is_a_bug(sqlite_store: RunStore, path: str) -> None:
    _, attempt = begin_run(sqlite_store)
    with pytest.raises(ValueError, match="relative to the home"):
        sqlite_store.record_checkpoint(attempt.id, make_checkpoint(path=path))


def test_forgotten_checkpoints_are_no_longer_listed(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    record_epoch(store, attempt, 2)
    store.forget_checkpoints(attempt.id, ["b4/1/last-10.pt", "b4/1/best-10.pt", "b4/1/no.pt"])

    assert [file.step for file in store.list_checkpoints(run.id)] == [20, 20]
    store.forget_checkpoints(attempt.id, [])


def test_paths_of_another_run_are_left_alone(store: RunStore) -> None:
    one, first = begin_run(store)
    two, second = begin_run(store)
    store.record_checkpoint(first.id, make_checkpoint())
    store.record_checkpoint(second.id, make_checkpoint())
    store.forget_checkpoints(first.id, [make_checkpoint().path])

    assert store.list_checkpoints(one.id) == []
    assert store.list_checkpoints(two.id) == [make_checkpoint()]


def test_evaluation_is_added_to_any_run(store: RunStore) -> None:
    """An evaluation needs no attempt, and several of one checkpoint stand side by side."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    report = make_evaluation(split="test", dataset_digest="sha256:t", predictions=None)
    store.record_evaluation(run.id, report)
    store.record_evaluation(run.id, report)

    assert store.get_detail(run.id).evaluations == (make_evaluation(), report, report)


def test_going_back_hides_what_came_after(store: RunStore) -> None:
    """Later epochs, checkpoints and reports no longer stand; the best of the rest is the best."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    record_epoch(store, attempt, 2, improved=False)
    record_epoch(store, attempt, 3)
    store.record_checkpoint(attempt.id, make_checkpoint("last", 34))
    store.record_evaluation(run.id, make_evaluation(3, split="test"))
    store.supersede_after(attempt.id, finished_epochs=2, step=20)
    detail = store.get_detail(run.id)

    assert [each.epoch for each in detail.epochs] == [1, 2]
    assert [(file.kind, file.step) for file in detail.checkpoints] == [
        ("last", 20),
        ("best", 10),
        ("last", 10),
    ]
    assert detail.evaluations == (make_evaluation(1),)
    assert detail.run.best_epoch == 1
    assert store.list_summaries()[0].epochs == 2
    everything = store.list_checkpoints(run.id, include_superseded=True)
    assert [file.step for file in everything] == [34, 30, 30, 20, 10, 10]


def test_going_back_to_before_a_validation(store: RunStore) -> None:
    """A state from before an epoch's validation has the same step as the one from after it."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    before = make_checkpoint("last", 20, epoch=2, path="b4/1/before.pt")
    after = make_checkpoint("last", 20, epoch=3, path="b4/1/after.pt")
    best = make_checkpoint("best", 20)
    store.record_checkpoint(attempt.id, before)
    store.record_epoch(
        attempt.id, make_epoch(2), checkpoints=[best, after], evaluation=None, improved=True
    )
    store.supersede_after(attempt.id, finished_epochs=1, step=20)
    detail = store.get_detail(run.id)

    assert [each.epoch for each in detail.epochs] == [1]
    assert store.list_checkpoints(run.id, "last")[0] == before
    assert after not in detail.checkpoints
    assert best not in detail.checkpoints
    assert detail.run.best_epoch == 1


def test_epochs_are_done_again_after_going_back(store: RunStore) -> None:
    """An epoch may be recorded again, its files under the same paths, more than once."""
    run, attempt = begin_run(store)
    for loss in (0.5, 0.4, 0.3):
        store.supersede_after(attempt.id, finished_epochs=0, step=0)
        store.record_epoch(
            attempt.id,
            make_epoch(1, val_loss=loss),
            checkpoints=[make_checkpoint("best", 10)],
            evaluation=make_evaluation(1, loss=loss),
            improved=True,
        )
    detail = store.get_detail(run.id)

    assert [each.val_loss for each in detail.epochs] == [0.3]
    assert [each.loss for each in detail.evaluations] == [0.3]
    assert detail.checkpoints == (make_checkpoint("best", 10),)
    assert detail.run.best_epoch == 1


def test_going_back_to_the_start_leaves_no_best(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.supersede_after(attempt.id, finished_epochs=0, step=0)

    assert store.get_run(run.id).best_epoch is None
    assert store.list_summaries()[0].val_accuracy is None


def test_history_is_kept_in_the_database(sqlite_place: Place) -> None:
    """What no longer stands is still there, with the attempt that went back."""
    with sqlite_place.open() as store:
        run, first = begin_run(store, process=gone())
        record_epoch(store, first, 1)
        second = continue_run(store, run.id)
        store.supersede_after(second.id, finished_epochs=0, step=0)
        with store._engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT epoch, superseded_by FROM epochs").all()

    assert rows == [(1, second.id)]
