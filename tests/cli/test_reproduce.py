"""`dfx reproduce`: the command works when pasted, drift is seen, and a repetition is compared."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import sqlite3
import subprocess
import uuid
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from dfx.config import ExperimentConfig
from dfx.services.sameness import compare_outcomes
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

from .conftest import Command
from .test_run import TINY

EXACT = (*TINY, "--epochs", 1, "--set", "train.deterministic=true")


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def drifted(dfx: Command, run: str = "one/1") -> dict[tuple[str, str], dict[str, Any]]:
    """What has drifted, by topic and name."""
    document = dfx("reproduce", run, "--format", "json").json()
    return {(each["topic"], each["name"]): each for each in document["drift"]}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"data.root": '/my data/it\'s "here"', "data.limit": 5, "train.seed": 2**62},
        {"model.weights_file": "my weights.pth", "train.class_weights": "balanced"},
        {"model.weights_file": "-123", "model.grad_checkpointing": 3, "train.threads": 7},
        {"evaluate.threshold": "fpr=0.01", "optim.lr": 1.1e-7, "optim.schedule": "step"},
        {"evaluate.threshold": 0.25, "model.pretrained": False, "data.pin_memory": False},
        {"train.epochs": 3, "train.precision": "bfloat16", "model.grad_checkpointing": True},
    ],
)
def test_command_means_the_configuration_of_the_run(
    dfx: Command, folder: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    """Whatever else a file of the experiment's name says where it is pasted."""
    config = ExperimentConfig().replace(changes)
    settings = {key: value for key, value in config.flat().items() if key == "train.epochs"}
    with RunStore.open(folder / "runs", create=True) as store:
        store.create_run(
            experiment="one",
            config=config,
            home=folder / "runs",
            uuid=str(uuid.uuid4()),
            process=this_process(),
            settings=settings,
            environment={"folder": "/where it was"},
        )
    (folder / "experiments").mkdir()
    (folder / "experiments" / "one.toml").write_text("[augment]\nblur = 1.0\n[optim]\nlr = 9.0\n")
    from dfx.services.configure import Configuration
    from dfx.services.references import resolve_run
    from dfx.services.rerun import build_commands

    with RunStore.open(folder / "runs", create=False) as store:
        detail = store.get_detail(resolve_run(store, "one", of_experiment="latest").summary.id)
    (command,) = build_commands(detail, home=None)
    words = shlex.split(command)
    if changes.get("model.weights_file"):
        assert words[:3] == ["cd", "/where it was", "&&"]
        words = words[3:]
    seen: list[Configuration] = []
    monkeypatch.setattr("dfx.services.machine.preview_machine", lambda c: seen.append(c) or [])
    outcome = dfx(*words[1:], "--dry-run")

    assert words[0] == "dfx"
    assert outcome.code == 0, outcome.stderr
    assert outcome.stderr == ""
    assert seen[0].name == "one"
    assert seen[0].config == config


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_drift_of_code_and_data_is_seen_and_a_changed_set_refused(
    dfx: Command, folder: Path, faces: Path
) -> None:
    """And nothing is trained on other images unless it is insisted on."""
    data = folder / "faces"
    shutil.copytree(faces, data)
    git("init", "-q")
    (folder / "a.py").write_text("x = 1\n")
    git("add", "a.py")
    git("commit", "-qm", "x")
    (folder / "a.py").write_text("x = 2\n")
    assert dfx("run", "--name", "one", "--data", "faces", *EXACT).code == 0
    before = dfx("reproduce", "one", "--format", "json")

    document = before.json()
    assert document.keys() == {"run", "id", "uuid", "commands", "notes", "drifted", "drift"}
    assert (document["run"], document["drifted"], document["drift"]) == ("one/1", False, [])
    assert "no experiments/one.toml is read" in document["notes"][0]
    assert before.stderr == "Reproducing one/1: the latest run of one\n"
    assert "nothing: code, packages, device, data" in dfx("reproduce", "one/1").stdout

    git("commit", "-qam", "y")
    (data / "val" / "real" / "00.png").unlink()
    drift = drifted(dfx)
    patch = str(drift["code", "changes"]["advice"])

    assert set(drift) == {("data", "val"), ("code", "revision"), ("code", "changes")}
    assert drift["data", "val"]["is_refused"] is True
    assert drift["code", "revision"]["advice"].startswith("git checkout ")
    git(*drift["code", "revision"]["advice"].split()[1:])
    subprocess.run(["bash", "-c", patch], check=True, cwd=folder)
    assert (folder / "a.py").read_text() == "x = 2\n"
    assert set(drifted(dfx)) == {("data", "val")}
    rows = list(csv.DictReader(dfx("reproduce", "one/1", "--format", "csv").stdout.splitlines()))
    assert [row["name"] for row in rows] == ["val"]

    refused = dfx("reproduce", "one/1", "--execute")
    assert refused.code == 5
    assert "error: the data of one/1 changed: val was sha256:" in refused.stderr
    assert "--anyway" in refused.stderr
    assert len(dfx("compare", "--format", "json").json()["runs"]) == 1
    insisted = dfx("reproduce", "one/1", "--execute", "--anyway")
    assert insisted.code == 0, insisted.stderr
    assert "warning: not as it was: val sha256:" in insisted.stderr
    assert "warning: one/2 and one/1 are not the same: val_" in insisted.stderr


def test_repetition_is_the_same_bit_by_bit(dfx: Command, folder: Path, faces: Path) -> None:
    """Of a run that was extended as well; what it repeats is written to it."""
    assert dfx("run", "--name", "one", "--data", faces, *EXACT).code == 0
    assert dfx("resume", "one/1", "--epochs", 2).code == 0
    outcome = dfx("reproduce", "one/1", "--execute", "--format", "json")
    with RunStore.open(folder / "runs", create=False) as store:
        first, second = store.get_detail(1), store.get_detail(2)

    assert outcome.code == 0, outcome.stderr
    assert outcome.json()["run"] == "one/2"  # one report, of the last step
    last = outcome.stderr.splitlines()[-1]
    assert last.startswith("one/2 and one/1 have the same recorded values in all 2 epochs, and the")
    assert second.run.note == f"reproduces one/1 ({first.run.uuid})"
    assert first.run.recipe_digest == second.run.recipe_digest
    (folder / "runs" / next(f.path for f in first.checkpoints if f.kind == "best")).unlink()
    home = folder / "runs"
    again = compare_outcomes(first, second, original_home=home, home=home)
    assert again.text.endswith("best weights of one/1 are not here to compare")


def test_drift_of_packages_device_and_weights(dfx: Command, folder: Path, faces: Path) -> None:
    """By what was recorded: versions of then, a package that is gone, another card."""
    torch.save(timm.create_model("test_efficientnet").state_dict(), folder / "initial.pth")
    # Named from another folder, it is the same file.
    options = [word for word in EXACT if word != "--no-pretrained"]
    run = dfx("run", "--name", "one", "--data", faces, *options, "--weights", "initial.pth")
    assert run.code == 0, run.stderr
    with closing(sqlite3.connect(folder / "runs" / "dfx.db")) as connection:
        (text,) = connection.execute("SELECT environment FROM attempts").fetchone()
        environment = json.loads(text)
        environment["torch"] = "2.0.0"
        environment["packages"] |= {"numpy": "1.0", "gone-package": "3"}
        del environment["packages"]["timm"]
        environment |= {"python": "3.9.1", "card": {"name": "NVIDIA A100", "memory_bytes": 1}}
        connection.execute("UPDATE attempts SET environment = ?", (json.dumps(environment),))
        connection.commit()
    (folder / "initial.pth").write_bytes(b"other")
    shutil.move(folder / "initial.pth", folder / "moved.pth")
    drift = drifted(dfx)
    (folder / "initial.pth").write_bytes(b"other")

    assert set(drift) == {
        ("weights", "initial.pth"),
        ("package", "torch"),
        ("package", "numpy"),
        ("package", "gone-package"),
        ("package", "timm"),
        ("python", "python"),
        ("device", "card"),
    }
    assert drift["package", "torch"]["then"] == "2.0.0"
    assert drift["package", "torch"]["now"] == torch.__version__
    assert drift["package", "gone-package"]["now"] is None
    assert drift["package", "timm"]["then"] is None
    assert (drift["device", "card"]["then"], drift["device", "card"]["now"]) == (
        "NVIDIA A100",
        "cpu",
    )
    assert "is gone" in drift["weights", "initial.pth"]["now"]
    assert drifted(dfx)["weights", "initial.pth"]["now"].startswith("sha256:")
    refused = dfx("reproduce", "one/1", "--execute")
    assert refused.code == 5
    assert "error: the weights of one/1 changed: initial.pth was sha256:" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nothing"], 3, "no runs in"),
        (["one/1", "--anyway"], 2, "--anyway is about repeating a run"),
        ([], 2, "Missing argument"),
        (["one/1", "--format", "xml"], 2, "xml"),
    ],
)
def test_bad_input(dfx: Command, folder: Path, arguments: list[str], code: int, words: str) -> None:
    outcome = dfx("reproduce", *arguments)

    assert outcome.code == code
    assert words in outcome.stderr
    assert list(folder.iterdir()) == []
