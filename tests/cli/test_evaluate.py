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
from PIL import Image
from scored_home import train_run

from dfx.records.evaluation import METRIC_NAMES
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


def test_test_split_is_judged_by_what_the_weights_carry(dfx: Command, home: Path) -> None:
    document = dfx("evaluate", "--split", "test", "--format", "json").json()
    shipped = dfx("evaluate", "--format", "json").json()["readings"][1]

    assert document["threshold"] == shipped["threshold"] != 0.5
    assert document["temperature"] == shipped["temperature"] != 1
    assert [reading["kind"] for reading in document["readings"]] == ["shipped", "half"]
    assert document["readings"][1]["threshold"] == 0.5
    for name in METRIC_NAMES:
        low, value, high = (document[key] for key in (f"{name}_low", name, f"{name}_high"))
        assert low <= value <= high


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


def test_sources_are_told_worst_first(dfx: Command, home: Path) -> None:
    document = dfx("evaluate", "--split", "test", "--format", "json").json()
    sources = document["sources"]

    assert {source["source"] for source in sources} == {"real", "deepfake/a", "deepfake/b"}
    assert [s["accuracy"] for s in sources] == sorted(s["accuracy"] for s in sources)
    assert sum(source["right"] for source in sources) == document["tn"] + document["tp"]


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


@pytest.mark.parametrize(("missing", "undefined"), [("real", "precision"), ("deepfake", "recall")])
def test_one_class_leaves_metrics_undefined_with_the_reason(
    dfx: Command, faces: Path, missing: str, undefined: str
) -> None:
    shutil.rmtree(faces / "test" / missing)
    outcome = dfx("evaluate", "--data", faces, "--split", "test")
    document = dfx("evaluate", "--data", faces, "--split", "test", "--format", "json").json()

    why = {"real": "there is no real image", "deepfake": "there is no deepfake"}[missing]
    for name in (undefined, "auc", "eer", "balanced_accuracy", "tpr_at_fpr_1pct"):
        assert document[name] is None
        assert document["undefined"][name] == why
    assert document["accuracy"] is not None
    assert f"as {why}" in " ".join(outcome.stdout.split())
    assert "undefined" in outcome.stdout


def test_another_set_is_shown_beside_the_own_one(
    dfx: Command, home: Path, faces: Path, folder: Path
) -> None:
    """As sets are often published: the classes alone, in a folder that is named for the set."""
    other = folder / "celeb"
    shutil.copytree(faces / "test", other)
    for number, path in enumerate(sorted(other.rglob("*.png"))):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(path)
    before = dfx("evaluate", "--data", other, "--split", "test")
    own = dfx("evaluate", "--split", "test", "--format", "json").json()
    after = dfx("evaluate", "--data", other, "--split", "test")

    assert "dfx evaluate small/1 --split test" in " ".join(before.stdout.split())
    assert "own test" not in before.stdout
    assert "on the test split of celeb" in after.stdout
    header = next(line for line in after.stdout.splitlines() if "own test" in line)
    accuracy = next(line for line in after.stdout.splitlines() if line.startswith("accuracy "))
    assert header.rstrip().endswith("own test")
    assert accuracy.rstrip().endswith(f"{own['accuracy']:.4f}")


def test_own_data_are_known_wherever_they_lie(dfx: Command, home: Path, faces: Path) -> None:
    moved = dfx("evaluate", "--data", faces, "--split", "test", "--format", "json").json()
    for path in (faces / "val" / "real").iterdir():
        path.unlink()
    changed = dfx("evaluate", "--data", faces, "--split", "test", "--format", "json").json()

    assert (moved["is_own_data"], changed["is_own_data"]) == (True, False)


def test_images_seen_in_training_are_counted_and_left_out_beside(dfx: Command, faces: Path) -> None:
    for number in range(3):
        shutil.copy(
            faces / "train" / "real" / f"{number:02d}.png",
            faces / "test" / "real" / f"again{number}.png",
        )
    shutil.copy(faces / "val" / "real" / "01.png", faces / "test" / "real" / "twin.png")
    outcome = dfx("evaluate", "--data", faces, "--split", "test")
    document = dfx("evaluate", "--data", faces, "--split", "test", "--format", "json").json()
    clean = dfx("evaluate", "--split", "test", "--format", "json").json()

    assert [document[f"overlap{which}"] for which in ("_train", "_val", "")] == [3, 1, 4]
    assert document["images"] == 44
    [unseen] = [r for r in document["readings"] if r["kind"] == "without_overlap"]
    assert unseen["images"] == 40
    for name in METRIC_NAMES:
        assert unseen[name] == pytest.approx(clean[name])
    assert "The run has seen 4 of these images: 3 in training, 1 in validation" in " ".join(
        outcome.stdout.split()
    )


def test_subset_of_the_validation_images_is_in_sample_too(dfx: Command, home: Path) -> None:
    document = dfx("evaluate", "--limit", "5", "--format", "json").json()

    assert document["images"] == 10
    assert [r["kind"] for r in document["readings"]] == ["uncalibrated", "shipped"]


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
