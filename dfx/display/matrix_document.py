"""The matrix for programs: a line for each cell, the JSON document; and wide, for Markdown."""

from __future__ import annotations

from typing import Any

from dfx.display.held_out_document import RUN_COLUMNS, describe_run
from dfx.display.matrix import OWN, WORST, set_names
from dfx.records.matrix import Matrix, MatrixCell, MatrixColumn, MatrixRow

_SET = ("split", "dataset", "dataset_digest", "content_digest", "real", "deepfake")
_CELL = (
    *("value", "low", "high", "threshold", "is_own", "is_optimistic", "seen"),
    *("accuracy_at_half", "created_at", "folder"),
)


def matrix_columns(_matrix: Matrix) -> list[str]:
    """The columns of CSV, which has a line for each run and set."""
    return [*RUN_COLUMNS, *_SET, "metric", *_CELL]


def matrix_rows(matrix: Matrix) -> list[dict[str, Any]]:
    """Every cell flat, run by run: its own validation images first, then the sets in order."""
    return [
        {**describe_run(row.summary), **where, "metric": matrix.metric.name, **_describe(cell)}
        for row in matrix.rows
        for where, cell in _list_cells(row, matrix)
    ]


def matrix_wide_columns(matrix: Matrix) -> list[str]:
    """The columns of Markdown: as the table has them."""
    return ["run", OWN, *set_names(matrix), WORST]


def matrix_wide_rows(matrix: Matrix) -> list[dict[str, Any]]:
    """A line for each run, with the values alone."""
    names = set_names(matrix)
    return [
        {
            "run": row.summary.run,
            OWN: row.own.value,
            **{name: cell and cell.value for name, cell in zip(names, row.cells, strict=True)},
            WORST: row.worst and row.worst.value,
        }
        for row in matrix.rows
    ]


def matrix_document(matrix: Matrix) -> dict[str, Any]:
    """`{"metric", "sets": […], "runs": [{run, …, own, scores: […], worst}], "omitted", "others"}`.

    A set has `split`, `dataset`, `dataset_digest` (of names and sizes), `content_digest` (of names
    and contents, null where not known), `real`, `deepfake`. `own` is of the images that the run's
    best epoch was chosen on, `scores` of the sets that it was scored on: these keys, and `value`,
    `low`, `high`, `threshold`, `is_own`, `is_optimistic`, `seen`, `accuracy_at_half` (if the
    threshold is another), `created_at`, `folder`.
    `worst` is the worst value on data that are not its own, and of which it has seen nothing, with
    the set, and its `change` from its own test images, the most of them that it was scored on (from
    its own validation images where it was not scored on those); null where there is none. Where no
    run was scored, `{"runs": []}` is all there is.
    """
    if not matrix.rows:
        return {"runs": []}
    return {
        "metric": matrix.metric.name,
        "sets": [_describe_set(column) for column in matrix.columns],
        "runs": [_describe_row(row, matrix) for row in matrix.rows],
        "omitted": matrix.omitted,
        "others": matrix.others,
    }


def _describe_row(row: MatrixRow, matrix: Matrix) -> dict[str, Any]:
    own, *others = ({**where, **_describe(cell)} for where, cell in _list_cells(row, matrix))
    worst = row.worst and {
        **_describe_set(matrix.columns[row.worst.column]),
        "value": row.worst.value,
        "change": row.worst.change,
    }
    return {**describe_run(row.summary), "own": own, "scores": others, "worst": worst}


def _list_cells(row: MatrixRow, matrix: Matrix) -> list[tuple[dict[str, Any], MatrixCell]]:
    """Where and how a run was scored; its own validation images first, and only there."""
    scores = row.own.scores
    classes = (None, None) if scores is None else scores.classes
    own = {
        "split": "val",
        "dataset": None if scores is None else scores.dataset,
        "dataset_digest": row.summary.validation_digest,
        "content_digest": row.content_digest,
        **dict(zip(("real", "deepfake"), classes, strict=True)),
    }
    cells = [
        (_describe_set(column), cell)
        for column, cell in zip(matrix.columns, row.cells, strict=True)
        if cell is not None and cell is not row.own
    ]
    return [(own, row.own), *cells]


def _describe_set(column: MatrixColumn) -> dict[str, Any]:
    real, deepfake = column.classes
    return {
        "split": column.split,
        "dataset": column.dataset,
        "dataset_digest": column.dataset_digest,
        "content_digest": column.content_digest,
        "real": real,
        "deepfake": deepfake,
    }


def _describe(cell: MatrixCell) -> dict[str, Any]:
    scores = cell.scores
    return {
        "value": cell.value,
        "low": cell.low,
        "high": cell.high,
        # Training judges by 0.5, before anything is fitted.
        "threshold": 0.5 if scores is None else scores.threshold,
        "is_own": cell.is_own,
        "is_optimistic": cell.is_optimistic,
        "seen": cell.seen,
        "accuracy_at_half": None if scores is None else scores.accuracy_at_half,
        "created_at": None if scores is None else scores.created_at,
        "folder": None if scores is None else scores.folder,
    }
