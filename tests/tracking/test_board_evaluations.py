"""What boards ask of evaluations, on both kinds of database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from tracking_samples import begin_run, make_evaluation, record_epoch

from dfx.records import Confusion
from dfx.records.boards import SetStanding, TrainedRun
from dfx.records.evaluation import (
    METRIC_NAMES,
    EvaluationDetail,
    Interval,
    Overlap,
    Reading,
    ScoredData,
)
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness
from dfx.records.robustness_board import Suite
from dfx.tracking.store import RunStore

CLEAN = ConditionResult(
    name="clean",
    family="clean",
    level=None,
    title="as they are",
    confusion=Confusion(1, 2, 3, 4),
    accuracy=0.5,
    accuracy_low=0.2,
    accuracy_high=0.8,
    tpr=0.5,
    fpr=None,
    auc=0.75,
    auc_low=None,
    auc_high=None,
    failed=1,
)
JPEG = replace(CLEAN, name="jpeg-30", family="jpeg", level=30.0, auc=None)


def make_detail(**changes: Any) -> EvaluationDetail:
    """Of ten images; EER is defined, precision is not."""
    headline = Reading(
        kind="shipped",
        threshold=0.43,
        temperature=1.2,
        is_in_sample=False,
        confusion=Confusion(1, 2, 3, 4),
        values={**dict.fromkeys(METRIC_NAMES), "accuracy": 0.75, "eer": 0.125},
        reasons={"precision": "no image was called a deepfake"},
        intervals={
            **dict.fromkeys(METRIC_NAMES),
            "accuracy": Interval(0.5, 0.875, "percentile"),
        },
        interval_reasons={"eer": "too few"},
    )
    half = replace(headline, kind="half", threshold=0.5, values={"accuracy": 0.625})
    detail = EvaluationDetail(
        architecture="b4",
        image_size_px=380,
        device="cpu",
        precision="float32",
        threshold_rule="0.5",
        data=ScoredData(
            name="größe",
            root="/data/größe",
            split="test",
            is_own=True,
            digest="sha256:test",
            content_digest="sha256:test-content",
            real=3,
            deepfake=7,
            limit=None,
            skipped=(("real/a.png", "truncated"),),
        ),
        overlap=Overlap(train=2, val=1, either=3),
        headline=headline,
        others=(half,),
        groups=(),
        robustness=None,
        resamples=2000,
        seed=0,
        seconds=1.0,
    )
    return replace(detail, **changes)


def make_scored(**changes: Any) -> Any:
    """An evaluation by hand on test images."""
    values = {
        "split": "test",
        "dataset_digest": "sha256:test",
        "threshold": 0.43,
        "origin": "evaluate",
        "dataset": "größe",
        "folder": "b4/1/evaluations/0001-test-e0001",
        "detail": make_detail(),
    }
    return make_evaluation(**(values | changes))


def make_suite() -> Robustness:
    check = FormatCheck({"real": {"JPEG": 3}}, None, None)
    return Robustness(2, {"Pillow": "11"}, 0.43, 1.2, (CLEAN, JPEG), check)


def test_only_evaluations_by_hand_of_the_best_epoch_that_stand_are_looked_at(
    store: RunStore,
) -> None:
    """Neither training's own, nor one of an epoch that was best once, nor one gone back behind."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_scored())
    assert len(store.evaluations.list_standings("accuracy")) == 1
    record_epoch(store, attempt, 2)
    store.record_evaluation(run.id, make_scored(epoch=2, accuracy=0.5))
    (standing,) = store.evaluations.list_standings("accuracy")

    assert standing == SetStanding(
        id=standing.id,
        run_id=run.id,
        split="test",
        dataset="größe",
        dataset_digest="sha256:test",
        content_digest="sha256:test-content",
        score=0.5,
        loss=0.4,
    )
    store.supersede_after(attempt.id, finished_epochs=1, step=10)
    (earlier,) = store.evaluations.list_standings("accuracy")
    assert earlier.score == 0.75


@pytest.mark.parametrize(
    ("metric", "score"), [("auc", 0.9), ("average_precision", None), ("eer", 0.125), ("ece", None)]
)
def test_metrics_come_from_columns_and_from_details(
    store: RunStore, metric: str, score: float | None
) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_scored())
    store.record_evaluation(run.id, make_scored(detail=None))
    full, bare = store.evaluations.list_standings(metric)

    assert full.score == score
    assert bare.score == (score if metric == "auc" else None)


def test_scores_are_read_as_they_were_recorded(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    for _ in range(2):
        store.record_test_use(run.id, epoch=1, dataset="größe", dataset_digest="sha256:test")
    store.record_evaluation(run.id, make_scored())
    store.record_evaluation(run.id, make_scored(split="val", detail=None))
    first, second = (each.id for each in store.evaluations.list_standings("accuracy"))
    found = store.evaluations.read_scores({first, second})
    full, bare = found[first], found[second]

    assert (full.dataset, full.root, full.classes) == ("größe", "/data/größe", (3, 7))
    assert (full.content_digest, bare.content_digest) == ("sha256:test-content", None)
    assert (full.threshold, full.accuracy_at_half, full.test_uses) == (0.43, 0.625, 2)
    assert (full.is_own, full.is_in_sample, full.seen) == (True, False, 3)
    assert full.intervals == {"accuracy": (0.5, 0.875)}
    assert (full.values["auc"], full.values["eer"], full.values["brier_score"]) == (
        0.9,
        0.125,
        None,
    )
    assert tuple(full.values) == METRIC_NAMES
    assert full.created_at == make_evaluation().created_at
    assert (bare.is_own, bare.is_in_sample, bare.seen, bare.root) == (None, False, None, None)
    assert (bare.values["accuracy"], bare.values["eer"], bare.intervals) == (0.75, None, {})
    assert list(store.evaluations.read_scores({second})) == [second]
    assert store.evaluations.read_scores(set()) == {}


def test_names_that_are_no_utf8_do_not_harm_what_is_read(store: RunStore) -> None:
    """Boards look into the detail, whose names come back as they were, escapes in them too."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    names = ("bad\udcff.png", "\\udcff", "\\\udcff\\\\udcff", "C:\\up")
    detail = make_detail(robustness=make_suite())
    data = replace(detail.data, root="/data/\udcff", skipped=tuple((n, f"no {n}") for n in names))
    values = {**detail.headline.values, "\udcff": None}
    detail = replace(detail, data=data, headline=replace(detail.headline, values=values))
    store.record_evaluation(run.id, make_scored(detail=detail))
    (standing,) = store.evaluations.list_standings("eer")

    assert standing.score == 0.125
    assert store.evaluations.read_scores({standing.id})[standing.id].root == "/data/\udcff"
    assert list(store.evaluations.read_suites()) == [standing.id]
    assert store.get_detail(run.id).evaluations[-1].detail == detail


def test_many_are_read_as_few(sqlite_store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run, attempt = begin_run(sqlite_store)
    record_epoch(sqlite_store, attempt, 1)
    for _ in range(3):
        sqlite_store.record_evaluation(run.id, make_scored())
    ids = [each.id for each in sqlite_store.evaluations.list_standings("accuracy")]
    few = sqlite_store.evaluations.read_scores(set(ids[1:]))
    monkeypatch.setattr("dfx.tracking.evaluations._SHORT", 1)

    assert sqlite_store.evaluations.read_scores(set(ids[1:])) == few
    assert list(few) == ids[1:]


def test_what_was_fitted_on_a_set_is_told_of_it_whatever_its_headline(store: RunStore) -> None:
    """There the headline is at 0.5 and was fitted on nothing; the shipped reading is beside."""
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    detail = make_detail()
    plain = replace(detail.headline, kind="uncalibrated", threshold=0.5, temperature=1.0)
    shipped = replace(detail.headline, is_in_sample=True)
    detail = replace(detail, headline=plain, others=(shipped,))
    store.record_evaluation(run.id, make_scored(detail=detail))
    (standing,) = store.evaluations.list_standings("accuracy")

    assert store.evaluations.read_scores({standing.id})[standing.id].is_in_sample


def test_suites_are_those_of_evaluations_that_tried_one(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_scored())
    store.record_evaluation(run.id, make_scored(detail=make_detail(robustness=make_suite())))
    store.record_evaluation(run.id, make_scored(detail=None))
    tried = store.evaluations.list_standings("accuracy")[1].id

    assert store.evaluations.read_suites() == {tried: Suite(2, 0.43, 1.2, (CLEAN, JPEG))}


def test_details_of_another_version_are_not_guessed_at(sqlite_store: RunStore) -> None:
    """What stands in columns is shown all the same."""
    store = sqlite_store
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    store.record_evaluation(run.id, make_scored(detail=make_detail(robustness=make_suite())))
    with store._engine.begin() as connection:
        connection.execute(
            text("UPDATE evaluations SET detail = json_set(detail, '$.version', 99)")
        )
    (standing,) = store.evaluations.list_standings("eer")
    scores = store.evaluations.read_scores({standing.id})[standing.id]

    assert (standing.score, standing.content_digest) == (None, None)
    assert (scores.values["accuracy"], scores.values["eer"], scores.is_own) == (0.75, None, None)
    assert store.evaluations.read_suites() == {}


def test_runs_with_weights_are_listed(store: RunStore) -> None:
    run, attempt = begin_run(store)
    record_epoch(store, attempt, 1)
    begin_run(store)

    assert store.evaluations.list_trained() == [TrainedRun(run.id, "b4/1", None, None)]
