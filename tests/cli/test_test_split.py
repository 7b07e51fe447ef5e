"""Nothing but `dfx evaluate --split test` opens the test split: proven by a trap in the process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from scored_home import draw_faces

TRAP = """
import os, sys

folder = os.path.realpath(sys.argv.pop(1))


def spring(event, arguments):
    # Everything in Python that opens or lists a file comes through here, also in loader workers,
    # which are forked; hooks cannot be taken away again.
    if event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], str | bytes):
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path == folder or path.startswith(folder + os.sep):
            sys.stderr.write(f"TRAP: {event} {path}\\n")
            raise RuntimeError("the test split was opened")


sys.addaudithook(spring)
from dfx.cli.app import main

main()
"""

RECIPE = (
    *("--name", "kept-out", "--arch", "test_efficientnet", "--no-pretrained", "--device", "cpu"),
    *("--data", "faces", "--batch-size", "8", "--epochs", "30", "--lr", "3e-3"),
    *("--set", "data.image_size=32", "--set", "data.workers=1"),
    *("--set", "evaluate.threshold=fpr=0.05", "--set", "train.select_by=auc"),
    *("--set", "train.early_stopping_patience=1", "--set", "train.ema=0.5"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("kept-out")
    draw_faces(place / "faces", {"train": 12, "val": 8, "test": 4})
    return place


def run_trapped(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", TRAP, str(folder / "faces" / "test"), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_training_cannot_reach_the_test_split(folder: Path) -> None:
    """Selection, early stopping, threshold and calibration all happen, and the trap stays shut."""
    done = run_trapped(folder, "run", *RECIPE)

    assert "TRAP" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert "no improvement" in done.stderr, done.stderr


def test_validation_is_scored_without_it_and_the_trap_works(folder: Path) -> None:
    validation = run_trapped(folder, "evaluate", "--workers", "1")
    compared = run_trapped(folder, "compare")
    tested = run_trapped(folder, "evaluate", "--split", "test")

    assert (validation.returncode, compared.returncode) == (0, 0), validation.stderr
    assert "TRAP" not in validation.stderr + compared.stderr
    assert tested.returncode == 1
    assert "TRAP: os.scandir" in tested.stderr
