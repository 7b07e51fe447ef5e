"""The boards by evaluations: what programs get."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

from rich.console import RenderableType

from dfx.display.formats import to_csv, to_json, to_markdown
from dfx.display.held_out import held_out_table
from dfx.display.held_out_document import held_out_columns, held_out_document, held_out_rows
from dfx.display.matrix_document import (
    matrix_columns,
    matrix_document,
    matrix_rows,
    matrix_wide_columns,
    matrix_wide_rows,
)
from dfx.display.robustness_board_document import (
    robustness_board_columns,
    robustness_board_document,
    robustness_board_rows,
)
from dfx.records.boards import HeldOutBoard
from dfx.records.matrix import Matrix
from dfx.records.robustness_board import RobustBoard

from .board_samples import NAMESAKE, OTHER, TEST

Render = Callable[[RenderableType, int], str]


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
        "content_digest": None,
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
    assert [(each["dataset_digest"], each["content_digest"]) for each in document["sets"][1:3]] == [
        (OTHER, None),
        (OTHER, NAMESAKE),
    ]
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
    judged = ("threshold", "temperature", "is_in_sample", "seen")
    assert [first[name] for name in judged] == [0.4312, 1.3, True, 3]
    assert [rows[0][name] for name in judged] == [0.4312, 1.3, True, 3]
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
