"""Runs by data sets, of a real store."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_samples import draw_scores, evaluate
from leaderboard_samples import add_run

from dfx.records.matrix import Matrix, MatrixCell
from dfx.services.boards import ask_board
from dfx.services.matrix import build_matrix
from dfx.tracking.store import RunStore

OTHER = {"dataset": "other", "digest": "sha256:other", "is_own": False}


def build(store: RunStore, **words: object) -> Matrix:
    return build_matrix(store.home, ask_board("matrix", **words))  # type: ignore[arg-type]


def values(matrix: Matrix) -> dict[str, list[float | None]]:
    return {
        row.summary.run: [cell and cell.value for cell in (row.own, *row.cells)]
        for row in matrix.rows
    }


def test_no_home_has_no_lines(tmp_path: Path) -> None:
    matrix = build_matrix(tmp_path / "nothing", ask_board("matrix"))

    assert (matrix.rows, matrix.others) == ((), ())


def test_cells_are_the_newest_evaluations_and_holes_where_there_are_none(store: RunStore) -> None:
    """Own data first; lines as on the leaderboard; runs with nothing else are only named."""
    first = add_run(store, accuracies=[0.8])
    second = add_run(store, accuracies=[0.9])
    add_run(store, accuracies=[0.7])
    add_run(store, accuracies=[])
    evaluate(store, first, draw_scores(1), **OTHER)
    old = evaluate(store, first, draw_scores(2))
    new = evaluate(store, first, draw_scores(3, skill=0.3))
    other = evaluate(store, second, draw_scores(4, skill=0.2), **OTHER)
    matrix = build(store)
    crossed = matrix.rows[1].cells[1]
    assert crossed is not None and crossed.scores is not None

    assert [(c.dataset, c.split, c.dataset_digest) for c in matrix.columns] == [
        ("faces", "test", "sha256:test"),
        ("other", "test", "sha256:other"),
    ]
    assert old.accuracy != new.accuracy
    assert values(matrix) == {
        "b4/2": [0.9, None, other.accuracy],
        "b4/1": [0.8, new.accuracy, crossed.value],
    }
    assert (crossed.low, crossed.high) == crossed.scores.intervals["accuracy"]
    assert matrix.others == ("b4/3",)


def test_own_validation_images_are_told_once_and_as_optimistic(store: RunStore) -> None:
    """An evaluation of them says more than training did; another run's are a set like any."""
    own = add_run(store, accuracies=[0.8])
    guest = add_run(store, accuracies=[0.9], digest="sha256:mine")
    again = evaluate(store, own, draw_scores(1), split="val", digest="sha256:val")
    alone = build(store)

    assert alone.columns == ()
    assert (alone.rows[0].own.value, alone.rows[0].own.is_optimistic) == (again.accuracy, True)

    evaluate(store, guest, draw_scores(2), split="val", digest="sha256:val", is_own=False)
    both = build(store)
    rows = {row.summary.run: row for row in both.rows}
    foreign = rows["b4/2"].cells[0]
    assert foreign is not None

    assert [column.dataset_digest for column in both.columns] == ["sha256:val"]
    assert rows["b4/1"].cells == (rows["b4/1"].own,)
    assert (foreign.is_own, foreign.is_optimistic) == (False, False)
    assert (rows["b4/2"].own.value, rows["b4/2"].own.scores) == (0.9, None)


def test_a_run_is_told_on_the_validation_images_of_another_by_its_own_report(
    store: RunStore,
) -> None:
    """Though nobody has scored it there by hand."""
    own = add_run(store, accuracies=[0.8])
    guest = add_run(store, accuracies=[0.9], digest="sha256:mine")
    evaluate(store, guest, draw_scores(2), split="val", digest="sha256:val", is_own=False)
    evaluate(store, own, draw_scores(2))
    (line,) = (row for row in build(store).rows if row.summary.run == "b4/1")

    assert [cell and cell.value for cell in line.cells if cell is line.own] == [0.8]


def test_own_validation_images_that_have_changed_are_another_set(store: RunStore) -> None:
    """Own val says what the best epoch was chosen on, at 0.5; here that is training's report."""
    run = add_run(store, accuracies=[0.8])
    changed = {"split": "val", "digest": "sha256:val", "content": "sha256:redrawn"}
    scored = evaluate(store, run, draw_scores(1), threshold=0.3, **changed)  # type: ignore[arg-type]
    matrix = build(store)
    (row,) = matrix.rows

    assert (row.own.value, row.own.scores, row.content_digest) == (0.8, None, "sha256:val-content")
    assert [(c.dataset_digest, c.content_digest) for c in matrix.columns] == [
        ("sha256:val", "sha256:redrawn")
    ]
    assert [cell and cell.value for cell in row.cells] == [scored.accuracy]


def test_validation_images_whose_contents_are_not_known_are_taken_by_names_and_sizes(
    store: RunStore,
) -> None:
    """Training's own report stands for them, as nothing says at which threshold they were read."""
    run = add_run(store, accuracies=[0.8])
    evaluate(store, run, draw_scores(1), split="val", digest="sha256:val", with_detail=False)
    (row,) = build(store).rows

    assert (row.own.value, row.cells, row.worst) == (0.8, (), None)


def test_worst_elsewhere_is_told_with_its_change_from_the_runs_own_images(
    store: RunStore,
) -> None:
    """Own test images where it was scored on them, own validation images otherwise."""
    tested = add_run(store, accuracies=[0.9])
    untested = add_run(store, accuracies=[0.8])
    homely = add_run(store, accuracies=[0.7])
    at_home = evaluate(store, tested, draw_scores(1))
    evaluate(store, tested, draw_scores(1, skill=0.8), **OTHER)
    for run in (tested, untested):
        evaluate(store, run, draw_scores(2, skill=0.2), dataset="hard", digest="h", is_own=False)
    evaluate(store, homely, draw_scores(1))
    matrix = build(store)
    worst = {row.summary.run: row.worst for row in matrix.rows}
    first, second = worst["b4/1"], worst["b4/2"]
    assert first is not None and second is not None

    assert [matrix.columns[each.column].dataset for each in (first, second)] == ["hard", "hard"]
    assert first.change == pytest.approx(first.value - at_home.accuracy)
    assert second.change == pytest.approx(second.value - 0.8)
    assert worst["b4/3"] is None
    by_loss = build(store, metric="loss").rows[0].worst
    assert by_loss is not None and matrix.columns[by_loss.column].dataset == "hard"
    assert by_loss.change is not None and by_loss.change > 0


def test_worst_elsewhere_is_of_sets_that_are_new_to_the_run(store: RunStore) -> None:
    """Of what it was fitted on or has seen, its value says nothing of other data."""
    run = add_run(store)
    for number, known in enumerate(({"is_in_sample": True}, {"seen": 1}, {})):
        elsewhere = {"dataset": f"s{number}", "digest": f"sha256:{number}", "is_own": False}
        evaluate(store, run, draw_scores(1, skill=number / 2), **elsewhere, **known)  # type: ignore[arg-type]
    (row,) = build(store).rows

    assert row.cells[0] is not None and row.cells[0].is_optimistic
    assert row.worst is not None and row.worst.column == 2


def test_change_is_from_the_most_of_the_own_test_images(store: RunStore) -> None:
    """A limit makes a smaller set of the same data, and it may come later."""
    run = add_run(store)
    whole = evaluate(store, run, draw_scores(1, images=40))
    evaluate(store, run, draw_scores(2, skill=0.1, images=10), digest="sha256:limited")
    evaluate(store, run, draw_scores(3), **OTHER)
    (row,) = build(store).rows

    assert row.worst is not None and row.worst.change is not None
    assert row.worst.change == pytest.approx(row.worst.value - whole.accuracy)


def test_what_a_run_has_seen_of_a_set_is_told(store: RunStore) -> None:
    evaluate(store, add_run(store), draw_scores(1), seen=12, **OTHER)
    ((cell,),) = (row.cells for row in build(store).rows)
    assert isinstance(cell, MatrixCell)

    assert (cell.seen, cell.is_own, cell.is_optimistic) == (12, False, False)


def test_a_metric_that_training_does_not_report_is_not_made_up(store: RunStore) -> None:
    evaluate(store, add_run(store), draw_scores(1))
    (row,) = build(store, metric="eer").rows

    assert row.own.value is None
    assert row.cells[0] is not None and row.cells[0].value is not None


def test_where_sort_and_limit_choose_lines_and_the_sets_they_need(store: RunStore) -> None:
    runs = [add_run(store, accuracies=[a]) for a in (0.7, 0.9, 0.8)]
    for run in runs:
        evaluate(store, run, draw_scores(run.id))
    evaluate(store, runs[0], draw_scores(9), **OTHER)
    limited = build(store, limit=1)

    assert list(values(build(store))) == ["b4/2", "b4/3", "b4/1"]
    assert (list(values(limited)), limited.omitted, len(limited.columns)) == (["b4/2"], 2, 1)
    assert list(values(build(store, sort="id:desc"))) == ["b4/3", "b4/2", "b4/1"]
    assert list(values(build(store, where="val_accuracy < 0.85"))) == ["b4/3", "b4/1"]
