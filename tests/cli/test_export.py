"""`dfx export`: what is written is what the store holds, in every format."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata

from dfx.config import KINDS, ExperimentConfig
from dfx.records import RunDetail, Status
from dfx.tracking.store import RunStore

from .conftest import Command  # type: ignore[import-not-found]

# Others fill stores too; what they use is found by name.
sys.path.insert(0, str(Path(__file__).parents[1] / "tracking"))
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from by_hand_samples import make_evaluation_by_hand
from filled_store import draw_curves, fill
from tracking_samples import begin_run, continue_run, make_epoch, make_split, record_epoch

NOTE = 'two lines,\n"quoted", é'

COLUMNS = {
    "runs": "run run_id experiment number uuid status message tags note created_at seconds epochs"
    " best_epoch val_accuracy val_loss recipe_digest train_digest validation_digest"
    " validation_images home directory weights " + " ".join(KINDS),
    "attempts": "run run_id attempt host pid started_at heartbeat_at ended_at outcome message"
    " start_step settings environment",
    "epochs": "run run_id epoch step train_loss train_accuracy val_loss val_accuracy val_auc val_f1"
    " lr seconds images_per_second attempt finished_at",
    "checkpoints": "run run_id kind epoch step path bytes sha256 attempt recorded_at",
    "evaluations": "run run_id epoch split dataset_digest threshold accuracy precision recall f1"
    " auc average_precision loss tn fp fn tp predictions created_at origin dataset folder"
    " test_use detail",
    "test_uses": "run run_id number epoch dataset dataset_digest used_at is_recorded",
}


@pytest.fixture
def details(folder: Path) -> list[RunDetail]:
    """Two runs in `runs/`: one that went back an epoch, tagged and noted; one without epochs."""
    with RunStore.open(folder / "runs", create=True) as store:
        run, attempt = begin_run(store, experiment="b4-robust")
        store.record_data(attempt.id, [make_split("train"), make_split()])
        for epoch in (1, 2):
            record_epoch(store, attempt, epoch)
        store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
        attempt = continue_run(store, run.id, settings={"data.workers": 0})
        store.supersede_after(attempt.id, finished_epochs=1, step=10)
        again = make_epoch(2, attempt=2, val_loss=1 / 3, val_auc=None, lr=3.3e-5)
        store.record_epoch(attempt.id, again, checkpoints=[], evaluation=None, improved=False)
        store.finish_attempt(attempt.id, status=Status.COMPLETED, message="as planned")
        for _ in range(2):
            store.record_test_use(run.id, epoch=1, dataset="faces", dataset_digest="sha256:test")
        store.record_evaluation(run.id, make_evaluation_by_hand("b4-robust/1"))
        store.add_tags(run.id, ["to keep", "best-so-far"])
        store.set_note(run.id, NOTE)
        other = ExperimentConfig().replace({"evaluate.threshold": "balanced", "optim.lr": 1 / 3e4})
        begin_run(store, experiment="other", config=other, uuid=str(uuid.UUID(int=7)))
        return [store.get_detail(summary.id) for summary in store.list_summaries()]


def read_json(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text())
    return rows


def read_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_parquet(path: Path) -> list[dict[str, Any]]:
    frame = pd.read_parquet(path)
    return [
        {str(key): None if pd.isna(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "csv": read_csv,
    "json": read_json,
    "parquet": read_parquet,
}


@pytest.mark.parametrize("fmt", READERS)
def test_tables_have_the_documented_columns(
    fmt: str, details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    outcome = dfx("export", "runs", "out", "--to", fmt)
    written = {path.name: path for path in (folder / "out").iterdir()}

    assert outcome.code == 0, outcome.stderr
    assert "out: runs 2, attempts 3, epochs 2, checkpoints 2, evaluations 2" in outcome.stderr
    assert outcome.stdout == ""
    assert set(written) == {f"{name}.{fmt}" for name in COLUMNS}
    for name, columns in COLUMNS.items():
        rows = READERS[fmt](written[f"{name}.{fmt}"])
        assert list(rows[0]) == columns.split()


@pytest.mark.parametrize("fmt", READERS)
def test_epochs_are_those_that_stand(
    fmt: str, details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    """With every digit, times in UTC, and nothing where there is nothing."""
    dfx("export", "runs", "out", "--to", fmt)
    rows = READERS[fmt](folder / "out" / f"epochs.{fmt}")
    expected = [{"run": "b4-robust/1", "run_id": 1, **asdict(epoch)} for epoch in details[0].epochs]

    assert len(rows) == 2
    for row, values in zip(rows, expected, strict=True):
        time = values.pop("finished_at")
        found = row.pop("finished_at")
        assert (found if fmt == "parquet" else datetime.fromisoformat(found)) == time
        assert fmt == "parquet" or found == "2025-03-04T05:06:07.891011Z"
        as_text = {key: "" if value is None else str(value) for key, value in values.items()}
        assert row == (as_text if fmt == "csv" else values)


@pytest.mark.parametrize("fmt", READERS)
def test_evaluations_tell_who_made_them(
    fmt: str, details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    """With the detail of those made by hand, and each use of a test split."""
    dfx("export", "runs", "out", "--to", fmt)
    training, by_hand = READERS[fmt](folder / "out" / f"evaluations.{fmt}")
    uses = READERS[fmt](folder / "out" / f"test_uses.{fmt}")
    detail = by_hand["detail"] if fmt == "json" else json.loads(by_hand["detail"])
    nothing = "" if fmt == "csv" else None

    assert (training["origin"], by_hand["origin"]) == ("training", "evaluate")
    assert (training["folder"], training["test_use"], training["detail"]) == (nothing,) * 3
    assert (by_hand["dataset"], int(by_hand["test_use"])) == ("other_faces", 1)
    assert by_hand["folder"] == "b4-robust/1/evaluations/0001-test-e0001"
    assert detail["headline"]["intervals"]["accuracy"]["low"] == 0.4
    assert [str(use["is_recorded"]) for use in uses] == ["True", "False"]
    assert [int(use["number"]) for use in uses] == [1, 2]


@pytest.mark.parametrize("fmt", READERS)
def test_runs_have_their_configuration(
    fmt: str, details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    """With machine and plan as used last. A column of several kinds is text, except in JSON."""
    dfx("export", "runs", "out", "--to", fmt)
    first, second = READERS[fmt](folder / "out" / f"runs.{fmt}")
    plain = fmt == "json"

    assert (first["run"], first["status"], first["message"]) == (
        "b4-robust/1",
        "completed",
        "as planned",
    )
    assert first["note"] == NOTE
    tags = ["best-so-far", "to keep"]
    assert first["tags"] == (tags if plain else json.dumps(tags))
    assert float(second["optim.lr"]) == 1 / 3e4
    assert (first["data.workers"], second["data.workers"]) == (
        ("0", "4") if fmt == "csv" else (0, 4)
    )
    assert first["evaluate.threshold"] == (0.5 if plain else "0.5")
    assert second["evaluate.threshold"] == "balanced"
    assert second["best_epoch"] == ("" if fmt == "csv" else None)
    assert int(first["best_epoch"]) == 1
    assert str(first["data.pin_memory"]) == "True"


def test_parquet_keeps_its_types_where_values_are_missing(
    details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    dfx("export", "runs", "out", "--to", "parquet")
    epochs = pd.read_parquet(folder / "out" / "epochs.parquet")
    attempts = pd.read_parquet(folder / "out" / "attempts.parquet")

    assert epochs["val_f1"].isna().all()
    assert pd.api.types.is_float_dtype(epochs["val_f1"])
    assert pd.api.types.is_integer_dtype(epochs["epoch"])
    assert attempts["ended_at"].isna().tolist() == [False, False, True]
    assert attempts["started_at"].tolist() == [each.started_at for each in details[0].attempts] + [
        details[1].attempts[0].started_at
    ]


def test_a_store_without_runs_gives_headers(dfx: Command, folder: Path) -> None:
    with RunStore.open(folder / "runs", create=True):
        pass
    for fmt in (*READERS, "tensorboard"):
        assert dfx("export", "runs", fmt, "--to", fmt).code == 0

    assert (folder / "csv" / "epochs.csv").read_text() == COLUMNS["epochs"].replace(" ", ",") + "\n"
    assert read_json(folder / "json" / "runs.json") == []
    assert list(pd.read_parquet(folder / "parquet" / "runs.parquet")) == COLUMNS["runs"].split()
    assert list((folder / "tensorboard").iterdir()) == []


def test_tensorboard_reads_its_event_files(
    details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    """A curve per figure by epoch, at the times when the epochs ended."""
    outcome = dfx("export", "runs", "out", "--to", "tensorboard")
    events = EventAccumulator(str(folder / "out" / "b4-robust-1")).Reload()
    curves = set(events.Tags()["scalars"])
    loss = events.Scalars("val/loss")

    assert outcome.code == 0, outcome.stderr
    assert {path.name for path in (folder / "out").iterdir()} == {"b4-robust-1", "other-1"}
    assert curves == {
        *("train/loss", "train/accuracy", "val/loss", "val/accuracy", "val/auc"),
        *("lr", "seconds", "images_per_second"),
    }
    assert [(one.step, one.value) for one in loss] == [
        (1, pytest.approx(0.8)),
        (2, pytest.approx(1 / 3)),
    ]
    assert [one.wall_time for one in loss] == [
        epoch.finished_at.timestamp() for epoch in details[0].epochs
    ]
    assert [one.step for one in events.Scalars("val/auc")] == [1]


def test_tensorboard_knows_the_configuration(
    details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    dfx("export", "runs", "out", "--to", "tensorboard")
    events = EventAccumulator(str(folder / "out" / "other-1")).Reload()
    content = events.PluginTagToContent(metadata.PLUGIN_NAME)[metadata.SESSION_START_INFO_TAG]
    start = metadata.parse_session_start_info_plugin_data(content)

    assert start.group_name == "other/1"
    assert start.hparams["optim.lr"].number_value == 1 / 3e4
    assert start.hparams["evaluate.threshold"].string_value == "balanced"
    assert start.hparams["train.deterministic"].bool_value is False


def test_failing_half_way_leaves_nothing(folder: Path) -> None:
    """Files may be of 64 KiB at most, which the tables of 300 runs are not."""
    fill(folder / "runs", draw_curves(300, 2))
    command = f"ulimit -f 64; exec {sys.executable} -m dfx export runs new/out"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 2, done.stderr
    assert "error: new/out cannot be written: File too large" in done.stderr
    assert not (folder / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "new", "--to", "onnx"], "--to onnx is for weights, and runs means the record"),
        (["runs", "full"], "full holds something already; expected a new or empty folder"),
        (["runs", "full/file"], "full/file is a file; expected a new or empty folder"),
        (["runs", "full/file/new"], "full/file/new cannot be written: Not a directory"),
        (["runs", "new", "--to", "xml"], "'xml' is not one of 'csv', 'json', 'parquet'"),
    ],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_refusals(
    arguments: list[str], message: str, details: list[RunDetail], dfx: Command, folder: Path
) -> None:
    """Nothing is made, and what is there stays."""
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("mine")
    outcome = dfx("export", *arguments)

    assert outcome.code == 2
    assert message in outcome.stderr
    assert sorted(path.name for path in folder.rglob("*") if "runs" not in path.parts) == [
        "file",
        "full",
    ]
    assert (folder / "full" / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("fmt", "package"), [("parquet", "pyarrow"), ("tensorboard", "tensorboard")]
)
def test_missing_package_is_named_with_the_command_that_installs_it(
    fmt: str,
    package: str,
    details: list[RunDetail],
    dfx: Command,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as Python marks what cannot be imported
    outcome = dfx("export", "runs", "new", "--to", fmt)

    assert outcome.code == 2
    assert f"--to {fmt} needs the package '{package}', which is not installed" in outcome.stderr
    assert f"hint: pip install 'dfx[{fmt}]'" in outcome.stderr
    assert not (folder / "new").exists()


def test_without_a_home_nothing_is_made(dfx: Command, folder: Path) -> None:
    outcome = dfx("export", "runs", "new")

    assert outcome.code == 3
    assert list(folder.iterdir()) == []


def test_empty_folder_is_filled(details: list[RunDetail], dfx: Command, folder: Path) -> None:
    (folder / "new").mkdir()

    assert dfx("export", "runs", "new").code == 0
    assert sorted(path.stem for path in (folder / "new").iterdir()) == sorted(COLUMNS)
