"""Evaluating a run that is sometimes wrong; the pictures of its reports have tests of their own."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from scored_home import train_run

from dfx.display.evaluation_document import evaluation_document
from dfx.display.evaluation_page import evaluation_page
from dfx.errors import ConfigError, NotFoundError, StoreError
from dfx.evaluation.robustness import SUITE
from dfx.models.weights import load_weights
from dfx.records.evaluation import METRIC_NAMES
from dfx.records.prediction import ImageProfile, Span
from dfx.records.report import EvaluationReport
from dfx.services.evaluate import Request, evaluate
from dfx.tracking.store import RunStore

Score = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `faces/` and `runs/`, only to be read."""
    folder = tmp_path_factory.mktemp("evaluated")
    train_run(folder)
    return folder


@pytest.fixture
def home(trained: Path, home: Path) -> Path:
    """A copy of the home; the data stay where they are."""
    return Path(shutil.copytree(trained / "runs", home))


@pytest.fixture
def faces(trained: Path, tmp_path: Path) -> Path:
    """A copy of the data, to be spoilt."""
    return Path(shutil.copytree(trained / "faces", tmp_path / "faces"))


@pytest.fixture
def score(home: Path) -> Score:
    """Evaluates, and gives what JSON has, and the page in 80 columns; no pictures are made."""

    def call(**request: Any) -> dict[str, Any]:
        report = evaluate(
            Request("best", **request), home=home, render=lambda _: {}, notify=lambda _: None
        )
        page = io.StringIO()
        Console(file=page, width=80).print(evaluation_page(report))
        text = page.getvalue()
        return {**evaluation_document(report.run.name, report.evaluation), "page": text}

    return call


def test_the_weights_say_what_the_training_images_are_like(trained: Path) -> None:
    (best,) = trained.glob("runs/**/best-*.pt")
    side = Span(40.0, 40.0)

    assert load_weights(best).training_images == ImageProfile(
        images=32,
        shorter_side_px=side,
        size_px=side,
        aspect=Span(1.0, 1.0),
        jpeg_quality=None,
        formats={"PNG": 32},
    )


def test_test_split_is_judged_by_what_the_weights_carry(score: Score) -> None:
    document = score(split="test")
    shipped = score()["readings"][1]

    assert document["threshold"] == shipped["threshold"] != 0.5
    assert document["temperature"] == shipped["temperature"] != 1
    assert [reading["kind"] for reading in document["readings"]] == ["shipped", "half"]
    assert document["readings"][1]["threshold"] == 0.5
    headline, said = document["readings"][0], " ".join(document["page"].split())
    for name in METRIC_NAMES:
        low, value, high = (document[key] for key in (f"{name}_low", name, f"{name}_high"))
        assert (
            (low is None) == (name in headline["no_interval"]) == (name not in headline["methods"])
        )
        if low is None:
            assert f": {headline['no_interval'][name]}." in said
        else:
            assert low <= value <= high
    assert (headline["methods"]["recall"], headline["methods"]["auc"]) == ("wilson", "percentile")
    assert "shares of images, Wilson's, of the others by bootstrap of 2 000 resamples" in said
    assert "fewer than 100 images of a class, the intervals of AUC and average precision" in said


def test_sources_are_told_worst_first(score: Score) -> None:
    document = score(split="test")
    sources = document["sources"]

    assert {source["source"] for source in sources} == {"real", "deepfake/a", "deepfake/b"}
    assert [s["accuracy"] for s in sources] == sorted(s["accuracy"] for s in sources)
    assert sum(source["right"] for source in sources) == document["tn"] + document["tp"]
    half = document["readings"][1]
    at_half = sum(s["accuracy_at_half"] * (s["real"] + s["deepfake"]) for s in sources)
    assert at_half == pytest.approx(half["tn"] + half["tp"])
    # Where the threshold is 0.5 itself there is no more to say.
    assert {s["accuracy_at_half"] for s in score()["sources"]} == {None}


def test_own_data_are_known_wherever_they_lie(score: Score, faces: Path) -> None:
    moved = score(data=faces, split="test")
    for path in (faces / "val" / "real").iterdir():
        path.unlink()
    changed = score(data=faces, split="test")

    assert (moved["is_own_data"], changed["is_own_data"]) == (True, False)


def test_images_seen_in_training_are_counted_and_left_out_beside(score: Score, faces: Path) -> None:
    for number in range(3):
        shutil.copy(
            faces / "train" / "real" / f"{number:02d}.png",
            faces / "test" / "real" / f"again{number}.png",
        )
    shutil.copy(faces / "val" / "real" / "01.png", faces / "test" / "real" / "twin.png")
    document = score(data=faces, split="test")
    clean = score(split="test")

    assert [document[f"overlap{which}"] for which in ("_train", "_val", "")] == [3, 1, 4]
    assert document["images"] == 44
    [unseen] = [r for r in document["readings"] if r["kind"] == "without_overlap"]
    assert unseen["images"] == 40
    for name in METRIC_NAMES:
        assert unseen[name] == pytest.approx(clean[name])
    said = "The run has seen 4 of these images: 3 in training, 1 in validation."
    assert said in " ".join(document["page"].split())


def test_subset_of_the_validation_images_is_in_sample_too(score: Score) -> None:
    document = score(limit=5)

    assert document["images"] == 10
    assert [r["kind"] for r in document["readings"]] == ["uncalibrated", "shipped"]


@pytest.mark.parametrize(("missing", "undefined"), [("real", "precision"), ("deepfake", "recall")])
def test_one_class_leaves_metrics_undefined_with_the_reason(
    score: Score, faces: Path, missing: str, undefined: str
) -> None:
    shutil.rmtree(faces / "test" / missing)
    document = score(data=faces, split="test")

    why = {"real": "there is no real image", "deepfake": "there is no deepfake"}[missing]
    for name in (undefined, "auc", "eer", "balanced_accuracy", "tpr_at_fpr_1pct"):
        assert document[name] is None
        assert document["undefined"][name] == why
    assert document["accuracy"] is not None
    assert f"as {why}" in " ".join(document["page"].split())
    assert re.search(r"^AUC +undefined", document["page"], re.MULTILINE)


def test_another_set_is_shown_beside_the_own_one(score: Score, faces: Path, tmp_path: Path) -> None:
    """As sets are often published: the classes alone, in a folder that is named for the set."""
    other = Path(shutil.copytree(faces / "test", tmp_path / "celeb"))
    for number, path in enumerate(sorted(other.rglob("*.png"))):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(path)
    before = score(data=other, split="test")["page"]
    own = score(split="test")
    after = score(data=other, split="test")["page"]

    assert "dfx evaluate small/1 --split test" in " ".join(before.split())
    assert "own test" not in before
    assert "on the test split of celeb" in after
    assert re.search(r"own test \(40\) at *$", after, re.MULTILINE)
    assert re.search(rf"^accuracy .* {own['accuracy']:.4f} *$", after, re.MULTILINE)


def test_reports_that_cannot_be_written_leave_nothing(home: Path, score: Score) -> None:
    """A folder stands where a file should be: neither row nor half a report remains."""

    def spoil(report: EvaluationReport) -> Mapping[str, bytes]:
        folder = report.evaluation.folder
        assert folder is not None
        (home / folder / "roc.png").mkdir()
        return {"report.html": b"", "roc.png": b""}

    with pytest.raises(StoreError, match=r"cannot write .*roc\.png") as error:
        evaluate(Request("best"), home=home, render=spoil, notify=lambda _: None)
    assert error.value.hint is not None and "evaluate again" in error.value.hint
    assert {p.name for p in home.glob("small/1/evaluations/*/*")} <= {"roc.png"}
    assert score()["folder"] is not None


def test_robustness_is_scored_by_the_shipped_threshold(score: Score) -> None:
    """On the validation images too, where the headline is uncalibrated, and the page says so."""
    document = score(limit=3, robustness=True)
    robustness, shipped = document["robustness"], document["readings"][1]
    clean = robustness["conditions"][0]

    assert (robustness["threshold"], robustness["temperature"]) == (
        shipped["threshold"],
        shipped["temperature"],
    )
    assert clean["name"] == "clean"
    assert (clean["accuracy"], clean["auc"]) == (shipped["accuracy"], shipped["auc"])
    assert [r["name"] for r in robustness["conditions"][1:]] == [c.name for c in SUITE]
    assert len({r["auc"] for r in robustness["conditions"]}) > 1
    assert robustness["format_check"]["formats"] == {"real": {"PNG": 3}, "deepfake": {"PNG": 3}}
    assert "in-sample here too" in document["page"]


def test_one_image_more_does_not_make_the_validation_images_another_set(
    score: Score, faces: Path
) -> None:
    """Mostly what threshold and temperature were fitted on: the headline stays uncalibrated."""
    shutil.copy(faces / "test" / "real" / "00.png", faces / "val" / "real" / "more.png")
    (faces / "val" / "real" / "03.png").unlink()
    document = score(data=faces)

    assert (document["images"], document["overlap_val"], document["overlap"]) == (48, 47, 47)
    assert [(r["kind"], r["is_in_sample"]) for r in document["readings"]][:2] == [
        ("uncalibrated", False),
        ("shipped", True),
    ]
    assert [r["images"] for r in document["readings"]] == [48, 48, 1]
    assert "chosen on 47 of these images" in " ".join(document["page"].split())


def test_own_validation_images_are_in_sample_though_their_list_is_lost(
    score: Score, home: Path
) -> None:
    for path in (home / ".images").glob("*.csv.gz"):
        path.unlink()
    document = score(limit=10)

    assert [r["kind"] for r in document["readings"]] == ["uncalibrated", "shipped"]
    assert "is not there" in document["overlap_unknown"]


def test_test_split_is_counted_by_any_name(score: Score, faces: Path, tmp_path: Path) -> None:
    """A folder of classes says by its name, or is asked, which split it is."""
    document = score(data=faces / "test")
    plain = Path(shutil.copytree(faces / "test", tmp_path / "celeb"))

    assert (document["split"], document["dataset"], document["test_use"]) == ("test", "faces", 1)
    with pytest.raises(ConfigError, match="--split says val"):
        score(data=faces / "test", split="val")
    with pytest.raises(ConfigError, match="which split they are is not said"):
        score(data=plain)
    assert score(data=plain, split="test")["test_use"] == 2


def test_repeated_and_contradictory_images_are_told(score: Score, faces: Path) -> None:
    for number in range(2):
        shutil.copy(
            faces / "test" / "real" / "00.png", faces / "test" / "real" / f"again{number}.png"
        )
    shutil.copy(faces / "test" / "real" / "01.png", faces / "test" / "deepfake" / "a" / "real.png")
    document = score(data=faces, split="test")

    assert (document["repeated"], document["contradictory"]) == (3, 1)
    assert "3 images repeat others byte by byte" in " ".join(document["page"].split())


def test_run_that_is_removed_meanwhile_leaves_no_folder(home: Path) -> None:
    def remove(report: EvaluationReport) -> Mapping[str, bytes]:
        with RunStore.open(home, create=False) as store:
            store.remove_run(report.run.id)
        shutil.rmtree(home / report.run.directory)
        return {"report.html": b""}

    with pytest.raises(NotFoundError):
        evaluate(Request("best"), home=home, render=remove, notify=lambda _: None)
    assert not (home / "small" / "1").exists()


def test_file_formats_that_tell_the_classes_apart_are_a_warning(score: Score, faces: Path) -> None:
    """Without the suite too: a detector may have learned nothing else."""
    for path in list((faces / "test" / "deepfake").rglob("*.png")):
        Image.open(path).convert("RGB").save(path.with_suffix(".jpg"))
        path.unlink()
    document = score(data=faces, split="test")

    assert document["formats"] == {"real": {"PNG": 20}, "deepfake": {"JPEG": 20}}
    assert "a balanced accuracy of 1.00" in " ".join(document["page"].split())
    assert "different file formats" not in score()["page"]
