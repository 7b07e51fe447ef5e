"""A full disk stops a run in words and takes nothing back; with room again, `dfx resume` goes on.

The disk is a real file system of a few megabytes that another file fills up at a chosen instant.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dfx.records import Status

from .children import Child, Nursery, linux_only
from .comparing import Place, assert_equal
from .filling import fill

pytestmark = linux_only

ROOM = 128 * 1024
"""Bytes: too few for a checkpoint, and enough for the database to say what happened."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "dfx-test", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs the right to mount a file system that can be filled: {done.stderr}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@dataclass(frozen=True)
class Case:
    """Where the disk fills up, and what is then told.

    Attributes:
        target: See `fill_before`, as for the last three.
        names: How the path in the message begins, relative to the home.
        status: What the run is shown as: lost where not even its failure could be recorded.
        epochs: That are recorded by then.
    """

    target: str
    names: str
    status: Status
    epochs: int
    file: str = ""
    call: int = 1
    leave: int = 0


WRITE = "dfx.services.keeping:write_durably"
LAST = "one/1/checkpoints/last-e0003"
ROW = "dfx.tracking.store:RunStore.record_epoch"
CASES = {
    "checkpoint": Case(WRITE, LAST, Status.FAILED, 1, "last-e0003", leave=ROOM),
    "predictions": Case(WRITE, "one/1/val-e0001", Status.LOST, 0, "val-e0001"),
    "log": Case(WRITE, "one/1/log.csv", Status.LOST, 2, "log.csv", 2),
    "row": Case(ROW, "dfx.db", Status.LOST, 1, call=2),
    "row, some room": Case(ROW, "dfx.db", Status.LOST, 1, call=2, leave=40 * 1024),
    "image memory": Case("dfx.data.index:_remember", ".images/checked.tsv", Status.LOST, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_full_disk(
    name: str,
    nursery: Nursery,
    options: tuple[object, ...],
    whole: Place,
    disk: Path,
    tmp_path: Path,
) -> None:
    """Exit code 6; path and bytes are named; what was recorded stands; resumed it is the same.

    A resume while the disk is still full ends in words as well, and harms nothing.
    """
    case = CASES[name]
    place = Place(tmp_path / "work", home=disk / "runs")
    filling: dict[str, Any] = {
        "target": case.target,
        "file": case.file,
        "call": case.call,
        "ballast": str(disk / "ballast"),
        "leave": case.leave,
    }
    home = ("--home", place.home)
    child = nursery.start(place.folder, "run", *options, *home, filling=filling)
    code, (error, hint) = child.wait(), last_lines(child)
    again = nursery.start(place.folder, "resume", "one/1", *home)
    code_again, (error_again, hint_again) = again.wait(), last_lines(again)
    found = place.inspect()
    (disk / "ballast").unlink()
    status = place.read().run.status
    nursery.run(place.folder, "resume", "one/1", *home)

    assert (code, code_again) == (6, 6)
    assert f" {place.home / case.names}" in error
    assert " bytes" in error and " bytes" in error_again
    assert "free some space" in hint and "free some space" in hint_again
    assert (case.status, case.epochs) == (status, found.epochs)
    assert_equal(whole, place)


def last_lines(child: Child) -> tuple[str, str]:
    """The error and the hint that it ended with, and nothing like a traceback before."""
    said = child.stderr
    error, hint = said.splitlines()[-2:]
    assert "Traceback" not in said
    assert error.startswith("error: ") and hint.startswith("hint: "), said
    return error, hint


def test_little_room_is_said_at_the_start(
    nursery: Nursery, options: tuple[object, ...], whole: Place, disk: Path, tmp_path: Path
) -> None:
    """With both figures, before anything is lost by it."""
    place = Place(tmp_path / "work", home=disk / "runs")
    fill(disk / "ballast", 4_000_000)
    home = ("--home", place.home)
    child = nursery.start(place.folder, "run", *options, *home)
    code, said = child.wait(), child.stderr
    (disk / "ballast").unlink()
    resumed = nursery.run(place.folder, "resume", "one/1", *home)
    (warning,) = [line for line in said.splitlines() if line.startswith("warning: ")]

    assert code == 6
    assert warning.startswith(f"warning: little room in {place.home}: the checkpoints of this run")
    assert " bytes more, and 3," in warning
    assert "warning: " not in resumed.stderr
    assert_equal(whole, place)


def test_limit_on_file_size_is_as_good_as_a_full_disk(
    nursery: Nursery, options: tuple[object, ...], whole: Place, tmp_path: Path
) -> None:
    """The system refuses a checkpoint half-way and takes all the rest; this needs no rights."""
    place = Place(tmp_path / "work")
    child = nursery.start(place.folder, "run", *options, largest_file=1_000_000)
    code, (error, hint) = child.wait(), last_lines(child)
    status, found = place.read().run.status, place.inspect()
    nursery.run(place.folder, "resume", "one/1")

    assert code == 6
    assert f"cannot write {place.run}/checkpoints/last-e0003" in error
    assert " bytes): File too large" in error
    assert "`dfx resume`" in hint
    assert (status, found.epochs) == (Status.FAILED, 1)
    assert_equal(whole, place)
