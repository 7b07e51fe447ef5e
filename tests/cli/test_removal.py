"""`dfx rm` and `dfx gc`: they ask, and what is needed stays."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command
from .test_bad_input import check
from .test_run import TINY, read_csv

WORKER = """
import sys
from pathlib import Path
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

home = Path(sys.argv[1])
with RunStore.open(home, create=False) as store:
    [before] = store.get_detail(1).attempts
    store.begin_attempt(
        1,
        process=this_process(),
        settings=before.settings,
        environment=before.environment,
        start_step=before.start_step,
    )
    (home / "trained/1/.log.csv.0a1b2c3d.draft").touch()
    print("at work", flush=True)
    sys.stdin.read()
"""
"""A process that works on `trained/1`, and writes something just now."""


@pytest.fixture
def runs(trained_folder: Path, folder: Path) -> Path:
    """A home of one's own with the run `trained/1`."""
    return Path(shutil.copytree(trained_folder / "runs", folder / "runs"))


def list_files(home: Path) -> set[str]:
    """All files but the database's."""
    return {
        path.relative_to(home).as_posix()
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith("dfx.db")
    }


def age(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (0, 0))


def answer(folder: Path, reply: str, *arguments: str) -> tuple[int, str, str]:
    """Runs `dfx` on a terminal and answers its question: exit code, stdout, what was seen."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "dfx", *arguments],
            cwd=folder,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=theirs,
            text=True,
        )
        os.write(ours, reply.encode())
    finally:
        os.close(theirs)
    seen = b""
    # Once the process has ended, Linux calls it an error to read, others the end of the file.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 4096):
            seen += part
    os.close(ours)
    stdout, _ = process.communicate()
    return process.returncode, stdout, seen.decode()


def test_removal_is_asked_for_on_stderr(runs: Path, folder: Path, dfx: Command) -> None:
    """Only yes is taken for it."""
    before = list_files(runs)
    declined = answer(folder, "\n", "rm", "trained/1")
    after_no = list_files(runs)
    agreed = answer(folder, "what\ny\n", "rm", "trained/1")

    assert (declined[0], declined[1], agreed[0], agreed[1]) == (0, "", 0, "")
    assert "nothing was removed" in declined[2]
    assert "Remove this run for good? [y/N]" in agreed[2]
    assert after_no == before
    assert {name.partition("/")[0] for name in list_files(runs)} == {".gitignore", ".images"}
    assert dfx("compare", "-f", "json").json() == {"runs": []}


def test_nothing_goes_where_nobody_can_be_asked(runs: Path, dfx: Command) -> None:
    """What would go is shown all the same."""
    before = list_files(runs)
    outcome = dfx("rm", "trained/1")
    check(outcome, 2, "trained/1 (id 1), completed, 2 epochs", "log.csv", "add --yes")

    assert outcome.stdout == ""
    assert list_files(runs) == before


def test_run_is_removed_with_yes(runs: Path, dfx: Command) -> None:
    (runs / "trained" / "1" / "notes.txt").touch()
    outcome = dfx("rm", "trained/1", "--yes")

    assert (outcome.code, outcome.stdout) == (0, "")
    assert "left, since dfx did not write it: trained/1/notes.txt" in outcome.stderr
    assert list_files(runs / "trained") == {"1/notes.txt"}


def test_record_is_removed_and_files_are_kept(runs: Path, dfx: Command) -> None:
    before = list_files(runs)
    outcome = dfx("rm", "trained/1", "--keep-files", "--yes")

    assert f"its files stay: {runs}/trained/1" in outcome.stderr
    assert list_files(runs) == before
    assert dfx("compare", "-f", "json").json() == {"runs": []}


def test_run_at_work_is_neither_removed_nor_renamed_nor_tidied(runs: Path, dfx: Command) -> None:
    """Killed, it is tidied and goes on as if nothing had been."""
    command = [sys.executable, "-c", WORKER, str(runs)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as worker:
        try:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "at work\n"
            removal = dfx("rm", "trained/1", "--yes")
            renaming = dfx("rename", "trained", "two")
            moving = dfx("rename", "trained/1", "two")
            tidying = dfx("gc", "--yes", "--format", "json").json()
        finally:
            worker.kill()
    tidied = dfx("gc", "--yes", "--format", "json").json()
    resumed = dfx("resume", "trained/1", "--epochs", 3)
    log = read_csv(runs / "trained" / "1" / "log.csv")

    check(removal, 4, "trained/1 is being worked on by process", "nothing was removed")
    check(renaming, 4, "a process is working on trained/1")
    check(moving, 4, "a process is working on trained/1")
    assert (tidying["items"], [one["path"] for one in tidying["skipped"]]) == ([], ["trained/1"])
    assert [item["kind"] for item in tidied["items"]] == ["draft"]
    assert resumed.code == 0, resumed.stderr
    assert [row["epoch"] for row in log] == ["1", "2", "3"]


def test_leftovers_are_shown_in_every_format(runs: Path, dfx: Command) -> None:
    draft = runs / "trained" / "1" / ".log.csv.0a1b2c3d.draft"
    draft.write_bytes(b"0123456789")
    backup = runs / "dfx.db.0001.20260102T030405Z.backup"
    backup.touch()
    shown = {f: dfx("gc", "--dry-run", "--format", f) for f in ("table", "json", "csv", "md")}
    document = shown["json"].json()
    first, second = document["items"]

    assert {outcome.code for outcome in shown.values()} == {0}
    assert (document["home"], document["bytes"], document["skipped"]) == (str(runs), 10, [])
    assert first == {
        "kind": "draft",
        "path": f"trained/1/{draft.name}",
        "bytes": 10,
        "run": "trained/1",
        "removable": True,
        "why": "left by a process that was cut off",
    }
    assert (second["path"], second["run"], second["removable"]) == (backup.name, None, False)
    assert shown["csv"].stdout.startswith("kind,path,bytes,run,removable,why\ndraft,trained/1/.log")
    assert "| draft | trained/1/.log.csv.0a1b2c3d.draft | 10 |" in shown["md"].stdout
    assert "1 item to remove, 10 B" in shown["table"].stdout
    assert draft.exists()


def test_leftovers_go_with_yes_only(runs: Path, folder: Path, dfx: Command) -> None:
    draft = runs / "trained" / "1" / ".log.csv.0a1b2c3d.draft"
    draft.write_bytes(b"0123456789")
    kept = list_files(runs) - {f"trained/1/{draft.name}"}
    check(dfx("gc"), 2, "nobody can be asked", "--yes")
    declined = answer(folder, "n\n", "gc")
    stayed = draft.exists()
    outcome = dfx("gc", "--yes")

    assert (declined[0], stayed) == (0, True)
    assert "removed 1 item, 10 B" in outcome.stderr
    assert list_files(runs) == kept
    assert "Nothing to remove" in dfx("gc").stdout
    check(dfx("gc", "--yes", "--dry-run"), 2, "contradict")


def test_lost_database_costs_no_run(runs: Path, folder: Path, dfx: Command, faces: Path) -> None:
    """The folders of runs that no row knows are told, and stay."""
    for path in runs.glob("dfx.db*"):
        path.unlink()
    trained = list_files(runs / "trained")
    age(*(runs / "trained").rglob("*"))
    dfx("run", "--name", "new", "--data", faces, *TINY, "--epochs", 1)
    shown = dfx("gc", "--yes", "-f", "json").json()

    assert [(item["kind"], item["path"]) for item in shown["items"]] == [
        ("unknown run", "trained/1")
    ]
    assert list_files(runs / "trained") == trained
