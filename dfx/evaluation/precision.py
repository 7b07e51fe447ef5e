"""Number formats of the forward pass: one path for every precision, in training and scoring."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Literal

import torch

Precision = Literal["float32", "bfloat16", "float16"]

_DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


def resolve_precision(wanted: str, device: torch.device) -> Precision:
    """The number format that `auto` stands for on a device.

    bfloat16 on CUDA cards that have it in hardware, float16 on older ones, float32 elsewhere.
    Anything else than `auto` is taken as it is.
    """
    if wanted != "auto":
        return wanted  # type: ignore[return-value]  # the configuration has checked it
    if device.type == "cuda":
        # Emulated bfloat16, which torch offers on older cards, is slower than float32.
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return "bfloat16" if native else "float16"
    return "float32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """The context of a forward pass; for float32 it changes nothing."""
    return torch.autocast(
        device.type,
        dtype=_DTYPES[precision] if precision != "float32" else None,
        enabled=precision != "float32",
    )
