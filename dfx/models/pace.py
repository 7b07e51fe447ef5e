"""What makes a network judge images faster: how many at a time, and no denormal numbers."""

from __future__ import annotations

import torch

_PIXELS = {"float32": 380 * 380, "bfloat16": 4 * 380 * 380, "float16": 4 * 380 * 380}
"""On a processor. What a layer gives must still be in its cache when the next one reads it: at 380
pixels EfficientNet-B4 is fastest one by one in float32, and four by four in half of the bytes. See
`benchmarks/prediction.py`."""

_MOST = 32
_ON_A_CARD = 64
_ON_APPLE = 16


def fastest_batch_size(device: torch.device, precision: str, image_size_px: int) -> int:
    """Images at a time.

    Args:
        device: Where the network runs.
        precision: Number format of the forward pass.
        image_size_px: Height and width of the network's input.
    """
    if device.type == "cuda":
        return _ON_A_CARD
    if device.type == "mps":
        return _ON_APPLE
    return min(_MOST, max(1, _PIXELS[precision] // image_size_px**2))


def flush_denormals() -> None:
    """Has this process take numbers below 1e-38 for 0 from now on.

    The SiLU of large negative numbers passes through such, for which a processor takes many times
    as long. Threads inherit it as they start, so it belongs before the first computation.
    """
    torch.set_flush_denormal(True)
