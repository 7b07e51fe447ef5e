"""The simulated camera: what it may and may not do to a scene."""

import numpy as np

from dfx.data.camera import photograph


def grey_photo(seed: int) -> np.ndarray:
    return photograph(np.full((192, 192, 3), 0.3, np.float32), np.random.default_rng(seed), 96)


def test_shape_and_range() -> None:
    """A picture has the size asked for and display values in [0, 1]."""
    photo = photograph(
        np.random.default_rng(0).uniform(0, 1.5, (192, 192, 3)).astype(np.float32),
        np.random.default_rng(1),
        96,
    )

    assert photo.shape == (96, 96, 3)
    assert photo.dtype == np.float32
    assert 0 <= photo.min() <= photo.max() <= 1


def test_grey_stays_about_grey() -> None:
    """White balance undoes the light's colour: a grey wall shows no mosaic and little tint."""
    for seed in range(10):
        tint = np.ptp(grey_photo(seed).mean(axis=(0, 1)))

        assert tint < 0.1


def test_noise_is_correlated_between_neighbours() -> None:
    """Demosaicing leaves its trace: red and blue are interpolated, so neighbours vary together."""
    plane = grey_photo(4)[30:66, 30:66]
    noise = plane - plane.mean(axis=(0, 1))
    beside = (noise[:, 1:] * noise[:, :-1]).mean(axis=(0, 1)) / noise.var(axis=(0, 1))

    assert noise.std() > 0.005
    assert beside[0] > 0.2
    assert beside[2] > 0.2
