"""The whole record as plain tables is what the reading methods say, run by run."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from by_hand_samples import make_detail, make_evaluation_by_hand
from tracking_samples import begin_run, continue_run, gone, make_epoch, make_split, record_epoch

from dfx.config import KINDS
from dfx.records.evaluation import dump_detail
from dfx.tracking.extracts import Extract
from dfx.tracking.store import RunStore


def as_mappings(table: Extract) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]


def test_tables_are_what_stands(store: RunStore) -> None:
    """An epoch that was taken back is left out, with its files and its evaluation."""
    run, attempt = begin_run(store, process=gone())
    store.record_data(attempt.id, [make_split("train"), make_split()])
    for epoch in (1, 2, 3):
        record_epoch(store, attempt, epoch)
    attempt = continue_run(store, run.id, process=gone(), settings={"data.workers": 1})
    store.supersede_after(attempt.id, finished_epochs=1, step=10)
    store.record_epoch(
        attempt.id,
        make_epoch(2, attempt=2, val_auc=None),
        checkpoints=[],
        evaluation=None,
        improved=False,
    )
    by_hand = make_evaluation_by_hand(test_use=2)
    for _ in range(3):
        store.record_test_use(run.id, epoch=1, dataset="other_faces", dataset_digest="sha256:test")
    store.record_evaluation(run.id, by_hand)
    store.add_tags(run.id, ["a", "b"])
    begin_run(store, experiment="other")
    tables = {table.name: as_mappings(table) for table in store.read_extracts()}
    detail = store.get_detail(run.id)
    named = {"run": "b4/1", "run_id": run.id}

    assert tables["epochs"] == [named | asdict(epoch) for epoch in detail.epochs]
    assert len(tables["epochs"]) == 2
    assert [
        (row["kind"], row["epoch"], row["attempt"], row["path"]) for row in tables["checkpoints"]
    ] == [("last", 1, 1, "b4/1/last-10.pt"), ("best", 1, 1, "b4/1/best-10.pt")]
    flat = [named | asdict(each.confusion) | asdict(each) for each in detail.evaluations]
    flat[1]["detail"] = json.loads(json.dumps(dump_detail(make_detail())))
    assert [row["origin"] for row in tables["evaluations"]] == ["training", "evaluate"]
    assert tables["evaluations"] == [
        {key: value for key, value in row.items() if key != "confusion"} for row in flat
    ]
    assert tables["test_uses"] == [named | asdict(use) for use in detail.test_uses]
    assert [row["is_recorded"] for row in tables["test_uses"]] == [False, True, False]
    assert [(row["run"], row["attempt"], row["outcome"]) for row in tables["attempts"]] == [
        ("b4/1", 1, "lost"),
        ("b4/1", 2, None),
        ("other/1", 1, None),
    ]
    assert [
        (row["run"], row["status"], row["epochs"], row["tags"], row["data.workers"], row["home"])
        for row in tables["runs"]
    ] == [
        ("b4/1", "lost", 2, ["a", "b"], 1, str(store.home)),
        ("other/1", "running", 0, [], 4, str(store.home)),
    ]


def test_empty_store_has_all_tables(store: RunStore) -> None:
    tables = store.read_extracts()

    assert [(table.name, table.rows) for table in tables] == [
        (name, [])
        for name in ("runs", "attempts", "epochs", "checkpoints", "evaluations", "test_uses")
    ]
    assert set(KINDS) < set(tables[0].columns)
