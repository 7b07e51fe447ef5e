"""The proof: killed at any instant and resumed, however often, a run is the uninterrupted run."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from dfx.records import Status

from .campaign import Campaign
from .children import Nursery, linux_only, list_group, wait_for_end
from .comparing import Place, assert_equal
from .marks import Window

pytestmark = linux_only


@pytest.mark.parametrize(
    "needed", [10, pytest.param(40, marks=pytest.mark.slow)], ids=["ten", "forty"]
)
def test_killed_at_any_instant_is_the_uninterrupted_run(
    needed: int,
    nursery: Nursery,
    options: tuple[object, ...],
    whole: Place,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """SIGKILL at seeded random instants, at least so many in each window, then resume, and again.

    Each time with another number of workers. After each kill the home is sound. In the end weights,
    optimiser, rows and log are the same.
    """
    assert whole.marks
    campaign = Campaign(nursery, options, whole.marks, needed=needed, seed=7)
    runs = 0
    while campaign.find_lacking():
        assert campaign.attempts < 20 * needed, campaign.figures()
        runs += 1
        place = Place(tmp_path / f"killed-{runs}")
        campaign.wear_down(place, kills=15)
        assert_equal(whole, place)
    figures = {"runs": runs, **campaign.figures()}
    for name, value in figures.items():
        record_property(name, value)
    print(figures)  # noqa: T201  # `pytest -s` shows it

    assert len(campaign.kills) >= 5 * needed
    # The same few places are hit again in the end, so this grows more slowly than the kills.
    assert figures["distinct instants"] > 2 * needed


def test_loader_workers_of_a_killed_process_disturb_nobody(
    nursery: Nursery, options: tuple[object, ...], tmp_path: Path, whole: Place
) -> None:
    """They end by themselves; a resume need not wait for that."""
    place = Place(tmp_path / "killed")
    child = nursery.start(place.folder, "run", *options, "--set", "data.workers=4")
    assert child.reach(Window.VALIDATION)
    child.freeze()
    alive = list_group(child.pid)
    child.kill()
    assert child.wait() == -signal.SIGKILL
    nursery.run(place.folder, "resume", "one/1", "--set", "data.workers=2")
    assert_equal(whole, place)
    wait_for_end(child.pid)

    assert len(alive) > 4


def test_lost_loader_worker_fails_the_run_and_it_goes_on(
    nursery: Nursery, options: tuple[object, ...], tmp_path: Path, whole: Place
) -> None:
    """As where memory ran out: a message, exit code 6, and nothing of the result is changed."""
    place = Place(tmp_path / "lost")
    child = nursery.start(place.folder, "run", *options, "--set", "data.workers=1")
    assert child.reach(Window.STEP, 6)
    child.freeze()
    for pid in list_group(child.pid):
        if pid != child.pid:
            os.kill(pid, signal.SIGKILL)
    child.thaw()
    assert child.wait() == 6, child.stderr
    failed, said = place.read().run.status, child.stderr
    nursery.run(place.folder, "resume", "one/1", "--set", "data.workers=2")

    assert failed is Status.FAILED
    assert "a loader process ended" in said
    assert "Traceback" not in said
    assert_equal(whole, place)
