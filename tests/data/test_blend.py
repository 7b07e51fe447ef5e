"""Forged faces: what is touched, and what traces are left."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dfx.data.blend import swap_face
from dfx.data.camera import photograph
from dfx.data.portrait import Face, draw_portrait


def photo_and_face(seed: int) -> tuple[NDArray[np.float32], Face]:
    portrait = draw_portrait(np.random.default_rng(seed), 192)
    return photograph(portrait.light, np.random.default_rng(seed + 1000), 96), portrait.face


@pytest.mark.parametrize("seed", range(8))
def test_only_the_face_changes(seed: int) -> None:
    """Outside the head nothing is touched, inside the face much is."""
    photo, face = photo_and_face(seed)
    change = np.abs(swap_face(photo, face, np.random.default_rng(seed)) - photo).max(axis=-1)
    ticks = (np.arange(96) + 0.5) / 96
    u, v = np.meshgrid((ticks - face.x) / face.half_width, (ticks - face.y) / face.half_height)
    reach = np.hypot(u, v)

    assert change[reach > 1.6].max() == 0
    assert change[reach < 0.6].mean() > 0.02


def test_fine_grain_is_gone() -> None:
    """Pixels no longer vary from one to the next inside the face as they do in the photograph."""

    def roughness(picture: NDArray[np.float32]) -> float:
        inside = picture[40:60, 40:56]
        return float(np.abs(inside[1:-1] * 2 - inside[:-2] - inside[2:]).mean())

    ratios = []
    for seed in range(20):
        photo, face = photo_and_face(seed)
        forged = swap_face(photo, face, np.random.default_rng(seed))
        ratios.append(roughness(forged) / roughness(photo))

    assert np.median(ratios) < 0.8


def test_the_photograph_is_left_alone() -> None:
    """The forgery is a new picture, in range, and follows from its generator."""
    photo, face = photo_and_face(3)
    before = photo.copy()
    one, two = (swap_face(photo, face, np.random.default_rng(9)) for _ in range(2))

    assert np.array_equal(photo, before)
    assert np.array_equal(one, two)
    assert one.dtype == np.float32
    assert one.shape == photo.shape
    assert 0 <= one.min() <= one.max() <= 1
