"""Computing with a network as in training, to find something out, and leaving no trace in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def rehearse(module: nn.Module) -> Iterator[None]:
    """Trains everything meanwhile; buffers, modes and the state of randomness are as before after.

    Gradients are the caller's matter: `try_gradients` leaves none.
    """
    modes = [(part, part.training) for part in module.modules()]
    trained = [(weight, weight.requires_grad) for weight in module.parameters()]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    cards = sorted({weight.device.index for weight, _ in trained if weight.device.type == "cuda"})
    with torch.random.fork_rng(devices=cards):
        try:
            module.train().requires_grad_()
            yield
        finally:
            for part, mode in modes:
                part.training = mode
            for weight, was_trained in trained:
                weight.requires_grad_(was_trained)
            with torch.no_grad():
                for buffer, before in buffers:
                    buffer.copy_(before)


def try_gradients(module: nn.Module, loss: Tensor) -> None:
    """Goes through the backward pass and keeps nothing of it."""
    torch.autograd.grad(loss, list(module.parameters()), allow_unused=True)
