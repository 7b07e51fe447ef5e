"""Bad input gets an error with a way out: never a traceback, and nothing is lost."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest
from PIL import Image

from .conftest import Command, Outcome

OFFLINE = ("--no-pretrained", "--arch", "test_efficientnet", "--set", "data.image_size=40")


def check(outcome: Outcome, code: int, *words: str) -> None:
    """Says that a command ended with an error of these words and a hint."""
    __tracebackhide__ = True
    assert code == outcome.code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert "hint: " in outcome.stderr
    missing = [word for word in words if word not in outcome.stderr]
    assert missing == [], outcome.stderr


@pytest.fixture
def images(faces: Path, folder: Path) -> Path:
    """A data folder that a test may spoil."""
    return Path(shutil.copytree(faces, folder / "images"))


def test_no_data_folder_tells_how_to_lay_one_out(dfx: Command) -> None:
    outcome = dfx("run", "--name", "x", *OFFLINE)

    check(outcome, 5, "/dataset'", "train/real", "dfx data sample")


@pytest.mark.parametrize("split", ["train", "val"])
def test_missing_split(dfx: Command, images: Path, split: str) -> None:
    shutil.rmtree(images / split)

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE), 5, f"'{split}'")


def test_test_split_is_not_needed(dfx: Command, images: Path) -> None:
    shutil.rmtree(images / "test")

    assert dfx("run", "--name", "x", "--data", images, *OFFLINE, "--epochs", "1").code == 0


@pytest.mark.parametrize("name", ["real", "deepfake"])
def test_missing_class(dfx: Command, images: Path, name: str) -> None:
    shutil.rmtree(images / "val" / name)

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE), 5, repr(name))


def test_empty_class(dfx: Command, images: Path) -> None:
    for path in (images / "train" / "real").iterdir():
        path.unlink()

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE), 5, "real", "no image")


def test_fake_and_deepfake_side_by_side(dfx: Command, images: Path) -> None:
    shutil.copytree(images / "train" / "deepfake", images / "train" / "fake")

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE), 5, "'deepfake'", "'fake'")


def test_unknown_class_folder(dfx: Command, images: Path) -> None:
    (images / "train" / "deepfakes").mkdir()

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE), 5, "'deepfakes'", "rename")


def test_damaged_images_are_named_left_out_and_counted(dfx: Command, images: Path) -> None:
    """A text called .png and a truncated image leave the index; the run's record says which."""
    whole = (images / "train" / "real" / "00.png").read_bytes()
    (images / "train" / "real" / "00.png").write_bytes(whole[: len(whole) // 2])
    (images / "train" / "deepfake" / "01.png").write_text("not an image at all")
    outcome = dfx("run", "--name", "x", "--data", images, *OFFLINE, "--epochs", "1")
    data = dfx("show", "x", "--format", "json").json()["data"]
    train = next(split for split in data if split["split"] == "train")

    assert outcome.code == 0
    assert "real/00.png" in outcome.stderr
    assert "deepfake/01.png" in outcome.stderr
    assert sorted(s["path"] for s in train["skipped"]) == ["deepfake/01.png", "real/00.png"]
    assert (train["real"], train["deepfake"]) == (15, 15)


def test_damaged_image_is_fatal_where_asked_for(dfx: Command, images: Path) -> None:
    (images / "train" / "deepfake" / "01.png").write_text("not an image at all")
    strict = ("--set", "data.on_bad_image=fail")

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE, *strict), 5, "01.png")
    (run,) = dfx("compare", "--format", "json").json()["runs"]
    assert run["status"] == "failed"


@pytest.mark.parametrize(
    "name", ["a/b", ".hidden", "best", "latest", "17", "", "dfx.db", "with space", "é", "x" * 101]
)
def test_name_that_cannot_be(dfx: Command, name: str) -> None:
    check(dfx("run", "--name", name, *OFFLINE), 2, "cannot name an experiment")


def test_name_close_to_a_configuration(dfx: Command, images: Path) -> None:
    """A slip in the name is noticed before anything starts."""
    outcome = dfx("run", "--name", "b4-basline", "--data", images, *OFFLINE)

    check(outcome, 2, "b4-basline", "did you mean --name b4-baseline?")
    assert not Path("runs").exists()


def test_name_without_a_configuration_says_which_serves(dfx: Command) -> None:
    outcome = dfx("run", "--name", "mine", *OFFLINE)

    assert "no experiments/mine.toml: using the defaults" in outcome.stderr
    assert "nearest existing: " in outcome.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--set", "optim.learning_rate=1"], ["optim.learning_rate", "optim.lr"]),
        (["--set", "lr=1"], ["'lr'", "optim.lr"]),
        (["--set", "nonsense"], ["nonsense", "="]),
        (["--lr", "-1"], ["optim.lr", "-1"]),
        (["--lr", "nan"], ["optim.lr"]),
        (["--epochs", "0"], ["train.epochs", "0"]),
        (["--batch-size", "0"], ["data.batch_size"]),
        (["--seed", "-1"], ["train.seed"]),
        (["--set", "train.precision=float8"], ["train.precision", "float8"]),
        (["--set", "evaluate.threshold=2"], ["evaluate.threshold", "2"]),
        (["--set", "train.freeze_epochs=99"], ["train.freeze_epochs", "99"]),
        (["--device", "gpu"], ["'gpu'", "cuda"]),
        (["--device", "cuda"], ["cuda"]),
        (["--arch", "efficientnet_b44"], ["efficientnet_b44", "efficientnet_b4"]),
        (["--config", "nowhere.toml"], ["nowhere.toml"]),
    ],
    ids=" ".join,
)
def test_bad_configuration(
    dfx: Command, images: Path, options: list[str], words: list[str]
) -> None:
    outcome = dfx("run", "--name", "x", "--data", images, *OFFLINE, *options)

    assert outcome.code == 2, outcome.stderr
    assert [word for word in words if word not in outcome.stderr] == [], outcome.stderr
    assert not Path("runs").exists()


def test_unknown_key_in_a_file(dfx: Command) -> None:
    Path("experiments").mkdir()
    Path("experiments/mine.toml").write_text("[optim]\nlearning_rate = 1\n")

    check(dfx("run", "--name", "mine"), 2, "experiments/mine.toml", "optim.lr")


@pytest.mark.parametrize("home", ["taken", "taken/runs"])
def test_home_that_cannot_be_made(dfx: Command, images: Path, folder: Path, home: str) -> None:
    (folder / "taken").write_text("")
    outcome = dfx("run", "--name", "x", "--data", images, *OFFLINE, "--home", home)

    check(outcome, 4, home, "--home")
    assert (folder / "taken").read_text() == ""


def test_foreign_database_is_left_alone(dfx: Command, images: Path, folder: Path) -> None:
    (folder / "runs").mkdir()
    with sqlite3.connect(folder / "runs/dfx.db") as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    before = (folder / "runs/dfx.db").read_bytes()

    check(dfx("run", "--name", "x", "--data", images, *OFFLINE), 4, "dfx.db")
    check(dfx("compare"), 4, "dfx.db")
    assert before == (folder / "runs/dfx.db").read_bytes()


def test_weights_of_another_architecture(dfx: Command, images: Path, folder: Path) -> None:
    import timm
    import torch

    torch.save(timm.create_model("test_resnet").state_dict(), folder / "other.pth")
    outcome = dfx("run", "--name", "x", "--data", images, *OFFLINE[1:], "--weights", "other.pth")

    check(outcome, 2, "other.pth", "test_efficientnet", "--arch")


@pytest.mark.parametrize("name", ["text.pth", "text.safetensors", "absent.pth"])
def test_weights_that_are_none(dfx: Command, images: Path, folder: Path, name: str) -> None:
    if name.startswith("text"):
        (folder / name).write_text("These are no weights.\n" * 100)
    outcome = dfx("run", "--name", "x", "--data", images, *OFFLINE[1:], "--weights", name)

    assert outcome.code == 2
    assert name in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_images_to_predict_that_do_not_exist(dfx: Command, trained_folder: Path) -> None:
    home = ("--home", trained_folder / "runs")

    check(dfx("predict", "nowhere.png", *home), 3, "nowhere.png")


def test_damaged_image_among_good_ones(
    dfx: Command, trained_folder: Path, faces: Path, folder: Path
) -> None:
    """It gets its reason, the others their verdicts, and the exit code says so."""
    good = faces / "test" / "real" / "00.png"
    (folder / "bad.png").write_text("no image")
    Image.open(good).save(folder / "good.png")
    home = ("--home", trained_folder / "runs")
    outcome = dfx("predict", good, "bad.png", "good.png", "--format", "json", *home)
    rows = outcome.json()

    assert outcome.code == 5
    assert [str(good), "bad.png", "good.png"] == [row["path"] for row in rows]
    assert [row["error"] is None for row in rows] == [True, False, True]
    assert "1 of 3 images" in outcome.stderr


@pytest.mark.parametrize("reference", ["trianed", "trained/9", "99", "deadbeef"])
def test_run_that_is_not_there(dfx: Command, trained_folder: Path, reference: str) -> None:
    home = ("--home", trained_folder / "runs")

    check(dfx("show", reference, *home), 3, reference)


@pytest.mark.parametrize("command", ["show", "resume", "predict"])
def test_nothing_here_yet(dfx: Command, faces: Path, command: str) -> None:
    image = [faces / "test" / "real" / "00.png"] if command == "predict" else []
    outcome = dfx(command, *image)

    check(outcome, 3, "dfx run")
    assert not Path("runs").exists()


def test_run_and_weights_together(dfx: Command, trained_folder: Path, faces: Path) -> None:
    image = faces / "test" / "real" / "00.png"
    weights = next((trained_folder / "runs/trained/1/checkpoints").glob("best-*.pt"))

    check(dfx("predict", image, "--run", "best", "--weights", weights), 2, "--run", "--weights")


def test_weights_that_were_changed_are_not_used(
    dfx: Command, trained_folder: Path, faces: Path, folder: Path
) -> None:
    home = Path(shutil.copytree(trained_folder / "runs", folder / "runs"))
    for weights in (home / "trained/1/checkpoints").glob("best-*.pt"):
        weights.write_bytes(weights.read_bytes()[:-1] + b"x")

    check(dfx("predict", faces / "test" / "real" / "00.png"), 4, "not there as they were written")


def test_batches_of_one_image_that_batch_norm_cannot_take(dfx: Command, images: Path) -> None:
    tiny = ("--set", "data.image_size=32", "--batch-size", "1")
    outcome = dfx("run", "--name", "x", "--data", images, *OFFLINE, *tiny)

    check(outcome, 2, "data.batch_size", "data.image_size")
    assert not Path("runs").exists()
