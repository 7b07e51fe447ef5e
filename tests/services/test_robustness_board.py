"""Runs by what was done to the images, of a real store."""

from __future__ import annotations

import random
from pathlib import Path

from evaluation_samples import SUITE, draw_scores, evaluate
from leaderboard_samples import add_run

from dfx.records.robustness_board import RobustBoard, RobustSet
from dfx.services.boards import ask_board
from dfx.services.robustness_board import compare_robustness
from dfx.tracking.store import RunStore

SCORES = draw_scores(1, images=4)
FULL = dict.fromkeys(SUITE, 0.9)


def compare(store: RunStore, **words: object) -> RobustBoard:
    return compare_robustness(store.home, ask_board("robustness", **words))  # type: ignore[arg-type]


def names(shown: RobustSet) -> list[str]:
    return [run.summary.run for run in shown.runs]


def test_no_home_has_no_tables(tmp_path: Path) -> None:
    board = compare_robustness(tmp_path / "nothing", ask_board("robustness"))

    assert (board.sets, board.others) == ((), ())


def test_order_and_the_lowest_of_each_family_are_those_of_a_plain_scan(store: RunStore) -> None:
    """By the worst condition of all; ties go to the better clean value, then the earlier run."""
    rng = random.Random(5)
    drawn: dict[str, dict[str, float]] = {}
    for _ in range(10):
        run = add_run(store)
        drawn[run.name] = {name: rng.choice([0.5, 0.6, 0.7, 0.8]) for name in SUITE}
        evaluate(store, run, SCORES, suite=drawn[run.name])
    (shown,) = compare(store).sets

    def changed(name: str) -> list[float]:
        return [auc for condition, auc in drawn[name].items() if condition != "clean"]

    scan = sorted(
        drawn,
        key=lambda name: (-min(changed(name)), -drawn[name]["clean"], int(name.split("/")[1])),
    )

    assert names(shown) == scan
    assert [run.rank for run in shown.runs] == list(range(1, 11))
    assert shown.families == ("jpeg", "blur", "noise", "resaved")
    for run in shown.runs:
        aucs = drawn[run.summary.run]
        assert run.clean is not None and run.clean.auc == aucs["clean"]
        assert run.worst is not None and run.worst.auc == min(changed(run.summary.run))
        assert run.worst.auc == aucs[run.worst.name]
        lowest = run.lowest["jpeg"]
        assert lowest is not None and lowest.auc == min(aucs["jpeg-90"], aucs["jpeg-30"])
        assert aucs[lowest.name] == lowest.auc
        assert [result.name for result in run.results] == list(SUITE)


def test_images_and_versions_of_the_suite_are_never_mixed(store: RunStore) -> None:
    runs = [add_run(store) for _ in range(3)]
    evaluate(store, runs[0], SCORES, suite=FULL)
    evaluate(store, runs[1], SCORES, suite=FULL, version=2)
    evaluate(store, runs[0], SCORES, suite=FULL, dataset="other", digest="sha256:other")
    evaluate(store, runs[1], SCORES, suite=FULL, split="val", digest="sha256:val")
    evaluate(store, runs[0], SCORES, suite=FULL, content="sha256:redrawn")
    board = compare(store)

    assert (board.sets[0].content_digest, names(board.sets[0])) == ("sha256:redrawn", ["b4/1"])
    assert [(e.dataset_digest, e.version, e.split, names(e)) for e in board.sets[1:]] == [
        ("sha256:val", 1, "val", ["b4/2"]),
        ("sha256:other", 1, "test", ["b4/1"]),
        ("sha256:test", 2, "test", ["b4/2"]),
        ("sha256:test", 1, "test", ["b4/1"]),
    ]
    assert board.others == ("b4/3",)


def test_a_later_evaluation_without_the_suite_hides_nothing(store: RunStore) -> None:
    """And of two with it the newer counts."""
    run = add_run(store)
    evaluate(store, run, SCORES, suite=FULL)
    evaluate(store, run, SCORES, suite={**FULL, "blur-2": 0.4})
    evaluate(store, run, SCORES)
    ((line,),) = (each.runs for each in compare(store).sets)

    assert line.worst is not None and (line.worst.name, line.worst.auc) == ("blur-2", 0.4)


def test_conditions_are_told_at_the_threshold_that_judged_them(store: RunStore) -> None:
    """The shipped one, also where the headline is at 0.5 as it was fitted on these images."""
    own = {"split": "val", "digest": "sha256:val", "threshold": 0.3, "is_in_sample": True}
    scored = evaluate(store, add_run(store), SCORES, suite=FULL, **own)  # type: ignore[arg-type]
    ((line,),) = (each.runs for each in compare(store).sets)

    assert scored.threshold == 0.5
    assert (line.threshold, line.temperature, line.scores.is_in_sample) == (0.3, 1.2, True)


def test_where_nothing_is_defined_there_is_no_rank(store: RunStore) -> None:
    """As on images of one class, which have an accuracy nevertheless."""
    evaluate(store, add_run(store), SCORES, suite=dict.fromkeys(SUITE))
    evaluate(store, add_run(store), SCORES, suite={**FULL, "jpeg-30": None})
    (by_auc,) = compare(store).sets
    (by_accuracy,) = compare(store, metric="accuracy").sets

    assert [(run.summary.run, run.rank) for run in by_auc.runs] == [("b4/2", 1), ("b4/1", None)]
    assert by_auc.runs[1].worst is None and by_auc.runs[1].lowest["jpeg"] is None
    jpeg = by_auc.runs[0].lowest["jpeg"]
    assert jpeg is not None and jpeg.name == "jpeg-90"
    assert [run.rank for run in by_accuracy.runs] == [1, 2]


def test_where_sort_and_limit_work_as_on_the_leaderboard(store: RunStore) -> None:
    for accuracy, low in ((0.7, 0.5), (0.9, 0.6), (0.8, 0.7)):
        run = add_run(store, accuracies=[accuracy])
        evaluate(store, run, SCORES, suite={**FULL, "noise-10": low})
    (limited,) = compare(store, limit=2).sets
    (by_id,) = compare(store, sort="id").sets
    (found,) = compare(store, where="val_accuracy < 0.85").sets

    assert (names(limited), limited.omitted) == (["b4/3", "b4/2"], 1)
    assert [(run.summary.run, run.rank) for run in by_id.runs] == [
        ("b4/1", 3),
        ("b4/2", 2),
        ("b4/3", 1),
    ]
    assert names(found) == ["b4/3", "b4/1"]
