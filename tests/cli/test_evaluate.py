"""`dfx evaluate`, as it is typed, on a run with some wrong verdicts."""

from __future__ import annotations

import csv
import io
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from scored_home import train_run

from dfx.services.evaluation_files import REPORT_NAMES

from .conftest import Command


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `faces/` and `runs/`, only to be read."""
    folder = tmp_path_factory.mktemp("evaluated")
    train_run(folder)
    return folder


@pytest.fixture
def home(trained: Path, folder: Path) -> Path:
    """A copy of the home in the working folder; the data stay where they are."""
    return Path(shutil.copytree(trained / "runs", folder / "runs"))


@pytest.fixture
def faces(trained: Path, home: Path, folder: Path) -> Path:
    """A copy of the data, to be spoilt, to be named with --data."""
    return Path(shutil.copytree(trained / "faces", folder / "faces"))


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_validation_numbers_are_those_of_training(dfx: Command, home: Path) -> None:
    """The headline is what training recorded, image by image; the fitted reading is in-sample."""
    shown = dfx("show", "small", "--format", "json").json()
    [recorded] = [e for e in shown["evaluations"] if e["epoch"] == shown["best_epoch"]]
    outcome = dfx("evaluate", "small", "--format", "json")
    document = outcome.json()

    for name in ("accuracy", "precision", "recall", "f1", "auc", "average_precision"):
        assert document[name] == recorded[name]
    assert document["loss"] == pytest.approx(recorded["loss"], rel=1e-6)
    assert [document[cell] for cell in ("tn", "fp", "fn", "tp")] == [
        recorded[cell] for cell in ("tn", "fp", "fn", "tp")
    ]
    assert (document["threshold"], document["temperature"]) == (0.5, 1.0)
    assert [(r["kind"], r["is_in_sample"]) for r in document["readings"]] == [
        ("uncalibrated", False),
        ("shipped", True),
    ]
    before, after = (read_csv((home / e["predictions"]).read_text()) for e in (recorded, document))
    assert [row["path"] for row in before] == [row["path"] for row in after]
    assert [row["label"] for row in before] == [row["label"] for row in after]
    for one, other in zip(before, after, strict=True):
        assert float(one["p_deepfake"]) == pytest.approx(float(other["p_deepfake"]), abs=1e-6)


def test_uses_of_the_test_split_are_counted_and_shown(dfx: Command, home: Path) -> None:
    first = dfx("evaluate", "--split", "test")
    second = dfx("evaluate", "--split", "test")
    validation = dfx("evaluate")
    shown = dfx("show", "small", "--format", "json").json()

    assert "test split used, 1st time" in first.stderr + first.stdout
    assert "test split used, 2nd time" in second.stderr
    assert "2nd use of a test split by this run" in second.stdout
    assert "used" not in validation.stderr
    made = [e["test_use"] for e in shown["evaluations"] if e["origin"] == "evaluate"]
    assert made == [1, 2, None]


def test_everything_promised_is_written_and_recorded(dfx: Command, home: Path) -> None:
    document = dfx("evaluate", "--split", "test", "--format", "json").json()
    written = {path.name for path in (home / document["folder"]).iterdir()}

    assert written == set(REPORT_NAMES) - {"robustness.png"}
    rows = read_csv((home / document["predictions"]).read_text())
    assert list(rows[0]) == ["path", "truth", "p_deepfake", "label"]
    for row in rows:
        called = "deepfake" if float(row["p_deepfake"]) >= document["threshold"] else "real"
        assert row["label"] == called
    assert sum(row["label"] == row["truth"] for row in rows) / len(rows) == document["accuracy"]
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        found = connection.execute(
            "SELECT accuracy, folder, test_use FROM evaluations WHERE origin = 'evaluate'"
        ).fetchall()
    assert found == [(document["accuracy"], document["folder"], 1)]


def test_corrupt_image_is_named_and_the_rest_scored(dfx: Command, faces: Path) -> None:
    broken = faces / "test" / "real" / "00.png"
    broken.write_bytes(broken.read_bytes()[:200])
    lenient = dfx("evaluate", "--data", faces, "--split", "test", "--format", "json")
    strict = dfx("evaluate", "--data", faces, "--split", "test", "--strict")

    assert lenient.code == 0
    assert "real/00.png" in lenient.stderr
    document = lenient.json()
    assert (document["images"], document["skipped"]) == (39, 1)
    assert document["skipped_images"][0]["path"] == "real/00.png"
    assert strict.code == 5
    assert "1 of 40 images could not be read" in strict.stderr
    assert "Confusion matrix" in strict.stdout


def wrong(home: Path, faces: Path) -> list[tuple[tuple[Any, ...], int, str]]:
    return [
        (("nobody",), 3, "nobody"),
        (("--split", "exam"), 2, "exam"),
        (("--data", "nowhere"), 5, "nowhere"),
        (("--data", faces / "train"), 0, ""),
        (("--limit", "0"), 2, "--limit"),
        (("--device", "tpu"), 2, "tpu"),
        (("--data", home), 5, "val"),
    ]


def test_mistakes_are_explained(dfx: Command, home: Path, faces: Path) -> None:
    """A mistake in every argument; a folder that holds the classes alone is none."""
    for arguments, code, word in wrong(home, faces):
        outcome = dfx("evaluate", *arguments)
        assert outcome.code == code, outcome.stderr
        assert word in outcome.stderr
        assert "Traceback" not in outcome.stderr


def test_missing_split_names_those_that_are_there(dfx: Command, faces: Path) -> None:
    shutil.rmtree(faces / "val")
    outcome = dfx("evaluate", "--data", faces)

    assert outcome.code == 5
    assert "--split test or --split train" in outcome.stderr
