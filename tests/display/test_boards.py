"""The boards by evaluations: how they look, and what programs get."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType

from dfx.display.formats import to_csv, to_json, to_markdown
from dfx.display.held_out import HeldOutTable, held_out_table
from dfx.display.held_out_document import held_out_columns, held_out_document, held_out_rows
from dfx.display.matrix import MatrixTable, matrix_table
from dfx.display.matrix_document import (
    matrix_columns,
    matrix_document,
    matrix_rows,
    matrix_wide_columns,
    matrix_wide_rows,
)
from dfx.display.robustness_board import RobustnessTable, robustness_board_table
from dfx.display.robustness_board_document import (
    robustness_board_columns,
    robustness_board_document,
    robustness_board_rows,
)
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
from dfx.records.evaluation import METRIC_NAMES, ConditionResult
from dfx.records.leaderboard import AucDifference, Leaderboard, PairedTest
from dfx.records.matrix import Elsewhere, Matrix, MatrixCell, MatrixColumn, MatrixRow
from dfx.records.robustness_board import RobustBoard, RobustRun, RobustSet

Render = Callable[[RenderableType, int], str]
Golden = Callable[[str, str], None]

TEST = "sha256:51ab" + "0" * 60
OTHER = "sha256:c0de" + "0" * 60


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


@pytest.fixture
def held_out(leaderboard: Leaderboard) -> HeldOutBoard:
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


@pytest.fixture
def matrix(leaderboard: Leaderboard) -> Matrix:
    """Three runs on four sets, two of which are called the same."""
    first, second, third = (run.summary for run in leaderboard.groups[0].ranked)
    columns = (
        MatrixColumn("test", "faces", TEST, (10000, 10000)),
        MatrixColumn("test", "other_faces", OTHER, (1200, 1199)),
        MatrixColumn("test", "other_faces", DIGEST_2, (600, 600)),
        MatrixColumn("val", "celebrities", "sha256:77ab" + "0" * 60, (50, 50)),
    )

    def own(run: RunSummary) -> MatrixCell:
        return make_cell(run.val_accuracy, is_own=True, is_optimistic=True)

    scored = make_cell(0.7125, scores=make_scores(first, 0.7125))
    home = make_cell(0.975, is_own=True)
    rows = (
        MatrixRow(
            first, own(first), (home, scored, None, make_cell(0.81)), Elsewhere(1, 0.7125, -0.2625)
        ),
        MatrixRow(
            second,
            own(second),
            (None, make_cell(0.69, seen=3), make_cell(None), own(second)),
            Elsewhere(1, 0.69, -0.2961),
        ),
        MatrixRow(third, own(third), (make_cell(0.97, is_own=True), None, None, None), None),
    )
    return Matrix(SET_METRICS["accuracy"], columns, rows, 2, ("old/1", "old/2"), is_filtered=False)


DIGEST_2 = "sha256:beef" + "0" * 60

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


@pytest.fixture
def robust(leaderboard: Leaderboard) -> RobustBoard:
    """Two runs under all families."""
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
                scores=make_scores(run.summary, 0.97),
                results=(clean, *lowest.values()),
                clean=clean,
                lowest=lowest,
                worst=lowest["resaved"],
            )
        )
    shown = RobustSet("val", "faces", TEST, (50, 50), 1, FAMILIES, tuple(runs), 3)
    return RobustBoard(SET_METRICS["auc"], (shown,), ("old/2", "old/1"), is_filtered=False)


@pytest.mark.parametrize("width", [80, 100, 140])
@pytest.mark.parametrize("name", ["held_out", "matrix", "robust"])
def test_boards_look_as_kept(
    request: pytest.FixtureRequest, render: Render, golden: Golden, name: str, width: int
) -> None:
    board = request.getfixturevalue(name)
    shown = {"held_out": held_out_table, "matrix": matrix_table, "robust": robustness_board_table}
    text = render(shown[name](board), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"board-{name}-{width}", text)


def left_out(table: Any) -> list[str]:
    """Headings in the order in which they leave as the terminal narrows, and none comes back."""
    shown = [[table.columns[i].heading for i in table.fitting(w)] for w in range(220, 10, -1)]
    gone = []
    for wide, narrow in pairwise(shown):
        rest = list(wide)
        for heading in narrow:
            rest.remove(heading)
        gone += rest
    return gone


def test_columns_go_in_the_stated_order(held_out: HeldOutBoard) -> None:
    by_f1 = replace(held_out, metric=TEST_METRICS["test_f1"])
    usual = HeldOutTable(held_out, held_out.sets[0]).table()
    other = HeldOutTable(by_f1, held_out.sets[0]).table()
    order = ["95 %", "status", "differs", "val acc", "at 0.5", "test AUC"]

    assert left_out(usual) == order
    assert left_out(other) == [*order, "95 %", "test acc"]
    assert [column.heading for column in other.columns][:4] == ["#", "run", "test F1", "test acc"]


def test_sets_and_families_go_in_the_stated_order(matrix: Matrix, robust: RobustBoard) -> None:
    table = MatrixTable(matrix).table(intervals=False)
    suite = RobustnessTable(robust.sets[0], robust.metric).table()

    assert left_out(table) == [column.heading for column in table.columns[-2:1:-1]]
    assert left_out(suite) == [
        *("contrast", "brightness", "noise", "blur", "resize", "webp", "jpeg", "resaved")
    ]


def test_headings_and_intervals_are_not_broken_within(matrix: Matrix, render: Render) -> None:
    for width in range(60, 150, 7):
        words = render(matrix_table(matrix), width).split()

        assert "b4-robust/1" in words
        assert {word for word in words if word.startswith("other_face")} <= {
            "other_faces",
            "other_faces,",
        }


def test_marks_are_explained_where_they_stand(matrix: Matrix, render: Render) -> None:
    text = render(matrix_table(matrix), 200)
    plain = replace(matrix, rows=(replace(matrix.rows[0], cells=(None,) * 4, worst=None),))

    assert "0.9750° 0.9650–0.9850" in text
    assert "0.6900!" in text
    assert "0.9861°*" in text
    assert "! trained or validated on some of these images" in text
    assert "worst elsewhere" not in render(matrix_table(plain), 200)
    assert "° the run's" not in render(matrix_table(plain), 200)


def test_a_metric_of_which_less_is_better_says_so(matrix: Matrix, render: Render) -> None:
    by_loss = replace(matrix, metric=SET_METRICS["loss"])
    text = render(matrix_table(by_loss), 200)

    assert "Cells are the log loss (nats) (lower is better)" in text
    assert "at the threshold" not in text
    assert "at the threshold" in " ".join(render(matrix_table(matrix), 200).split())


def test_commands_work_in_the_same_home(held_out: HeldOutBoard, render: Render) -> None:
    """And are whole, however narrow the terminal."""
    text = render(held_out_table(held_out, home=Path("my runs")), 50)

    assert "dfx evaluate b4-frozen/1 --split test --home 'my runs'\n" in text
    assert "dfx evaluate small/1 --split test --data '/my data' --home 'my runs'\n" in text
    assert "dfx evaluate RUN --split test --data /data/other_faces --home 'my runs'\n" in text
    assert "b4/5 and 4 more." in " ".join(text.split())


def test_tests_that_could_not_be_made_say_why_once(held_out: HeldOutBoard, render: Render) -> None:
    reason = "the predictions of b4/1 are damaged"
    shown = replace(
        held_out.sets[0],
        verdicts=PairedTest("a/1", "b/1", None, None, None, reason),
        rankings=AucDifference("a/1", "b/1", None, None, None, None, reason),
    )
    text = render(held_out_table(replace(held_out, sets=(shown,))), 200)

    assert text.count(reason) == 1
    assert "1 and 2 were not tested: the predictions" in text
    assert "two recipes" not in text


@pytest.mark.parametrize(
    ("show", "name", "command"),
    [
        (held_out_table, "held_out", "dfx evaluate {} --split test"),
        (matrix_table, "matrix", "dfx evaluate {} --data FOLDER"),
        (robustness_board_table, "robust", "dfx evaluate {} --robustness"),
    ],
)
def test_nothing_is_a_word_on_how_to_start(
    request: pytest.FixtureRequest,
    render: Render,
    show: Callable[..., RenderableType],
    name: str,
    command: str,
) -> None:
    board = request.getfixturevalue(name)
    hollow = {"rows": ()} if name == "matrix" else {"sets": ()}
    nobody = {"waiting": None} if name == "held_out" else {"others": ()}
    waiting = replace(board, **hollow)
    empty = replace(waiting, **nobody)
    run = "b4/9" if name == "held_out" else board.others[0]

    assert command.format("best") in render(show(waiting), 200)
    assert command.format(run) in render(show(replace(waiting, is_filtered=True)), 200)
    assert "have weights yet.  Start one:  dfx run" in render(show(empty, home=Path("x")), 200)
    assert "meets the condition" in render(show(replace(empty, is_filtered=True)), 200)


def test_held_out_documents_have_the_documented_shape(held_out: HeldOutBoard) -> None:
    document = json.loads(to_json(held_out_document(held_out)))
    first, second, third = document["runs"]
    flat = (
        *("run", "id", "experiment", "number", "uuid", "status", "epochs", "best_epoch"),
        *("split", "dataset", "dataset_digest", "threshold", "accuracy", "accuracy_low"),
        *("accuracy_high", "auc", "auc_low", "auc_high", "f1", "tn", "fp", "fn", "tp"),
        *("val_accuracy", "test_uses", "created_at", "folder"),
    )

    assert list(document) == ["metric", "runs", "tests", "sets"]
    assert set(flat) <= set(first)
    assert [(run["rank"], run["run"]) for run in document["runs"]] == [
        (1, "b4-robust/1"),
        (2, "b4-baseline/2"),
        (1, "b4-frozen/1"),
    ]
    assert second["accuracy"] == 0.97012345678
    assert (first["auc_low"], first["auc_high"], first["test_uses"]) == (0.979, 0.981, 3)
    assert (third["auc"], third["auc_low"], third["seen"]) == (None, None, 12)
    assert first["differs"] == {"augment.jpeg": 0.5, "train.seed": 0}
    assert [(each["method"], each["dataset_digest"]) for each in document["tests"]] == [
        ("mcnemar", TEST),
        ("delong", TEST),
    ]
    assert document["tests"][1]["low"] == -0.001
    assert document["sets"][0]["unscored"] == ["b4-frozen/1", "small/1"]
    rows, columns = held_out_rows(held_out), held_out_columns(held_out)
    assert columns == [*list(first)[:-1], "augment.jpeg", "train.seed"]
    assert len(to_csv(rows, columns).splitlines()) == 4


def test_columns_asked_for_are_all_there_is(held_out: HeldOutBoard, render: Render) -> None:
    names = ("test_auc", "optim.lr", "threshold", "val_loss", "tags")
    asked = replace(held_out, columns=names)
    narrow = render(held_out_table(asked), 40)

    assert held_out_document(asked)["runs"][0] == {
        "rank": 1,
        "run": "b4-robust/1",
        "dataset_digest": TEST,
        "test_auc": 0.98,
        "optim.lr": 1e-4,
        "threshold": 0.4312,
        "val_loss": 0.0412345678,
        "tags": (),
    }
    assert held_out_rows(asked)[0]["tags"] == ""
    assert ["1", "b4-robust/1", "0.9800", "0.0001", "0.4312", "0.0412"] in [
        line.split() for line in render(held_out_table(asked), 140).splitlines()
    ]
    assert "3 columns have no room here; --format csv has them all." in " ".join(narrow.split())


def test_matrix_documents_have_every_cell(matrix: Matrix) -> None:
    document = json.loads(to_json(matrix_document(matrix)))
    rows = matrix_rows(matrix)
    first, second, _ = document["runs"]

    assert [cell["value"] for cell in first["scores"]] == [0.975, 0.7125, 0.81]
    assert first["own"]["value"] == first["own"]["low"] + 0.01
    assert (first["own"]["threshold"], first["scores"][1]["threshold"]) == (0.5, 0.5)
    assert first["worst"] == {**document["sets"][1], "value": 0.7125, "change": -0.2625}
    assert [cell["seen"] for cell in second["scores"]] == [3, 0, 0]
    assert document["others"] == ["old/1", "old/2"]
    # Own validation, and three, three and one of the sets.
    assert len(rows) == 3 + 3 + 3 + 1
    assert set(rows[0]) == set(matrix_columns(matrix))
    wide = to_markdown(matrix_wide_rows(matrix), matrix_wide_columns(matrix)).splitlines()
    assert "| other_faces test sha256:c0de… | other_faces test sha256:beef… |" in wide[0]
    assert wide[2] == "| b4-robust/1 | 0.98731 | 0.975 | 0.7125 |  | 0.81 | 0.7125 |"


def test_robustness_documents_have_every_condition(robust: RobustBoard) -> None:
    document = json.loads(to_json(robustness_board_document(robust)))
    first, second = document["runs"]
    rows = robustness_board_rows(robust)

    assert first["lowest"]["jpeg"] == {"name": "jpeg-30", "level": 30.0, "value": 0.99}
    assert first["worst"]["name"] == "resaved-30"
    assert [each["name"] for each in first["conditions"]][:2] == ["clean", "jpeg-30"]
    assert second["lowest"]["webp"]["value"] is None
    assert (first["version"], first["dataset_digest"]) == (1, TEST)
    assert len(rows) == 2 * 9
    assert set(rows[0]) == set(robustness_board_columns(robust))
    assert (rows[0]["tn"], rows[0]["tp"], rows[0]["auc"]) == (40, 45, 0.99)


def test_nothing_is_an_empty_list(
    held_out: HeldOutBoard, matrix: Matrix, robust: RobustBoard
) -> None:
    nothing = {"runs": []}
    empty = replace(held_out, sets=())

    assert held_out_document(empty) == nothing
    assert matrix_document(replace(matrix, rows=())) == nothing
    assert robustness_board_document(replace(robust, sets=())) == nothing
    assert to_csv(held_out_rows(empty), held_out_columns(empty)).count("\n") == 1
