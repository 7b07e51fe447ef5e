"""Memory from the command line: what a card has decides how it is computed, not what comes out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dfx.training import loop

from .conftest import Command
from .test_resume import assert_equal_runs
from .test_run import TINY

SETTINGS = ("--epochs", 2, "--set", "model.drop_path_rate=0.2", "--set", "train.ema=0.9")


@pytest.fixture
def small_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes believe that there are just so many bytes, in which one block must be recomputed."""
    from dfx.services import memory

    real = memory.settle_memory

    def settle(machine: Any, module: Any, notify: Any, *, images: int, available: None) -> Any:
        first = real(machine, module, lambda _: None, images=images, available=2**40)
        available_bytes = first.memory.needed_bytes(images, 1)
        return real(machine, module, notify, images=images, available=available_bytes)

    for place in ("train", "resume"):
        monkeypatch.setattr(f"dfx.services.{place}.settle_memory", settle)


def test_a_small_card_gives_the_same_run(
    dfx: Command, faces: Path, small_card: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what it recomputes, records that, and ends in the same bits as a processor."""
    recomputing = dfx("run", "--name", "one", "--data", faces, *TINY, *SETTINGS)
    shown = dfx("show", "one/1", "--format", "json").json()
    monkeypatch.undo()
    monkeypatch.chdir(shown["home"] + "/..")
    plain = dfx("run", "--name", "one", "--data", faces, *TINY, *SETTINGS)
    other = dfx("show", "one/2", "--format", "json").json()

    assert recomputing.code == plain.code == 0, recomputing.stderr
    assert "so the activations of 1 of 5 blocks are recomputed" in recomputing.stderr
    assert shown["config"]["model"]["grad_checkpointing"] == 1
    assert shown["attempts"][0]["settings"]["model.grad_checkpointing"] == 1
    assert other["config"]["model"]["grad_checkpointing"] is False
    assert shown["recipe_digest"] == other["recipe_digest"]
    assert_equal_runs(Path("runs"), 1, 2)


class Failing:
    """Steps as usual, until the third, which finds no memory."""

    def __init__(self, step: Callable[..., None], error: BaseException) -> None:
        self._step, self._error, self._steps = step, error, 0

    def __call__(self, *arguments: Any, **options: Any) -> None:
        self._steps += 1
        if self._steps == 3:
            raise self._error
        self._step(*arguments, **options)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        MemoryError(),
    ],
    ids=repr,
)
def test_running_out_is_said_in_words_and_resumed_by_the_hint(
    dfx: Command,
    faces: Path,
    error: BaseException,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No traceback; the first way out ends in the bits of a run that never failed."""
    real = loop.train_step
    assert dfx("run", "--name", "one", "--data", faces, *TINY, *SETTINGS).code == 0
    monkeypatch.setattr(loop, "train_step", Failing(loop.train_step, error))
    failed = dfx("run", "--name", "one", "--data", faces, *TINY, *SETTINGS)
    rows = dfx("compare", "--format", "json").json()["runs"]
    way = "dfx resume one/2 --set model.grad_checkpointing=true"
    home = Path("runs").absolute()
    monkeypatch.setattr(loop, "train_step", real)
    resumed = dfx(*way.split()[1:])
    attempts = dfx("show", "one/2", "--format", "json").json()["attempts"]

    assert failed.code == 6
    assert "Traceback" not in failed.stderr
    assert "out of memory on cpu (" in failed.stderr
    assert way in " ".join(failed.stderr.split())
    assert {row["run"]: row["status"] for row in rows}["one/2"] == "failed"
    assert resumed.code == 0, resumed.stderr
    assert [attempt["settings"]["model.grad_checkpointing"] for attempt in attempts] == [
        False,
        True,
    ]
    assert_equal_runs(home, 1, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
def test_a_processor_really_running_out(faces: Path, folder: Path) -> None:
    """In a process that may have little more memory than it has when training begins."""
    code = (
        "import resource, sys\n"
        "import dfx.services.train, dfx.training.loop as loop\n"
        "real = loop.train_step\n"
        "def step(*arguments, **options):\n"
        "    used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, resource.RLIM_INFINITY))\n"
        "    real(*arguments, **options)\n"
        "loop.train_step = step\n"
        "from dfx.cli.app import main\n"
        "main()\n"
    )
    options = ("--epochs", "1", "--batch-size", "32", "--set", "data.image_size=640")
    command = ("run", "--name", "one", "--data", str(faces), *TINY, *options)
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 6, done.stderr
    assert "Traceback" not in done.stderr
    assert "out of memory on cpu (" in done.stderr
