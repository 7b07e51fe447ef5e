"""Training with recomputed blocks is training without them, to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from dfx.data.loading import Batch
from dfx.evaluation.precision import Precision
from dfx.models.network import create_module, freeze_backbone
from dfx.models.recompute import find_blocks, set_recomputed
from dfx.training.loop import train_step
from dfx.training.state import TrainingState

from .loop_samples import make_recipe, make_state

SIZE = 32
STEPS = 3
NETWORKS = {
    "test_efficientnet": {"drop_rate": 0.3, "drop_path_rate": 0.3},
    "test_resnet": {"drop_rate": 0.3, "drop_path_rate": 0.3},
    "test_vit": {"drop_rate": 0.3, "drop_path_rate": 0.3},
    "test_convnext": {"drop_rate": 0.3, "drop_path_rate": 0.3},
}


def batches() -> Iterator[Batch]:
    random = torch.Generator().manual_seed(5)
    while True:
        images = torch.randint(0, 256, (3, 3, SIZE, SIZE), dtype=torch.uint8, generator=random)
        yield Batch(images, torch.tensor([0, 1, 1]), torch.arange(3))


def train(name: str, precision: Precision, *, recomputed: float) -> TrainingState:
    """Some steps with a share of the blocks recomputed, then one with a frozen backbone."""
    build = partial(create_module, name, image_size_px=SIZE, **NETWORKS[name])

    def build_recomputed() -> torch.nn.Module:
        module = build().train()
        blocks = len(find_blocks(module))
        assert blocks >= 4
        set_recomputed(module, round(recomputed * blocks))
        return module

    state = make_state(build_recomputed, precision=precision, ema_decay=0.9)
    recipe = make_recipe(precision=precision, clip_grad_norm=1.0, accumulate=2)
    several = batches()
    for step in range(STEPS + 1):
        freeze_backbone(state.module, frozen=step == STEPS)
        group = [next(several), next(several)]
        sizes = [len(batch.labels) for batch in group]
        train_step(state, group, recipe, sizes=sizes)
        state.step += 1
    return state


def tensors(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a saved state by its path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from tensors(item, f"{name}.{key}")
    else:
        yield name, value


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", NETWORKS)
def test_nothing_differs(name: str, precision: Precision) -> None:
    """Losses, weights, buffers, optimiser and average; dropout and stochastic depth are on."""
    plain = dict(tensors(train(name, precision, recomputed=0).dump()))
    for share in (0.5, 1):
        recomputed = dict(tensors(train(name, precision, recomputed=share).dump()))

        assert plain.keys() == recomputed.keys()
        assert [
            key
            for key, value in plain.items()
            if isinstance(value, Tensor)
            and not torch.equal(value.nan_to_num(), recomputed[key].nan_to_num())
        ] == []


def test_the_comparison_would_notice() -> None:
    """Timm's own recomputation moves batch-norm statistics twice a step."""
    ours, timms = (create_module("test_efficientnet", image_size_px=SIZE) for _ in range(2))
    timms.load_state_dict(ours.state_dict())
    set_recomputed(ours, 5)
    timms.set_grad_checkpointing()  # type: ignore[operator]  # timm's protocol
    counted = []
    for module in (ours, timms):
        module(torch.ones(2, 3, SIZE, SIZE)).sum().backward()
        counted.append(int(module.state_dict()["blocks.0.0.bn1.num_batches_tracked"]))

    assert counted == [1, 2]
