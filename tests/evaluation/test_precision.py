"""What `auto` stands for, and that float32 is left alone."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import torch

from dfx.errors import ConfigError
from dfx.evaluation.precision import autocast, resolve_inference_precision, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("wanted", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("device", [CPU, CUDA])
def test_a_wish_is_taken_as_it_is(wanted: str, device: torch.device) -> None:
    assert resolve_precision(wanted, device) == wanted


def test_auto_on_a_processor_is_float32() -> None:
    assert resolve_precision("auto", CPU) == "float32"
    assert resolve_precision("auto", torch.device("mps")) == "float32"


@pytest.mark.parametrize(("native", "expected"), [(True, "bfloat16"), (False, "float16")])
def test_auto_on_a_card_is_what_it_has_in_hardware(
    native: bool,  # a parameter of the test
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Emulated bfloat16 does not count. Whether there is a card is pretended."""
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or native,
    )

    assert resolve_precision("auto", CUDA) == expected


def test_float32_is_not_autocast() -> None:
    with autocast("float32", CPU):
        assert not torch.is_autocast_enabled("cpu")
    with autocast("bfloat16", CPU):
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16


def test_prediction_takes_what_this_processor_has_in_hardware() -> None:
    """By the flags that the system reads from the processor itself."""
    listed = Path("/proc/cpuinfo")
    if platform.machine() != "x86_64" or not listed.exists():
        pytest.skip("where to look is known of Linux on x86-64 alone")
    has_it = {"avx512_bf16", "amx_bf16"} & set(listed.read_text().split())

    assert resolve_inference_precision("auto", CPU) == ("bfloat16" if has_it else "float32")


@pytest.mark.parametrize("machine", ["arm64", "x86_64"])
def test_prediction_is_float32_where_torch_has_no_onednn(
    machine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Apple's processors, where asking it raises. Which processor it is, is pretended."""
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)

    assert resolve_inference_precision("auto", CPU) == "float32"


def test_prediction_may_be_told() -> None:
    assert resolve_inference_precision("float32", CPU) == "float32"
    with pytest.raises(ConfigError, match="'half'; expected auto, float32, bfloat16, float16"):
        resolve_inference_precision("half", CPU)
