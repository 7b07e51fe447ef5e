"""A training that wakes up after its run was taken over elsewhere."""

from __future__ import annotations

import hashlib
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Command
from .test_resume import LONG, wait_for_epoch
from .test_run import TINY

QUICK_HEART = (
    "import sys\n"
    "from dfx.services import heartbeat\n"
    "heartbeat.HEARTBEAT_SECONDS = 0.2\n"
    "from dfx.cli.app import main\n"
    "sys.argv[0] = 'dfx'\n"
    "main()\n"
)


def freeze_between_writes(child: subprocess.Popen[str], database: Path) -> None:
    """Stops a process where it does not hold the database, and makes it seem to be elsewhere.

    As a suspended laptop looks to another machine: of another host, and silent for an hour.
    """
    while True:
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        with closing(sqlite3.connect(database, timeout=0.1)) as connection:
            try:
                connection.execute(
                    "UPDATE attempts SET host = 'laptop',"
                    " heartbeat_at = datetime(heartbeat_at, '-1 hour') || '.000000'"
                )
                connection.commit()
            except sqlite3.OperationalError:
                child.send_signal(signal.SIGCONT)
                continue
            return


def picture(home: Path) -> tuple[dict[str, str], list[str]]:
    """Every file of a home with its digest, and every row of its database."""
    files = {
        path.relative_to(home).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith("dfx.db")
    }
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        return files, list(connection.iterdump())


@pytest.mark.skipif(sys.platform != "linux", reason="waits for a stopped process")
def test_one_that_wakes_after_a_takeover_stops_and_says_why(
    dfx: Command, folder: Path, faces: Path
) -> None:
    """It ends after its step, with nothing written: neither a file, nor a row, nor a failure."""
    command = [sys.executable, "-c", QUICK_HEART, "run", "--name", "one", "--data", faces]
    with subprocess.Popen(
        [*map(str, command), *TINY, *map(str, LONG), "--set", "augment.jpeg=1"],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            wait_for_epoch(child, 1)
            freeze_between_writes(child, folder / "runs" / "dfx.db")
            done = len(dfx("show", "one/1", "--format", "json").json()["epochs"])
            resumed = dfx("resume", "one/1", "--epochs", done + 1)
            before = picture(folder / "runs")
            child.send_signal(signal.SIGCONT)
            assert child.stderr is not None
            said = child.stderr.read()
            code = child.wait()
        finally:
            child.kill()

    assert resumed.code == 0, resumed.stderr
    assert code == 4, said
    assert f"error: one/1 was taken over by process {os.getpid()} on " in said
    assert "attempt 1 may no longer write" in said
    assert "hint: look at it with: dfx show one/1" in said
    assert "Traceback" not in said
    assert before == picture(folder / "runs")
    shown = dfx("show", "one/1", "--format", "json").json()
    assert shown["status"] == "completed"
    assert [attempt["outcome"] for attempt in shown["attempts"]] == ["lost", "completed"]
