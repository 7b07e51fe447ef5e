"""Drawn portraits: that they are varied, in range, and know where their face is."""

import numpy as np
import pytest

from dfx.data.portrait import draw_portrait


def test_same_generator_same_portrait() -> None:
    """A portrait follows from its generator alone."""
    one, two = (draw_portrait(np.random.default_rng(7), 64) for _ in range(2))

    assert np.array_equal(one.light, two.light)
    assert one.face == two.face


@pytest.mark.parametrize("seed", range(30))
def test_light_and_face_are_in_range(seed: int) -> None:
    """Light is finite and not negative, and the whole face lies within the picture."""
    portrait = draw_portrait(np.random.default_rng(seed), 96)
    face = portrait.face

    assert portrait.light.shape == (96, 96, 3)
    assert portrait.light.dtype == np.float32
    assert np.isfinite(portrait.light).all()
    assert portrait.light.min() >= 0
    assert face.half_width < face.x < 1 - face.half_width
    assert face.half_height < face.y < 1 - face.half_height


def test_people_differ() -> None:
    """No two portraits are much alike."""
    drawn = [draw_portrait(np.random.default_rng(seed), 48).light for seed in range(12)]
    distances = [np.abs(a - b).mean() for i, a in enumerate(drawn) for b in drawn[:i]]

    assert min(distances) > 0.03
