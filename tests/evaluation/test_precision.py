"""What `auto` stands for, and that float32 is left alone."""

from __future__ import annotations

import pytest
import torch

from dfx.evaluation.precision import autocast, resolve_precision

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
