"""SIGINT and SIGTERM are honoured within one step plus one checkpoint, counted and not timed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dfx.records import Status

from .children import Child, Nursery, linux_only, list_group
from .comparing import Place, assert_equal
from .marks import Window

pytestmark = linux_only


def freeze_a_run(
    nursery: Nursery, folder: Path, options: tuple[object, ...], window: Window, entries: int
) -> tuple[Child, Place]:
    """A run that stands still in a window, its loader workers alive."""
    for number in range(10):
        place = Place(folder / f"signalled-{number}")
        child = nursery.start(place.folder, "run", *options, "--set", "data.workers=2")
        if child.freeze_in(window, entries):
            return child, place
        assert child.wait() == 0, child.stderr
    raise AssertionError(f"no process was ever seen in {window.name}")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize(("window", "entries"), [(Window.STEP, 6), (Window.VALIDATION, 5)])
def test_signal_is_honoured_within_a_step(
    window: Window,
    entries: int,
    number: signal.Signals,
    code: int,
    nursery: Nursery,
    options: tuple[object, ...],
    whole: Place,
    tmp_path: Path,
) -> None:
    """To the whole process group, as a terminal sends it: no other step begins, one file is kept.

    No loader worker is left, and what is resumed is the uninterrupted run.
    """
    child, place = freeze_a_run(nursery, tmp_path, options, window, entries)
    marks = child.marks
    step = marks["step"]
    before = {each: marks.entries(each) for each in Window}
    workers = len(list_group(child.pid)) - 1
    os.killpg(child.pid, number)
    child.thaw()
    ended = child.wait()
    more = {each: marks.entries(each) - before[each] for each in Window}
    left, found, said = list_group(child.pid), place.inspect(), child.stderr
    status = place.read().run.status
    nursery.run(place.folder, "resume", "one/1", "--set", "data.workers=1")

    assert code == ended, said
    assert workers >= 2
    assert more[Window.STEP] == 0
    # It may have been caught before the first batch of a pass has come.
    assert more[Window.VALIDATION] <= 1
    assert more[Window.UNRECORDED] == 1
    assert found.step == step + (1 if window is Window.STEP else 0)
    assert left == []
    assert status is Status.INTERRUPTED
    assert said.splitlines()[-1].endswith("Continue:  dfx resume one/1")
    assert_equal(whole, place)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_in_start_up_leaves_a_run_that_goes_on(
    number: signal.Signals,
    code: int,
    nursery: Nursery,
    options: tuple[object, ...],
    whole: Place,
    tmp_path: Path,
) -> None:
    """From the moment a run is recorded until its first step: interrupted, never lost."""
    seen: list[str] = []
    for entries in range(2, 12):  # the first is before dfx itself begins
        place = Place(tmp_path / f"started-{entries}")
        child = nursery.start(place.folder, "run", *options, "--set", "data.workers=2")
        assert child.reach(Window.START_UP, entries), child.stderr
        child.freeze()
        if child.marks.window is Window.START_UP:
            seen.append(child.marks.place)
        os.killpg(child.pid, number)
        child.thaw()

        assert code == child.wait(), child.stderr
        assert "Traceback" not in child.stderr
        assert child.stderr.splitlines()[-1].endswith("Continue:  dfx resume one/1")
        assert place.read().run.status is Status.INTERRUPTED
        assert list_group(child.pid) == []
    nursery.run(place.folder, "resume", "one/1")

    assert len(set(seen)) >= 5, seen
    assert_equal(whole, place)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_before_a_run_is_recorded_leaves_nothing(
    number: signal.Signals, code: int, options: tuple[object, ...], tmp_path: Path
) -> None:
    """Nothing to continue, no traceback, and the same exit codes."""
    command = [sys.executable, "-m", "dfx", "run", *map(str, options)]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("no experiments/one.toml")
    process.send_signal(number)
    _, said = process.communicate(timeout=240)

    assert code == process.returncode
    assert "Traceback" not in said
    assert "run one/1" not in said
    assert not (tmp_path / "runs").exists()
