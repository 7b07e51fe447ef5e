"""`torchrun -m dfx`: several processes on one run, from the command line."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command
from .test_resume import assert_equal_runs, results, wait_for_epoch
from .test_run import TINY

LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
SETTINGS = (
    *("--epochs", "8", "--set", "train.early_stopping_patience=0"),
    *("--set", "model.drop_rate=0.2", "--set", "train.ema=0.9", "--set", "data.workers=1"),
)


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    """Starts `dfx` in two processes."""
    return subprocess.Popen(
        [*LAUNCH, "-m", "dfx", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def find_member(process: subprocess.Popen[str], rank: int) -> int:
    """Waits for a member of the team, and gives its process id."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        for pid in children.read_text().split():
            with suppress(OSError):
                if b"RANK=%d" % rank in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                    return int(pid)
        time.sleep(0.05)
    raise AssertionError(f"no process of rank {rank}: {process.communicate()}")


def show(dfx: Command, run: str) -> Any:
    return dfx("show", run, "--format", "json").json()


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a team in /proc")
def test_interrupted_and_resumed_with_as_many_or_fewer(
    dfx: Command, faces: Path, folder: Path
) -> None:
    """A signal to one process ends both; two go on to the very bits, one goes on just as far.

    `one/1` runs through, `one/2` is interrupted.
    """
    arguments = ("run", "--name", "one", "--data", faces, *TINY, *SETTINGS)
    whole_code, whole_out, whole_err = finish(start(folder, *arguments, "--format", "json"))
    assert whole_code == 0, whole_err
    assert json.loads(whole_out)["run"] == "one/1"
    assert ", 2 processes" in whole_err
    assert show(dfx, "one/1")["attempts"][0]["environment"]["processes"] == 2

    stopped = start(folder, *arguments)
    member = find_member(stopped, 1)
    wait_for_epoch(stopped, 1)
    os.kill(member, signal.SIGTERM)
    _, out, said = finish(stopped)
    assert out == ""
    last = re.search(r"one/2 interrupted in epoch \d+, step (\d+)\.  Continue:  (.*)\n", said)
    assert last, said
    assert last.group(2) == "torchrun --nproc-per-node=2 -m dfx resume one/2"
    assert said.count("interrupted in epoch") == 1
    assert show(dfx, "one/2")["status"] == "interrupted"
    assert "exitcode  : 143" in said

    home = folder / "runs"
    shutil.copytree(home, folder / "copy")
    code, _, said = finish(start(folder, "resume", "one/2"))
    assert code == 0, said
    assert_equal_runs(home, 1, 2)

    alone = dfx("resume", "one/2", "--home", folder / "copy")
    assert alone.code == 0, alone.stderr
    other, whole = results(folder / "copy", 2)[0], results(home, 1)[0]
    for key in ("epoch", "step", "lr"):  # dropout differs by process, and with it the losses
        assert [row[key] for row in other] == [row[key] for row in whole]


@pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a team in /proc")
def test_a_process_that_is_killed_fails_the_run_in_words(
    dfx: Command, faces: Path, folder: Path
) -> None:
    """Without a traceback; what was recorded stands, and the run goes on."""
    arguments = ("run", "--name", "one", "--data", faces, *TINY, *SETTINGS, "--epochs", 99)
    process = start(folder, *arguments)
    member = find_member(process, 1)
    wait_for_epoch(process, 2)
    os.kill(member, signal.SIGKILL)
    code, _, said = finish(process)
    shown = show(dfx, "one/1")

    assert code != 0
    assert 'File "' + str(Path(__file__).parents[2] / "dfx") not in said
    assert shown["status"] in {"failed", "interrupted"}
    assert len(shown["epochs"]) >= 2
    assert dfx("resume", "one/1", "--epochs", len(shown["epochs"]) + 1).code == 0


def test_what_is_wrong_is_said_once(faces: Path, folder: Path) -> None:
    """By the first process; the second has nothing to add."""
    code, out, said = finish(
        start(folder, "run", "--name", "one", "--data", faces, *TINY, "--arch", "nonsense")
    )

    assert code != 0
    assert out == ""
    assert said.count("model.name is 'nonsense'") == 1
    assert not (folder / "runs").exists()
