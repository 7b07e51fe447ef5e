"""Resuming from the command line: exact, fenced, and clear about what it does."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from .conftest import Command
from .test_run import TINY, read_csv

EPOCHS = 3
SETTINGS = ("--epochs", EPOCHS, "--set", "model.drop_rate=0.2", "--set", "train.ema=0.9")
LONG = ("--epochs", 99, "--set", "train.early_stopping_patience=0")
TIMES = ("seconds", "images_per_second", "finished_at", "attempt")


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Starts `dfx` as a process of its own."""
    command = [sys.executable, "-m", "dfx", *map(str, arguments)]
    return subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)


def wait_for_epoch(process: subprocess.Popen[str], epoch: int) -> None:
    """Reads the process's stderr until the line of an epoch has come."""
    assert process.stderr is not None
    for line in process.stderr:
        if re.match(rf"Epoch +{epoch}/", line):
            return
    raise AssertionError(f"the process ended before epoch {epoch}")


def results(home: Path, number: int) -> tuple[list[dict[str, str]], dict[str, torch.Tensor]]:
    """What a run's log says, times apart, and its final state of training."""
    rows = read_csv(home / "one" / str(number) / "log.csv")
    log = [{key: value for key, value in row.items() if key not in TIMES} for row in rows]
    last = max((home / "one" / str(number) / "checkpoints").glob("last-*.pt"))
    saved = torch.load(last, weights_only=True)
    tensors = {f"model.{name}": tensor for name, tensor in saved["model"].items()}
    tensors |= {f"ema.{name}": tensor for name, tensor in saved["ema"].items()}
    for number_of, values in saved["optimizer"]["state"].items():
        tensors |= {f"optimizer.{number_of}.{name}": value for name, value in values.items()}
    return log, tensors


def assert_equal_runs(home: Path, one: int, other: int) -> None:
    __tracebackhide__ = True
    (first_log, first), (second_log, second) = results(home, one), results(home, other)
    assert first_log == second_log
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


@pytest.fixture
def whole(dfx: Command, faces: Path) -> Path:
    """A home in which `one/1` ran without an interruption."""
    assert dfx("run", "--name", "one", "--data", faces, *TINY, *SETTINGS).code == 0
    return Path("runs").absolute()


def test_killed_and_resumed_is_the_uninterrupted_run(
    dfx: Command, faces: Path, whole: Path
) -> None:
    """SIGKILL, then `dfx resume` with other workers: same rows, weights, optimiser, average."""
    process = start(Path.cwd(), "run", "--name", "one", "--data", faces, *TINY, *SETTINGS)
    wait_for_epoch(process, 1)
    process.kill()
    process.communicate()
    lost = dfx("compare", "--format", "json").json()["runs"]
    resumed = dfx("resume", "--set", "data.workers=1")
    shown = dfx("show", "one/2", "--format", "json").json()

    assert {run["run"]: run["status"] for run in lost} == {"one/1": "completed", "one/2": "lost"}
    assert resumed.code == 0, resumed.stderr
    assert "resuming one/2: the latest run that is unfinished" in resumed.stderr
    assert len(shown["attempts"]) == 2
    assert shown["attempts"][1]["settings"]["data.workers"] == 1
    assert_equal_runs(whole, 1, 2)


def test_resuming_a_completed_run_does_nothing(dfx: Command, whole: Path) -> None:
    before = (whole / "one/1/log.csv").read_text()
    outcome = dfx("resume", "one/1")

    assert outcome.code == 0
    assert "nothing to do" in outcome.stderr
    assert "--epochs" in outcome.stderr
    assert before == (whole / "one/1/log.csv").read_text()


def test_completed_run_goes_further(dfx: Command, whole: Path) -> None:
    outcome = dfx("resume", "one/1", "--epochs", EPOCHS + 1)
    shown = dfx("show", "one/1", "--format", "json").json()

    assert outcome.code == 0, outcome.stderr
    assert EPOCHS + 1 == len(shown["epochs"]) == len(read_csv(whole / "one/1/log.csv"))
    assert [a["settings"]["train.epochs"] for a in shown["attempts"]] == [EPOCHS, EPOCHS + 1]


def test_longer_plan_says_what_becomes_of_the_learning_rate(dfx: Command, whole: Path) -> None:
    """Four steps an epoch: after the twelfth the cosine of 3 epochs is 0, that of 6 at its half."""
    further = dfx("resume", "one/1", "--epochs", 2 * EPOCHS)
    shown = dfx("show", "one/1").stdout
    rates = [float(row["lr"]) for row in read_csv(whole / "one/1/log.csv")]

    assert (
        f"planned are {2 * EPOCHS} epochs instead of {EPOCHS}; the cosine of the learning rate now"
        f" spans {2 * EPOCHS} epochs: it goes on at 5e-05 (by the former plan 0) and reaches 0 at"
        f" the end of epoch {2 * EPOCHS}"
    ) in " ".join(further.stderr.split())
    assert f"attempt 2 with train.epochs={2 * EPOCHS}" in shown
    assert rates[EPOCHS] == pytest.approx(1e-4 * 0.5 * (1 + math.cos(math.pi * 15 / 24)))
    assert rates[EPOCHS] > rates[EPOCHS - 1]


def test_fewer_epochs_than_are_done_is_refused(dfx: Command, whole: Path) -> None:
    outcome = dfx("resume", "one/1", "--epochs", 1)

    assert outcome.code == 2
    assert f"has finished {EPOCHS}" in outcome.stderr


def test_recipe_cannot_change(dfx: Command, whole: Path) -> None:
    """The difference is shown."""
    outcome = dfx("resume", "one/1", "--epochs", 9, "--set", "optim.lr=0.5")

    assert outcome.code == 2
    assert "optim.lr" in outcome.stderr
    assert "0.0001" in outcome.stderr
    assert "0.5" in outcome.stderr


def test_other_data_is_refused(dfx: Command, whole: Path, faces: Path, folder: Path) -> None:
    import shutil

    other = Path(shutil.copytree(faces, folder / "other"))
    (other / "train" / "real" / "00.png").unlink()
    outcome = dfx("resume", "one/1", "--epochs", 9, "--set", f"data.root={other}")

    assert outcome.code == 5
    assert len(read_csv(whole / "one/1/log.csv")) == EPOCHS


def test_run_that_is_being_worked_on_is_refused(dfx: Command, faces: Path) -> None:
    """Naming the process; it goes on undisturbed."""
    process = start(Path.cwd(), "run", "--name", "one", "--data", faces, *TINY, *LONG)
    wait_for_epoch(process, 1)
    os.kill(process.pid, signal.SIGSTOP)
    outcome = dfx("resume", "one/1")
    os.kill(process.pid, signal.SIGCONT)
    time.sleep(0.2)
    still_there = process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)

    assert outcome.code == 4
    assert f"process {process.pid} on " in outcome.stderr
    assert still_there
    assert process.returncode == 130


def test_lost_checkpoints_do_not_restart_a_run(dfx: Command, whole: Path) -> None:
    """They may only be out of reach: nothing recorded is thrown away, and the way out is said."""
    files = list((whole / "one/1/checkpoints").glob("last-*.pt"))
    for file in files:
        file.rename(file.with_suffix(".away"))
    outcome = dfx("resume", "one/1", "--epochs", EPOCHS + 1)
    shown = dfx("show", "one/1", "--format", "json").json()

    assert outcome.code == 4
    assert "hint: put its files back" in outcome.stderr
    assert (
        shown["status"],
        len(shown["epochs"]),
        len(shown["attempts"]),
    ) == ("completed", EPOCHS, 1)


def test_refused_data_leaves_the_run_as_it_was(
    dfx: Command, whole: Path, faces: Path, folder: Path
) -> None:
    """The folder that was refused is not taken for the run's own the next time."""
    import shutil

    other = Path(shutil.copytree(faces, folder / "other"))
    (other / "train" / "real" / "00.png").unlink()
    refused = dfx("resume", "one/1", "--epochs", 9, "--set", f"data.root={other}")
    (row,) = dfx("compare", "--format", "json").json()["runs"]

    assert refused.code == 5
    assert row["status"] == "completed"
    assert dfx("resume", "one/1", "--epochs", EPOCHS + 1).code == 0
    assert whole.is_dir()


@pytest.mark.parametrize("value", ["abc", "none", "0"])
def test_plan_that_is_none(dfx: Command, whole: Path, value: str) -> None:
    outcome = dfx("resume", "one/1", "--set", f"train.epochs={value}")

    assert outcome.code == 2
    assert "train.epochs" in outcome.stderr


def test_patience_begins_anew_also_after_a_kill(dfx: Command, faces: Path) -> None:
    """An early-stopped run that was extended, and lost at once, still goes further."""
    still = ("--epochs", 9, "--lr", "1e-30", "--set", "train.early_stopping_patience=1")
    assert dfx("run", "--name", "one", "--data", faces, *TINY, *still).code == 0
    before = len(dfx("show", "one", "--format", "json").json()["epochs"])
    process = start(Path.cwd(), "resume", "one/1", "--epochs", 12)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("run one/1 goes on"):
            break
    process.kill()
    process.communicate()
    outcome = dfx("resume", "one/1")
    shown = dfx("show", "one", "--format", "json").json()

    assert before < 9
    assert outcome.code == 0, outcome.stderr
    assert len(shown["epochs"]) > before
    assert shown["planned_epochs"] == 12


def test_resume_works_from_another_folder(
    dfx: Command, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = whole.parent / "below"
    below.mkdir()
    monkeypatch.chdir(below)

    assert dfx("resume", "one/1", "--epochs", EPOCHS + 1).code == 0


def test_files_that_a_row_names_are_never_written_again(
    dfx: Command, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a snapshot is due at every step, and in validation, and the run is stopped."""
    from dfx.services import keeping

    written: list[Path] = []
    real = keeping.write_durably

    def note(path: Path, data: bytes) -> str:
        written.append(path)
        return real(path, data)

    monkeypatch.setattr(keeping, "write_durably", note)
    often = ("--set", "train.checkpoint_minutes=0.00001", "--epochs", 2)
    outcome = dfx("run", "--name", "one", "--data", faces, *TINY, *often)
    checkpoints = [path for path in written if path.suffix == ".pt"]

    assert outcome.code == 0, outcome.stderr
    assert len(checkpoints) > 8
    assert len(set(checkpoints)) == len(checkpoints)
    assert len(list(Path("runs/one/1/checkpoints").iterdir())) <= 4


def test_commands_that_are_shown_work_where_they_are_shown(
    dfx: Command, faces: Path, folder: Path
) -> None:
    """In another home than the usual, they name it."""
    process = start(
        folder, "run", "--name", "one", "--data", faces, *TINY, *LONG, "--home", "else where"
    )
    wait_for_epoch(process, 1)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    command = "dfx resume one/1 --home 'else where'"

    assert said.strip().endswith(command)
    assert command in dfx("compare", "--home", "else where").stdout
    assert command in dfx("show", "--home", "else where").stdout
