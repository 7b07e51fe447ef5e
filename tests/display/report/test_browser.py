"""The page in a real headless Chromium: light and dark, wide and narrow, without a network."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image

from .browser import CONTROL, Sight, View, describe, find_chromium, look

WIDTHS = (800, 400)
SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def sight(page: str, hostile_page: str, tmp_path_factory: pytest.TempPathFactory) -> Sight:
    """Both pages in every scheme and width, by one start: light and dark at 800 come first."""
    program = find_chromium()
    if program is None:
        pytest.skip("no Chromium is installed, as by `apt-get install chromium`")
    views = [
        View(each, width, scheme)
        for each in (page, hostile_page)
        for width in WIDTHS
        for scheme in SCHEMES
    ]
    return look(program, views, tmp_path_factory.mktemp("browser"), (1600, 1000))


@pytest.fixture(params=range(8), ids=lambda i: f"{('report', 'hostile')[i // 4]}-{i % 4}")
def seen(sight: Sight, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What is measured of one view."""
    found = sight.measured[request.param]
    assert found["width"] == WIDTHS[request.param // 2 % 2]
    assert found["dark"] == (request.param % 2 == 1)
    assert found["scheme"] == SCHEMES[request.param % 2]
    return found


def test_page_never_scrolls_sideways(seen: dict[str, Any]) -> None:
    """Not even on a telephone; what is wide scrolls in its own box."""
    assert seen["pageWidth"] == seen["width"], describe(seen)
    assert seen["height"] > 3000


def test_every_word_can_be_read(seen: dict[str, Any]) -> None:
    """By contrast and size, in tables as in charts."""
    assert seen["words"] > 300
    assert seen["letters"] > 100
    assert seen["faintest"]["contrast"] >= 4.5, describe(seen)
    assert seen["faintestLetter"] >= 4.5, describe(seen)
    assert seen["smallest"]["size"] >= 9, describe(seen)


def test_every_picture_is_shown(seen: dict[str, Any]) -> None:
    assert seen["images"] > 10
    assert seen["broken"] == 0
    assert len(seen["charts"]) in {6, 7}
    assert min(seen["charts"]) > 280, describe(seen)


def test_page_asks_for_nothing_and_runs_nothing(sight: Sight) -> None:
    """The one request that leaves the browser is the one that shows that it would be seen."""
    assert sight.requests == [f"GET {CONTROL}"]
    for seen in sight.measured:
        assert seen["resources"] == []
        assert not seen["pwned"]


def test_it_is_light_in_the_light_and_dark_in_the_dark(sight: Sight) -> None:
    with Image.open(sight.screenshot) as picture:
        light, dark = np.split(np.asarray(picture.convert("L"), np.float64)[:, :1600], 2, axis=1)

    for half in (light, dark):
        assert half.shape == (1000, 800)
        assert half.std() > 10
    assert np.median(light) > 230
    assert np.median(dark) < 40
