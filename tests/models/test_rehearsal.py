"""A rehearsed step leaves no trace."""

from __future__ import annotations

import contextlib

import pytest
import torch

from dfx.models.network import create_module, freeze_backbone, last_layer
from dfx.models.rehearsal import rehearse, try_gradients

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("fails", [False, True])
def test_everything_is_as_before(fails: bool) -> None:
    """Weights, statistics, modes, what is trained, gradients, randomness; an error or none."""
    module = create_module("test_efficientnet", image_size_px=32, drop_rate=0.5)
    freeze_backbone(module, frozen=True)
    before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    buffers = dict(module.named_buffers())
    random = torch.get_rng_state()
    with contextlib.suppress(ZeroDivisionError), rehearse(module):
        assert all(part.training for part in module.modules())
        assert all(weight.requires_grad for weight in module.parameters())
        try_gradients(module, module(IMAGES).sum())
        assert not module.state_dict()["bn1.running_mean"].equal(before["bn1.running_mean"])
        assert not torch.get_rng_state().equal(random)
        _ = 1 / (not fails)

    assert all(tensor.equal(before[key]) for key, tensor in module.state_dict().items())
    assert all(buffer is buffers[key] for key, buffer in module.named_buffers())
    assert torch.get_rng_state().equal(random)
    assert all(weight.grad is None for weight in module.parameters())
    head = set(last_layer(module).modules())
    assert {part for part in module.modules() if part.training} == head
    assert sum(weight.requires_grad for weight in module.parameters()) == 2
