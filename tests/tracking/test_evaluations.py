"""Evaluations made by hand, and the count of the uses of test splits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from by_hand_samples import make_detail, make_evaluation_by_hand, make_reading
from tracking_samples import (
    Place,
    begin_run,
    continue_run,
    gone,
    make_epoch,
    make_evaluation,
    record_epoch,
)

from dfx.errors import NotFoundError, StoreError
from dfx.records import Status
from dfx.tracking.store import RunStore

USE = {"epoch": 1, "dataset": "other_faces", "dataset_digest": "sha256:test"}


def test_evaluation_comes_back_with_its_detail(store: RunStore) -> None:
    """Every reading, interval and reason, also names that are not UTF-8."""
    run, _ = begin_run(store)
    evaluations = (
        make_evaluation_by_hand(),
        make_evaluation_by_hand(number=2, split="val", detail=make_detail(robustness=None)),
        make_evaluation(),
    )
    for evaluation in evaluations:
        store.record_evaluation(run.id, evaluation)

    assert store.get_detail(run.id).evaluations == evaluations


def test_number_that_is_not_finite_is_refused(store: RunStore) -> None:
    """However deep in the detail it is: SQLite would take it, and no reader of JSON."""
    run, _ = begin_run(store)
    reading = make_reading(values={"loss": float("inf")})
    detail = make_detail(others=(make_reading(), reading))
    with pytest.raises(StoreError, match=r"loss of values of others\[1\] of the detail .* is inf"):
        store.record_evaluation(run.id, make_evaluation_by_hand(detail=detail))

    assert store.get_detail(run.id).evaluations == ()


def test_path_out_of_the_home_is_refused(store: RunStore) -> None:
    run, _ = begin_run(store)
    for changes in ({"folder": "/b4/1/evaluations/x"}, {"predictions": "../x.csv"}):
        with pytest.raises(ValueError, match="expected a path relative to the home"):
            store.record_evaluation(run.id, make_evaluation_by_hand(**changes))


def test_uses_of_test_splits_are_counted(store: RunStore) -> None:
    """Those of one run, whatever the data set; one of which nothing came counts like any other."""
    run, _ = begin_run(store)
    other, _ = begin_run(store)
    numbers = [
        store.record_test_use(run.id, **USE),
        store.record_test_use(run.id, **{**USE, "dataset": "no utf-8: \udcff"}),
        store.record_test_use(other.id, **USE),
        store.record_test_use(run.id, **USE),
    ]
    store.record_evaluation(run.id, make_evaluation_by_hand(test_use=2))
    uses = store.get_detail(run.id).test_uses

    assert numbers == [1, 2, 1, 3]
    assert [(use.number, use.dataset, use.is_recorded) for use in uses] == [
        (1, "other_faces", False),
        (2, "no utf-8: \\udcff", True),
        (3, "other_faces", False),
    ]
    assert uses[0].used_at.tzinfo is not None
    with pytest.raises(NotFoundError):
        store.record_test_use(999, **USE)


def test_use_of_a_test_split_is_never_taken_back(store: RunStore) -> None:
    """A resume that goes back supersedes what came of it, but the images have been seen."""
    run, attempt = begin_run(store, process=gone())
    for epoch in (1, 2, 3):
        record_epoch(store, attempt, epoch)
    for number, epoch in ((1, 1), (2, 3)):
        store.record_test_use(run.id, **{**USE, "epoch": epoch})
        store.record_evaluation(run.id, make_evaluation_by_hand(number=number, epoch=epoch))
    kept = make_evaluation_by_hand(number=3, epoch=1, split="val")
    store.record_evaluation(run.id, kept)
    again = continue_run(store, run.id, start_step=20)
    store.supersede_after(again.id, finished_epochs=2, step=20)
    store.record_epoch(
        again.id,
        make_epoch(3, attempt=2),
        checkpoints=[],
        evaluation=make_evaluation(3),
        improved=False,
    )
    detail = store.get_detail(run.id)

    assert detail.evaluations == (
        make_evaluation(1),
        make_evaluation(2),
        make_evaluation_by_hand(number=1, epoch=1),
        kept,
        make_evaluation(3),
    )
    assert [(use.number, use.epoch, use.is_recorded) for use in detail.test_uses] == [
        (1, 1, True),
        (2, 3, True),
    ]
    assert store.record_test_use(run.id, **USE) == 3


def test_uses_go_with_their_run(store: RunStore) -> None:
    run, attempt = begin_run(store, process=gone())
    other, _ = begin_run(store, process=gone())
    for run_id in (run.id, other.id):
        store.record_test_use(run_id, **USE)
        store.record_evaluation(run_id, make_evaluation_by_hand())
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    store.remove_run(run.id)
    tables = {table.name: table.rows for table in store.read_extracts()}

    assert len(tables["test_uses"]) == len(tables["evaluations"]) == 1
    assert len(store.get_detail(other.id).test_uses) == 1


def test_report_of_an_epoch_is_that_of_training(store: RunStore) -> None:
    """However many evaluations of its weights on whatever images were made by hand, and when."""
    run, attempt = begin_run(store)
    store.record_evaluation(run.id, make_evaluation_by_hand(split="val"))
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_evaluation_by_hand(number=2, split="val"))
    detail = store.get_detail(run.id)

    assert detail.find_report(1) == make_evaluation(1)
    assert detail.find_report(2) is None
    assert replace(detail, evaluations=()).find_report(1) is None
    assert store.list_summaries()[0].val_precision == make_evaluation(1).precision


EVALUATE = """
from by_hand_samples import make_evaluation_by_hand
sys.stdin.readline()
numbers = []
with place.open() as store:
    for _ in range(20):
        use = store.record_test_use(1, epoch=1, dataset="faces", dataset_digest="sha256:test")
        if use % 2:
            store.record_evaluation(1, make_evaluation_by_hand(number=use, test_use=use))
        numbers.append(use)
print(numbers)
"""


def test_processes_that_evaluate_at_once_count_on(place: Place) -> None:
    """Every use gets a number of its own, and none is left out."""
    with place.open() as store:
        begin_run(store, process=gone())
    processes = [place.start(EVALUATE) for _ in range(2)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    told = [json.loads(process.communicate()[0]) for process in processes]
    with place.open() as store:
        detail = store.get_detail(1)

    assert sorted(number for numbers in told for number in numbers) == list(range(1, 41))
    assert all(numbers == sorted(numbers) for numbers in told)
    assert [use.number for use in detail.test_uses if use.is_recorded] == list(range(1, 41, 2))
    assert len(detail.test_uses) == 40
