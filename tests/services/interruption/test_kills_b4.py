"""The proof on the reference network, whose checkpoints take a while to write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .campaign import Campaign
from .children import Nursery, linux_only
from .comparing import Place, assert_equal

pytestmark = linux_only

OPTIONS = (
    *("--name", "one", "--arch", "efficientnet_b4", "--no-pretrained", "--device", "cpu"),
    *("--batch-size", "4", "--epochs", "2", "--lr", "1e-3", "--set", "data.image_size=64"),
    *("--set", "data.limit=4", "--set", "train.deterministic=true"),
    *("--set", "model.drop_rate=0.2", "--set", "model.drop_path_rate=0.2"),
    *("--set", "augment.jpeg=0.3", "--set", "augment.noise=0.3"),
)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Path]:
    """A folder that does not stay: each checkpoint has 200 MB."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.slow  # the same as with a small network, three quarters of a minute longer
def test_killed_in_every_window_is_the_uninterrupted_run(
    nursery: Nursery,
    faces: Path,
    room: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """At least once in each, with resumes until it is done."""
    options = ("--data", faces, *OPTIONS)
    whole = Place(room / "whole")
    often = ("--set", "train.checkpoint_minutes=0.0001")
    marks = nursery.run(whole.folder, "run", *options, *often).marks
    campaign = Campaign(nursery, options, marks, needed=1, seed=4)
    runs = 0
    while campaign.find_lacking():
        assert campaign.attempts < 60, campaign.figures()
        runs += 1
        place = Place(room / f"killed-{runs}")
        campaign.wear_down(place, kills=12)
        assert_equal(whole, place)
        shutil.rmtree(place.folder)
    figures = {"runs": runs, **campaign.figures()}
    for name, value in figures.items():
        record_property(name, value)
    print(figures)  # noqa: T201  # `pytest -s` shows it
