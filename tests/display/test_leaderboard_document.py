"""The leaderboard for programs: the shapes that README promises."""

from __future__ import annotations

import json
from dataclasses import fields, replace

from dfx.display.formats import to_csv, to_json, to_markdown
from dfx.display.leaderboard_document import (
    leaderboard_columns,
    leaderboard_document,
    leaderboard_rows,
)
from dfx.records import RunSummary
from dfx.records.leaderboard import METRICS, Leaderboard, RecipeGroup

VALUES = [field.name for field in fields(RunSummary)]


def test_document_has_the_documented_shape_in_full_precision(leaderboard: Leaderboard) -> None:
    document = json.loads(to_json(leaderboard_document(leaderboard)))

    assert list(document) == ["metric", "runs", "sets"]
    assert document["metric"] == "val_accuracy"
    assert [(run["rank"], run["run"]) for run in document["runs"]] == [
        (1, "b4-robust/1"),
        (2, "b4-baseline/2"),
        (3, "b4-frozen/1"),
        (None, "b4-frozen/2"),
        (1, "small/1"),
        (None, "b4-gone/1"),
    ]
    assert list(document["runs"][0]) == ["rank", *VALUES, "differs"]
    assert document["runs"][0]["val_loss"] == 0.0412345678
    assert document["runs"][0]["created_at"] == "2026-01-02T03:04:05Z"
    assert document["runs"][2]["status"] == "lost"
    assert document["runs"][1]["val_auc"] is None
    assert document["runs"][0]["tags"] == []
    assert document["sets"][0] == {
        "validation_digest": leaderboard.groups[0].validation_digest,
        "images": 20000,
        "real": 10000,
        "deepfake": 10000,
        "omitted": 0,
        "test": {
            "method": "mcnemar",
            "first": "b4-robust/1",
            "second": "b4-baseline/2",
            "only_first": 210,
            "only_second": 190,
            "p": 0.3417,
            "reason": None,
        },
    }
    assert document["sets"][1]["test"] is None
    assert document["sets"][1]["omitted"] == 17


def test_differs_has_every_setting_that_differs(leaderboard: Leaderboard) -> None:
    """The commonest value too: a program need not know which it is."""
    document = leaderboard_document(leaderboard)

    assert [run["differs"] for run in document["runs"][:2]] == [
        {"augment.jpeg": 0.5, "train.freeze_epochs": 0, "train.seed": 0},
        {"augment.jpeg": 0.0, "train.freeze_epochs": 0, "train.seed": 1},
    ]
    assert document["runs"][4]["differs"] == {}


def test_csv_and_markdown_have_a_line_a_run(leaderboard: Leaderboard) -> None:
    rows, columns = leaderboard_rows(leaderboard), leaderboard_columns(leaderboard)
    settings = ["augment.jpeg", "train.freeze_epochs", "train.seed"]

    assert columns == ["rank", *VALUES, *settings]
    assert len(to_csv(rows, columns).splitlines()) == 7
    assert len(to_markdown(rows, columns).splitlines()) == 8
    assert rows[1]["train.seed"] == 1


def test_columns_asked_for_are_all_there_is(leaderboard: Leaderboard) -> None:
    asked = replace(leaderboard, columns=("val_auc", "optim.lr", "tags"))
    expected = {"rank": 1, "run": "b4-robust/1", "val_auc": 0.9991, "optim.lr": 1e-4}

    assert leaderboard_columns(asked) == ["rank", "run", "val_auc", "optim.lr", "tags"]
    assert leaderboard_document(asked)["runs"][0] == {**expected, "tags": ()}
    assert leaderboard_rows(asked)[0] == {**expected, "tags": ""}


def test_recipes_are_in_place_of_runs(leaderboard: Leaderboard) -> None:
    recipe = RecipeGroup(
        rank=1,
        experiments=("a", "b"),
        runs=("a/1", "b/2"),
        seeds=(0, 1),
        mean=0.95,
        std=0.01,
        best=0.96,
        settings={"optim.lr": 3e-4},
        differs={},
    )
    group = replace(leaderboard.groups[0], recipes=(recipe,), common={"optim.lr": 3e-4})
    grouped = replace(leaderboard, groups=(group,))
    document = json.loads(to_json(leaderboard_document(grouped)))

    assert document["recipes"] == [
        {
            "rank": 1,
            "experiments": ["a", "b"],
            "runs": ["a/1", "b/2"],
            "seeds": [0, 1],
            "mean": 0.95,
            "std": 0.01,
            "best": 0.96,
            "validation_digest": group.validation_digest,
            "differs": {"optim.lr": 3e-4},
        }
    ]
    assert "runs" not in document
    assert leaderboard_rows(grouped)[0]["seeds"] == "0 1"
    assert leaderboard_rows(grouped)[0]["optim.lr"] == 3e-4


def test_nothing_is_an_empty_list() -> None:
    nothing = Leaderboard(METRICS["val_accuracy"], None, ())

    assert leaderboard_document(nothing) == {"runs": []}
    assert to_csv([], leaderboard_columns(nothing)) == ",".join(["rank", *VALUES]) + "\n"
