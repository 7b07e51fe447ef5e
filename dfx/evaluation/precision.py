"""Number formats of the forward pass: one path for every precision, in training and scoring."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from typing import Literal

import torch

from dfx.errors import ConfigError

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


def resolve_inference_precision(wanted: str, device: torch.device) -> Precision:
    """The number format of prediction, which may be rougher than that of training.

    As `resolve_precision`, but `auto` is bfloat16 on a processor that has it in hardware too.

    Raises:
        ConfigError: For a format that is not known.
    """
    if wanted not in ("auto", *_DTYPES):
        raise ConfigError(
            f"the precision is {wanted!r}; expected auto, {', '.join(_DTYPES)}",
            hint="leave it at auto to take the fastest that the device has in hardware",
        )
    if wanted == "auto" and device.type == "cpu" and _has_bfloat16():
        return "bfloat16"
    return resolve_precision(wanted, device)


def _has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 itself: emulated, it is slower than float32."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]  # torch's
        return False  # without oneDNN nothing multiplies it, and there is nobody to ask: Apple's
    if platform.machine() in {"aarch64", "arm64"}:
        # There oneDNN asks for the instructions; on x86-64 it takes emulation for enough.
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001  # no public way
    cpu = torch.cpu
    return bool(cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported())  # noqa: SLF001  # as above


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[None]:
    """The context of a forward pass; for float32 it changes nothing."""
    return torch.autocast(
        device.type,
        dtype=_DTYPES[precision] if precision != "float32" else None,
        enabled=precision != "float32",
    )
