"""Pictures to try a network on, where what it says of them is compared and not believed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from dfx.records import Preprocessing

_PATCHES = 6
_GRAIN = 3 / 255


def draw_pictures(count: int, preprocessing: Preprocessing) -> Tensor:
    """Soft pictures with some grain, always the same ones.

    Not noise alone: of that, networks trained on photographs have logits in the thousands, of which
    rounding in float32 makes whole numbers.

    Args:
        count: How many.
        preprocessing: Their size, and how they are normalised.

    Returns:
        float32 [count, 3, h, w], normalised.
    """
    size = preprocessing.image_size_px
    mean, std = (
        torch.tensor(values).view(3, 1, 1) for values in (preprocessing.mean, preprocessing.std)
    )
    generator = torch.Generator().manual_seed(0)
    patches = torch.rand(count, 3, _PATCHES, _PATCHES, generator=generator)
    soft = interpolate(patches, size=(size, size), mode="bicubic")
    grain = torch.randn(soft.shape, generator=generator) * _GRAIN
    return ((soft + grain).clamp(0, 1) - mean) / std
