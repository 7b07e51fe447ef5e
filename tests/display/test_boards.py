"""The boards by evaluations: how they look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import RenderableType

from dfx.display.held_out import HeldOutTable, held_out_table
from dfx.display.matrix import MatrixTable, matrix_table
from dfx.display.robustness_board import RobustnessTable, robustness_board_table
from dfx.records.boards import SET_METRICS, TEST_METRICS, HeldOutBoard
from dfx.records.leaderboard import AucDifference, PairedTest
from dfx.records.matrix import Matrix
from dfx.records.robustness_board import RobustBoard

Render = Callable[[RenderableType, int], str]
Golden = Callable[[str, str], None]


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


def test_runs_that_know_the_images_are_marked(robust: RobustBoard, render: Render) -> None:
    """As in the matrix: what was fitted on them, and what has seen some."""
    text = render(robustness_board_table(robust), 200)

    assert "b4-robust/1*" in text and "b4-baseline/2!" in text
    assert "* chosen or fitted on these very images" in text
    assert "! trained or validated on some of these images" in text


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
    assert "have weights yet.  Start one:\n  dfx run" in render(show(empty, home=Path("x")), 60)
    assert "meets the condition" in render(show(replace(empty, is_filtered=True)), 200)
