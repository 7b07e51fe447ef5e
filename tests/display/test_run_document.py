from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from by_hand_samples import make_evaluation_by_hand

from dfx.config import parse_config
from dfx.display.epochs import EPOCH_COLUMNS, epoch_rows
from dfx.display.formats import to_csv, to_json, to_markdown
from dfx.display.run_document import run_document
from dfx.records import RunDetail
from dfx.records.evaluation import TestUse


def test_document_has_the_documented_shape(detail: RunDetail) -> None:
    document = json.loads(to_json(run_document(detail)))

    assert list(document) == [
        "run",
        "id",
        "experiment",
        "number",
        "uuid",
        "status",
        "message",
        "tags",
        "note",
        "created_at",
        "seconds",
        "best_epoch",
        "planned_epochs",
        "recipe_digest",
        "host",
        "home",
        "directory",
        "folder",
        "config",
        "weights",
        "data",
        "epochs",
        "attempts",
        "checkpoints",
        "evaluations",
        "test_uses",
        "files",
    ]
    assert document["run"] == "b4-baseline/2"
    assert document["status"] == "interrupted"
    assert list(document["epochs"][0]) == [
        "epoch",
        "train_loss",
        "train_accuracy",
        "val_loss",
        "val_accuracy",
        "val_auc",
        "val_f1",
        "lr",
        "seconds",
        "images_per_second",
        "step",
        "attempt",
        "finished_at",
    ]
    assert document["attempts"][0]["pid"] == 4711
    assert document["attempts"][0]["settings"] == {"data.workers": 4, "train.epochs": 15}


def test_tags_note_and_files_are_there(detail: RunDetail) -> None:
    run = replace(detail.run, tags=("a", "b"), note="two\nlines")
    sizes = {"b4-baseline/2/best-e2.pt": 70_500_000, "b4-baseline/2/log.csv": None}
    folder = Path("/srv/faces/runs/b4-baseline/2")
    document = run_document(replace(detail, run=run), folder, sizes=sizes)

    assert (document["tags"], document["note"]) == (["a", "b"], "two\nlines")
    assert (document["host"], document["folder"]) == ("gpu-box", "/srv/faces/runs/b4-baseline/2")
    assert document["files"] == [
        {"path": "b4-baseline/2/best-e2.pt", "bytes": 70_500_000},
        {"path": "b4-baseline/2/log.csv", "bytes": None},
    ]


def test_of_files_that_are_elsewhere_there_is_no_word(detail: RunDetail) -> None:
    document = run_document(detail)

    assert document["folder"] is None
    assert document["files"] is None
    assert len(document["checkpoints"]) == 2


def test_numbers_come_back_exactly(detail: RunDetail) -> None:
    document = json.loads(to_json(run_document(detail)))

    assert [epoch.train_loss for epoch in detail.epochs] == [
        epoch["train_loss"] for epoch in document["epochs"]
    ]
    assert detail.evaluations[0].f1 == document["evaluations"][0]["f1"]
    assert [epoch["val_f1"] for epoch in document["epochs"]] == [None, 0.9136, 0.9136]


def test_configuration_comes_back_by_section(detail: RunDetail) -> None:
    document = json.loads(to_json(run_document(detail)))

    assert detail.run.config == parse_config(document["config"])


def test_evaluations_by_hand_and_uses_of_test_splits_are_told(detail: RunDetail) -> None:
    """Also a use of which nothing came."""
    by_hand = make_evaluation_by_hand("b4-baseline/2", epoch=2)
    used_at = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
    uses = (
        TestUse(1, 2, "other_faces", "sha256:test", used_at, is_recorded=True),
        TestUse(2, 2, "other_faces", "sha256:test", used_at, is_recorded=False),
    )
    several = replace(detail, evaluations=(*detail.evaluations, by_hand), test_uses=uses)
    document = json.loads(to_json(run_document(several)))

    assert [
        {key: each[key] for key in ("origin", "dataset", "folder", "test_use")}
        for each in document["evaluations"]
    ] == [
        {"origin": "training", "dataset": None, "folder": None, "test_use": None},
        {
            "origin": "evaluate",
            "dataset": "other_faces",
            "folder": "b4-baseline/2/evaluations/0001-test-e0002",
            "test_use": 1,
        },
    ]
    assert [(use["number"], use["is_recorded"]) for use in document["test_uses"]] == [
        (1, True),
        (2, False),
    ]
    assert document["test_uses"][0]["used_at"] == "2026-02-03T04:05:06Z"


def test_skipped_images_are_all_there(detail: RunDetail) -> None:
    assert run_document(detail)["data"][1]["skipped"] == [
        {"path": "deepfake/[x] torn.jpg", "reason": "truncated: 120 bytes missing"}
    ]


def test_a_run_of_which_there_is_nothing_yet_has_empty_lists(empty_detail: RunDetail) -> None:
    document = run_document(empty_detail)

    for name in ("data", "epochs", "attempts", "checkpoints", "evaluations", "test_uses"):
        assert document[name] == []
    assert document["best_epoch"] is None


def test_csv_and_markdown_of_a_run_are_its_epochs(
    detail: RunDetail, golden: Callable[[str, str], None]
) -> None:
    rows = epoch_rows(detail.epochs)

    golden("epochs-csv", to_csv(rows, EPOCH_COLUMNS))
    golden("epochs-md", to_markdown(rows, EPOCH_COLUMNS))
