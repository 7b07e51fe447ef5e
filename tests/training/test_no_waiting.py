"""Nothing in a training step waits for the device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from dfx.data.loading import Batch
from dfx.evaluation.precision import Precision
from dfx.models.network import create_module
from dfx.models.recompute import set_recomputed
from dfx.training.loop import train_step
from dfx.training.state import TrainingState

from .loop_samples import make_recipe, make_state

WAITING = {
    "_local_scalar_dense",  # item(), float(), bool() and whatever else reads a value
    "nonzero",  # and with it indexing by a mask: the size of the result is read
    "masked_select",
    "equal",
    "_unique2",
    "unique_dim",
    "unique_consecutive",
}
"""Operations that read from the device, on whatever device."""


class Reads(TorchDispatchMode):
    """Collects the operations that would wait, and how many there were of all."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.count = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name = func.overloadpacket.__name__  # type: ignore[attr-defined]
        self.count += 1
        if name in WAITING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def step(state: TrainingState, precision: Precision) -> Reads:
    recipe = make_recipe(
        precision=precision,
        clip_grad_norm=1.0,
        label_smoothing=0.1,
        class_weights=(0.5, 1.5),
        accumulate=2,
    )
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    batch = Batch(images, torch.tensor([0, 1, 1, 0]), torch.arange(4))
    train_step(state, [batch, batch], recipe, sizes=[4, 4])  # what is made once is made
    state.step += 1
    with Reads() as reads:
        train_step(state, [batch, batch], recipe, sizes=[4, 4])
    return reads


def build() -> nn.Module:
    module = create_module("test_efficientnet", image_size_px=32, drop_rate=0.2, drop_path_rate=0.2)
    set_recomputed(module, 2)
    return module.train()


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_step_reads_nothing(precision: Precision) -> None:
    """Everything is on: clipping, average, class weights, smoothing, accumulating, recomputing."""
    reads = step(make_state(build, precision=precision, ema_decay=0.9), precision)

    assert reads.found == []
    assert reads.count > 500


def test_the_watch_would_notice() -> None:
    """An optimiser that is not fused asks the scaler's verdict of the device."""
    state = make_state(build, precision="float16")
    for group in state.optimizer.param_groups:
        group["fused"] = None
    state.optimizer._step_supports_amp_scaling = False  # type: ignore[attr-defined]

    assert "_local_scalar_dense" in step(state, "float16").found


@pytest.mark.parametrize("finite", [True, False])
def test_a_fused_step_skips_what_is_not_finite(finite: bool) -> None:
    """Weights, moments and the count of steps stay; the scale comes down."""
    state = make_state(precision="float16")
    step(state, "float16")
    before = {key: tensor.clone() for key, tensor in state.module.state_dict().items()}
    counts = [int(s["step"]) for s in state.optimizer.state.values()]
    for weight in state.module.parameters():
        weight.grad = torch.full_like(weight, 1.0 if finite else torch.inf)
    scale = state.scaler.get_scale()
    state.scaler.step(state.optimizer)
    state.scaler.update()

    assert state.optimizer.defaults["fused"] is True
    changed = [not tensor.equal(before[key]) for key, tensor in state.module.state_dict().items()]
    assert any(changed) == finite
    assert [int(s["step"]) - 1 for s in state.optimizer.state.values()] == counts or not finite
    assert [int(s["step"]) for s in state.optimizer.state.values()] == counts or finite
    assert (state.scaler.get_scale() < scale) == (not finite)
