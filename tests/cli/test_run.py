"""The main job from the command line: train, compare, show, predict, resume."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from dfx.config import ExperimentConfig

from .conftest import Command

TINY = (
    *("--arch", "test_efficientnet", "--no-pretrained", "--device", "cpu", "--batch-size", "8"),
    *("--set", "data.image_size=40", "--set", "data.workers=0"),
)


def read_csv(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_a_run_is_recorded_ranked_and_used(dfx: Command, faces: Path) -> None:
    ran = dfx("run", "--name", "one", "--data", faces, *TINY, "--epochs", "2", "--format", "json")
    report = ran.json()
    (row,) = dfx("compare", "--format", "json").json()["runs"]
    shown = dfx("show", "one/1", "--format", "json").json()
    images = sorted((faces / "test").rglob("*.png"))
    verdicts = dfx("predict", "--run", "best", faces / "test", "--format", "json").json()
    log = read_csv(Path("runs/one/1/log.csv"))

    assert ran.code == 0
    assert "one/1" == report["run"] == row["run"] == shown["run"]
    assert (row["status"], row["epochs"]) == ("completed", 2)
    assert row["val_accuracy"] == report["accuracy"]
    assert row["val_accuracy_low"] < row["val_accuracy"] <= row["val_accuracy_high"]
    assert report["tn"] + report["fp"] + report["fn"] + report["tp"] == 16
    assert [epoch["epoch"] for epoch in shown["epochs"]] == [1, 2]
    assert [f"{epoch['train_loss']!r}" for epoch in shown["epochs"]] == [
        line["train_loss"] for line in log
    ]
    assert sorted(map(str, images)) == sorted(row["path"] for row in verdicts)
    assert {"Real", "Deepfake"} >= {row["label"] for row in verdicts}
    assert all(row["run"] == "one/1" for row in verdicts)


def test_validation_predictions_are_kept(trained_folder: Path, dfx: Command) -> None:
    """Every validation image has its line, and the lines give the recorded accuracy."""
    home = trained_folder / "runs"
    shown = dfx("show", "trained", "--format", "json", "--home", home).json()
    evaluation = shown["evaluations"][-1]
    rows = read_csv(home / evaluation["predictions"])
    right = sum(row["truth"] == row["label"] for row in rows)

    assert list(rows[0]) == ["path", "truth", "p_deepfake", "label"]
    assert len({row["path"] for row in rows}) == 16
    assert evaluation["accuracy"] == right / 16


def test_two_runs_of_a_name_are_numbered(dfx: Command, faces: Path) -> None:
    for seed in (1, 2):
        options = ("--epochs", "1", "--seed", seed)
        assert dfx("run", "--name", "one", "--data", faces, *TINY, *options).code == 0
    runs = dfx("compare", "--format", "json").json()["runs"]

    assert {"one/1", "one/2"} == {run["run"] for run in runs}


def test_the_same_seed_gives_the_same_numbers(dfx: Command, faces: Path) -> None:
    """Whatever the number of workers."""
    for workers in (0, 2):
        options = ("--epochs", "2", "--set", f"data.workers={workers}")
        assert dfx("run", "--name", "one", "--data", faces, *TINY, *options).code == 0
    first, second = (
        [
            {key: epoch[key] for key in ("train_loss", "val_loss", "val_auc", "train_accuracy")}
            for epoch in dfx("show", f"one/{number}", "--format", "json").json()["epochs"]
        ]
        for number in (1, 2)
    )

    assert first == second


def test_dry_run_tells_where_values_come_from(dfx: Command) -> None:
    """It needs no data, trains nothing, and names default, file, --set, flag and machine."""
    Path("experiments").mkdir()
    Path("experiments/mine.toml").write_text("[optim]\nlr = 0.002\nweight_decay = 0.1\n")
    outcome = dfx(
        *("run", "--name", "mine", "--dry-run", "--format", "json", "--device", "cpu"),
        *("--set", "optim.weight_decay=0.2", "--seed", 7),
    )
    settings = {row["key"]: row for row in outcome.json()["settings"]}

    assert outcome.code == 0
    assert list(ExperimentConfig().flat()) == list(settings)
    assert (
        settings["optim.lr"]["value"],
        settings["optim.lr"]["source"],
    ) == (0.002, "experiments/mine.toml")
    assert (
        settings["optim.weight_decay"]["value"],
        settings["optim.weight_decay"]["source"],
    ) == (0.2, "--set")
    assert (settings["train.seed"]["value"], settings["train.seed"]["source"]) == (7, "--seed")
    assert settings["train.epochs"]["source"] == "default"
    assert settings["train.precision"]["value"] == "float32"
    assert settings["train.precision"]["source"].startswith("this machine")
    assert not Path("runs").exists()


def test_limit_takes_only_so_many(dfx: Command, faces: Path) -> None:
    """Per class and split."""
    options = ("--epochs", "1", "--set", "data.limit=4")
    dfx("run", "--name", "one", "--data", faces, *TINY, *options)
    data = dfx("show", "one", "--format", "json").json()["data"]

    assert [(split["real"], split["deepfake"]) for split in data] == [(4, 4), (4, 4)]


def test_the_record_is_what_ran(dfx: Command, faces: Path) -> None:
    """Nothing of the machine is left open in the record."""
    dfx("run", "--name", "one", "--data", faces, *TINY, "--epochs", "1")
    shown = dfx("show", "one", "--format", "json").json()
    train = shown["config"]["train"]

    assert (train["device"], train["precision"]) == ("cpu", "float32")
    assert train["threads"] >= 1
    assert shown["config"]["data"]["pin_memory"] is False
    assert shown["weights"] == {"source": "random"}
    assert shown["attempts"][0]["environment"]["torch"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_mixed_precision_trains_on_a_processor(dfx: Command, faces: Path, precision: str) -> None:
    options = ("--epochs", "1", "--set", f"train.precision={precision}")
    outcome = dfx("run", "--name", "one", "--data", faces, *TINY, *options)

    assert outcome.code == 0, outcome.stderr
    assert precision in outcome.stderr


def test_early_stopping_says_so(dfx: Command, faces: Path) -> None:
    """With a learning rate that changes nothing, the second epoch is no better."""
    options = ("--epochs", "9", "--lr", "1e-30", "--set", "train.early_stopping_patience=1")
    outcome = dfx("run", "--name", "one", "--data", faces, *TINY, *options)
    (row,) = dfx("compare", "--format", "json").json()["runs"]

    assert "stopped early after epoch" in outcome.stderr
    assert row["status"] == "completed"
    assert row["epochs"] < 9


def test_divergence_fails_the_run_in_words(dfx: Command, faces: Path) -> None:
    options = ("--epochs", "3", "--lr", "1e12")
    outcome = dfx("run", "--name", "one", "--data", faces, *TINY, *options)
    (row,) = dfx("compare", "--format", "json").json()["runs"]

    assert outcome.code == 6
    assert "no longer finite in epoch 1, step" in outcome.stderr
    assert "the last finite one was" in outcome.stderr
    assert row["status"] == "failed"


def test_nothing_to_compare_is_no_error(dfx: Command) -> None:
    """And makes no home."""
    outcome = dfx("compare", "--format", "json")

    assert (outcome.code, outcome.json()) == (0, {"runs": []})
    assert not Path("runs").exists()


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "md"])
@pytest.mark.parametrize("command", ["compare", "show"])
def test_every_format_prints_on_stdout(
    dfx: Command, trained_folder: Path, command: str, fmt: str
) -> None:
    outcome = dfx(command, "--format", fmt, "--home", trained_folder / "runs")

    assert outcome.code == 0
    assert outcome.stdout.strip()
    assert "\x1b" not in outcome.stdout


def test_predict_says_which_run_it_picked_and_why(
    dfx: Command, trained_folder: Path, faces: Path
) -> None:
    image = faces / "test" / "deepfake" / "00.png"
    outcome = dfx("predict", image, "--home", trained_folder / "runs")

    assert outcome.stderr.startswith("Using trained/1, epoch ")
    assert "best validation accuracy" in outcome.stderr
    assert any(label in outcome.stdout for label in ("Real", "Deepfake"))
    assert " %" in outcome.stdout


def test_predict_works_from_the_weights_file_alone(
    dfx: Command, trained_folder: Path, faces: Path, folder: Path
) -> None:
    """Without a home, it gives what it gives with one."""
    image = faces / "test" / "deepfake" / "00.png"
    best = max((trained_folder / "runs/trained/1/checkpoints").glob("best-*.pt"))
    (folder / "alone.pt").write_bytes(best.read_bytes())
    options = ("--format", "jsonl")
    alone = dfx("predict", "--weights", "alone.pt", image, *options)
    home = dfx("predict", image, *options, "--home", trained_folder / "runs")

    assert alone.code == 0
    assert json.loads(alone.stdout) == json.loads(home.stdout)


def test_home_is_found_from_below(
    dfx: Command, trained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nearest runs/ with a database above the working folder serves."""
    below = trained_folder / "a" / "b"
    below.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(below)

    assert len(dfx("compare", "--format", "json").json()["runs"]) == 1
