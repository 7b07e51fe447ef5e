"""Networks are tried on what a photograph may be."""

from __future__ import annotations

import torch

from dfx.models.trial_pictures import draw_pictures
from dfx.records import Preprocessing

PREPROCESSING = Preprocessing(64, mean=(0.1, 0.5, 0.3), std=(0.4, 0.5, 0.6))


def pixels(count: int) -> torch.Tensor:
    """The pictures before they are normalised, in [0, 1]."""
    settings = (PREPROCESSING.std, PREPROCESSING.mean)
    std, mean = (torch.tensor(values).view(3, 1, 1) for values in settings)
    return draw_pictures(count, PREPROCESSING) * std + mean


def test_have_soft_shapes_in_the_range_of_pixels() -> None:
    """Noise, of which trained networks have logits in the thousands, would show rounding alone."""
    found = pixels(3)
    steps = (found[..., 1:] - found[..., :-1]).abs()

    assert found.shape == (3, 3, 64, 64)
    assert found.min() >= -1e-6 and found.max() <= 1 + 1e-6
    assert steps.mean() < 0.1
    assert found.std(dim=(2, 3)).mean() > 0.1


def test_are_always_the_same_and_each_another() -> None:
    assert pixels(2).equal(pixels(2))
    assert not pixels(2)[0].allclose(pixels(2)[1], atol=0.1)
