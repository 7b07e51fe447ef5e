"""Boards by evaluations, as the tests show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from dfx.records import Confusion, RunSummary
from dfx.records.boards import (
    SET_METRICS,
    TEST_METRICS,
    HeldOutBoard,
    HeldOutSet,
    ScoredRun,
    SetScores,
    Unscored,
)
from dfx.records.evaluation import METRIC_NAMES
from dfx.records.leaderboard import AucDifference, Leaderboard, PairedTest
from dfx.records.matrix import Elsewhere, Matrix, MatrixCell, MatrixColumn, MatrixRow
from dfx.records.robustness import ConditionResult
from dfx.records.robustness_board import RobustBoard, RobustRun, RobustSet

TEST = "sha256:51ab" + "0" * 60
OTHER = "sha256:c0de" + "0" * 60
NAMESAKE = "sha256:beef" + "0" * 60


def make_scores(run: RunSummary, accuracy: float, **changes: Any) -> SetScores:
    """An evaluation of a run on 20,000 test images."""
    values: dict[str, float | None] = {**dict.fromkeys(METRIC_NAMES), "accuracy": accuracy}
    values |= {"auc": accuracy + 0.005, "f1": accuracy - 0.001, "loss": 0.1}
    scores = SetScores(
        id=run.id,
        run_id=run.id,
        split="test",
        dataset="faces",
        dataset_digest=TEST,
        content_digest=None,
        root="/data/faces",
        threshold=0.5,
        confusion=Confusion(tn=9800, fp=200, fn=300, tp=9700),
        values=values,
        intervals={
            "accuracy": (accuracy - 0.002, accuracy + 0.002),
            "auc": (accuracy + 0.004, accuracy + 0.006),
        },
        accuracy_at_half=None,
        is_own=True,
        is_in_sample=False,
        seen=0,
        test_uses=1,
        predictions=f"{run.directory}/predictions.csv",
        folder=f"{run.directory}/evaluations/0001-test-e0011",
        created_at=run.created_at,
    )
    return replace(scores, **changes)


def make_held_out(leaderboard: Leaderboard) -> HeldOutBoard:
    """Two test sets; on the second a run that has seen some of it, and a metric undefined."""
    first, second, lost = leaderboard.groups[0].ranked
    own = tuple(
        ScoredRun(rank, run.summary, run.settings, run.differs, scores)
        for rank, (run, scores) in enumerate(
            (
                (first, make_scores(first.summary, 0.975, threshold=0.4312, test_uses=3)),
                (second, make_scores(second.summary, 0.97012345678)),
            ),
            1,
        )
    )
    own = (replace(own[0], scores=replace(own[0].scores, accuracy_at_half=0.9701)), own[1])
    scores = make_scores(lost.summary, 0.7125, dataset="other_faces", dataset_digest=OTHER)
    scores = replace(scores, seen=12, is_own=False, values={**scores.values, "auc": None})
    scores = replace(scores, intervals={"accuracy": (0.65, 0.77)}, confusion=Confusion(9, 1, 2, 8))
    crossed = ScoredRun(1, lost.summary, lost.settings, {}, scores)
    names = (first.summary.run, second.summary.run)
    sets = (
        HeldOutSet(
            dataset="faces",
            dataset_digest=TEST,
            content_digest=None,
            classes=(10000, 10000),
            runs=own,
            omitted=0,
            common={"augment.jpeg": 0.0, "train.seed": 0},
            verdicts=PairedTest(*names, 210, 110, 3e-8),
            rankings=AucDifference(*names, 0.001, -0.001, 0.003, 0.3417),
            unscored=(Unscored((lost.summary.run,), None), Unscored(("small/1",), "/my data")),
        ),
        HeldOutSet(
            dataset="other_faces",
            dataset_digest=OTHER,
            content_digest=None,
            classes=(10, 10),
            runs=(crossed,),
            omitted=17,
            common={},
            verdicts=None,
            rankings=None,
            unscored=(Unscored(tuple(f"b4/{i}" for i in range(9, 0, -1)), "/data/other_faces"),),
        ),
    )
    return HeldOutBoard(TEST_METRICS["test_accuracy"], None, sets, "b4/9", is_filtered=False)


def make_cell(value: float | None, **changes: Any) -> MatrixCell:
    """On data that are not the run's own."""
    low, high = (None, None) if value is None else (value - 0.01, value + 0.01)
    cell = MatrixCell(
        value=value, low=low, high=high, is_own=False, is_optimistic=False, seen=0, scores=None
    )
    return replace(cell, **changes)


def make_matrix(leaderboard: Leaderboard) -> Matrix:
    """Three runs on four sets, two of which are called the same."""
    first, second, third = (run.summary for run in leaderboard.groups[0].ranked)
    columns = (
        MatrixColumn("test", "faces", TEST, None, (10000, 10000)),
        MatrixColumn("test", "other_faces", OTHER, None, (1200, 1199)),
        MatrixColumn("test", "other_faces", OTHER, NAMESAKE, (600, 600)),
        MatrixColumn("val", "celebrities", "sha256:77ab" + "0" * 60, None, (50, 50)),
    )

    def own(run: RunSummary) -> MatrixCell:
        return make_cell(run.val_accuracy, is_own=True, is_optimistic=True)

    scored = make_cell(0.7125, scores=make_scores(first, 0.7125))
    home = make_cell(0.975, is_own=True)
    rows = (
        MatrixRow(
            first,
            None,
            own(first),
            (home, scored, None, make_cell(0.81)),
            Elsewhere(1, 0.7125, -0.2625),
        ),
        MatrixRow(
            second,
            None,
            own(second),
            (None, make_cell(0.69, seen=3), make_cell(None), own(second)),
            None,
        ),
        MatrixRow(third, None, own(third), (make_cell(0.97, is_own=True), None, None, None), None),
    )
    return Matrix(SET_METRICS["accuracy"], columns, rows, 2, ("old/1", "old/2"), is_filtered=False)


FAMILIES = ("jpeg", "webp", "blur", "resize", "noise", "brightness", "contrast", "resaved")


def make_condition(family: str, level: float | None, auc: float | None) -> ConditionResult:
    return ConditionResult(
        name=family if level is None else f"{family}-{level:g}",
        family=family,
        level=level,
        title=family if level is None else f"{family.capitalize()} {level:g}",
        confusion=Confusion(40, 10, 5, 45),
        accuracy=0.85,
        accuracy_low=0.76,
        accuracy_high=0.91,
        tpr=0.9,
        fpr=0.2,
        auc=auc,
        auc_low=None,
        auc_high=None,
        failed=1 if family == "noise" else 0,
    )


def make_robust(leaderboard: Leaderboard) -> RobustBoard:
    """Two runs under all families; one was fitted on the images, the other has seen some."""
    runs = []
    for rank, run in enumerate(leaderboard.groups[0].ranked[:2], 1):
        clean = make_condition("clean", None, 0.99)
        aucs: Mapping[str, float | None] = {
            family: None if (rank, family) == (2, "webp") else 0.99 - 0.05 * i * rank
            for i, family in enumerate(FAMILIES)
        }
        lowest = {family: make_condition(family, 30.0, auc) for family, auc in aucs.items()}
        runs.append(
            RobustRun(
                rank=rank,
                summary=run.summary,
                scores=make_scores(run.summary, 0.97, is_in_sample=rank == 1, seen=3),
                threshold=0.4312,
                temperature=1.3,
                results=(clean, *lowest.values()),
                clean=clean,
                lowest=lowest,
                worst=lowest["resaved"],
            )
        )
    shown = RobustSet("val", "faces", TEST, None, (50, 50), 1, FAMILIES, tuple(runs), 3)
    return RobustBoard(SET_METRICS["auc"], (shown,), ("old/2", "old/1"), is_filtered=False)
