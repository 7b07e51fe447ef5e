"""A home that can be read and not written: what only reads works there."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Outcome
from .test_db import check, home

__all__ = ["home"]  # a fixture

READ_ONLY = 'mount --bind runs runs && mount -o remount,bind,ro runs && exec "$@"'

ONE_BY_ONE = """
import json, sys
from dfx.cli.app import main

for arguments in json.loads(sys.argv[1]):
    sys.argv = ["dfx", *arguments]
    try:
        main()
    except SystemExit as ended:
        print(f"code {ended.code}", flush=True)
        print(f"code {ended.code}", file=sys.stderr, flush=True)
"""
"""Commands in one process, for the sake of time; each ends with its exit code in both streams."""

ReadOnly = Callable[..., list[Outcome]]


@pytest.fixture
def read_only(home: Path) -> Iterator[ReadOnly]:
    """Runs `dfx` where its home can be read, and not written, once for each list of arguments."""
    is_root = os.geteuid() == 0
    # Permissions do not bind root; a mount of its own does.
    prefix = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"] if is_root else []

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*prefix, *command], cwd=home.parent, capture_output=True, text=True, check=False
        )

    if is_root and (shutil.which("unshare") is None or run("true").returncode != 0):
        pytest.skip("root may write anywhere, and here it may not mount anything")
    inside = [home, *(path for path in home.rglob("*") if path.is_dir())]
    for path in inside:
        path.chmod(0o555)

    def call(*commands: str) -> list[Outcome]:
        done = run(sys.executable, "-c", ONE_BY_ONE, json.dumps([c.split() for c in commands]))
        streams = [re.split(r"code (\d+)\n", each)[:-1] for each in (done.stdout, done.stderr)]
        out, err = streams
        return [
            Outcome(int(code), printed, said)
            for printed, code, said in zip(out[::2], out[1::2], err[::2], strict=True)
        ]

    yield call
    for path in inside:
        path.chmod(0o755)


def test_read_only_home_is_read(read_only: ReadOnly) -> None:
    """What only reads works; what writes says that it cannot, and how to go on."""
    compared, checked, refused, noted, listed = read_only(
        "compare --format json",
        "db check --format json",
        "db backup",
        "note trained/1 lost",
        "compare --format json",
    )

    assert compared.code == 0, compared.stderr
    assert [run["run"] for run in compared.json()["runs"]] == ["trained/1"]
    assert (checked.code, checked.json()["faults"]) == (0, 0)
    check(refused, 4, "cannot be written", "copy the whole home to another folder")
    check(noted, 4, "cannot be written")
    assert listed.stdout == compared.stdout


def test_log_out_of_reach_is_said(home: Path, read_only: ReadOnly) -> None:
    """What was written last would be missing, so nothing is read at all."""
    home.chmod(0o755)
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        connection.execute("UPDATE runs SET note = 'new'")
        connection.commit()
        shutil.copyfile(home / "dfx.db-wal", home.parent / "kept")
    (home.parent / "kept").rename(home / "dfx.db-wal")
    home.chmod(0o555)
    [outcome] = read_only("compare")

    check(
        outcome,
        4,
        "a log beside it holds what was written last",
        "copy it together with dfx.db-wal",
    )
