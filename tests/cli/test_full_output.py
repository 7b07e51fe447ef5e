"""What is printed has no room either, as where a log on a full disk takes it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full, as Linux has it")


def compare(home: Path, **streams: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dfx", "compare", "--format", "csv", "--home", str(home)]
    return subprocess.run(command, text=True, check=False, **streams)  # type: ignore[call-overload]  # streams of any kind


def test_full_stdout_is_an_error_in_words(trained_folder: Path) -> None:
    with FULL.open("w") as full:
        ended = compare(trained_folder / "runs", stdout=full, stderr=subprocess.PIPE)

    assert ended.returncode == 6
    assert ended.stderr.splitlines() == [
        "error: no space left to write what is printed",
        "hint: free some space, and try again",
    ]


def test_where_nothing_can_be_said_the_exit_code_says_it(trained_folder: Path) -> None:
    with FULL.open("w") as full:
        ended = compare(trained_folder / "runs", stdout=full, stderr=full)

    assert ended.returncode == 6
