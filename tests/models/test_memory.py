"""Counting what a step keeps, against hand and against what tensors there really are."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dfx.models.memory import StepMemory, count_step
from dfx.models.network import create_module
from dfx.models.recompute import set_recomputed

GIB = 2**30
SMALL = StepMemory(
    fixed_bytes=GIB // 2,
    kept_bytes=(GIB // 4, GIB // 8, GIB // 16, GIB // 32),
    working_bytes=(GIB // 32, GIB // 10, GIB // 32),
)
"""Three blocks, the second of which needs more while it is recomputed than the rest together."""


class TestNumbers:
    def test_an_image_needs_what_the_worst_moment_needs(self) -> None:
        """The end of the forward pass, or the recomputation of a block."""
        assert [SMALL.image_bytes(count) for count in range(4)] == [
            GIB // 4,
            GIB // 8,
            GIB // 10,
            GIB // 10,
        ]

    def test_the_allowance_is_half_a_gibibyte_and_a_tenth(self) -> None:
        assert SMALL.needed_bytes(10, 0) == pytest.approx(GIB * (0.5 + 1.1 * (0.5 + 10 / 4)))
        assert SMALL.needed_bytes(10, 1) == pytest.approx(GIB * (0.5 + 1.1 * (0.5 + 10 / 8)))

    @pytest.mark.parametrize(
        ("gibibytes", "blocks"),
        [(3.81, 0), (3.79, 1), (2.43, 1), (2.42, 2), (2.16, 2), (1.0, 2)],
    )
    def test_recomputes_as_little_as_will_do(self, gibibytes: float, blocks: int) -> None:
        """Also where nothing will."""
        assert SMALL.fewest_blocks(10, int(gibibytes * GIB)) == blocks

    @pytest.mark.parametrize("gibibytes", [0.5, 1.0, 1.1, 1.2, 2.0, 8.0, 80.0])
    def test_the_largest_batch_fits_and_one_more_does_not(self, gibibytes: float) -> None:
        available = int(gibibytes * GIB)
        largest = SMALL.largest_batch(available)

        assert largest == 0 or SMALL.needed_bytes(largest, 3) <= available
        assert SMALL.needed_bytes(largest + 1, 3) > available

    def test_where_recomputing_needs_more_than_it_saves(self) -> None:
        memory = StepMemory(GIB, (GIB, GIB // 2), (2 * GIB,))

        assert memory.fewest_blocks(8, 3 * GIB) == 0
        assert memory.largest_batch(9 * GIB) == 6

    def test_a_network_without_blocks(self) -> None:
        memory = StepMemory(GIB, (GIB,), ())

        assert memory.fewest_blocks(1, 3 * GIB) == 0
        assert memory.fewest_blocks(9, 3 * GIB) == 0
        assert memory.largest_batch(9 * GIB) == 6


class Two(nn.Module):
    """Two convolutions with a ReLU between; the first as a block of its own, to timm's protocol."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()))
        self.head = nn.Conv2d(4, 2, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        made: Tensor = self.head(self.blocks(images)).mean((2, 3))
        return made

    def group_matcher(self, coarse: bool) -> dict[str, Any]:
        return {"blocks": r"^blocks\.(\d+)"}


def test_two_convolutions_by_hand() -> None:
    """Kept are the images, the ReLU's result, which both it and the head want, and no weights."""
    module, size = Two(), 10
    memory = count_step(
        module, lambda count: module(torch.ones(count, 3, size, size)).sum(), averaged=False
    )
    image, made = 3 * size * size * 4, 4 * size * size * 4
    weights = 4 * (3 * 4 * 9 + 4 + 4 * 2 * 9 + 2)

    assert memory == StepMemory(
        fixed_bytes=4 * weights,
        # Recomputed or not, the images and the head's input are there at the end.
        kept_bytes=(image + made, image + made),
        # And two gradients of the size of the largest while the block is worked on.
        working_bytes=(image + made + 2 * made,),
    )


def test_the_moving_average_is_counted() -> None:
    module = Two()
    without, averaged = (
        count_step(module, lambda count: module(torch.ones(count, 3, 8, 8)).sum(), averaged=on)
        for on in (False, True)
    )
    weights = sum(weight.nbytes for weight in module.parameters())

    assert averaged.fixed_bytes - without.fixed_bytes == weights


class Live(TorchDispatchMode):
    """Watches which tensors there are, other than by what is saved: `peak` is their most bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self.peak = 0

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return made

    def _note(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self._bytes += storage.nbytes()
            self.peak = max(self.peak, self._bytes)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._bytes -= self._sizes.pop(key)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_vit", "test_convnext"])
def test_what_is_reckoned_is_what_there_is(name: str) -> None:
    """The tensors alive at the worst moment of a step, for every number of blocks.

    It may be reckoned too high where the worst moment is the recomputation of a block, but hardly
    ever too low.
    """
    size = 64
    module = create_module(name, image_size_px=size).train()

    def loss_of(images: int) -> Tensor:
        logits: Tensor = module(torch.ones(images, 3, size, size))
        return logits.square().sum()

    memory = count_step(module, loss_of, averaged=False)
    for blocks in range(memory.blocks + 1):
        set_recomputed(module, blocks)
        peaks = []
        for count in (4, 12):
            with Live() as live:
                loss_of(count).backward()
            peaks.append(live.peak)
        # What does not grow with the images, such as a weight's gradient, is not looked at here.
        found = (peaks[1] - peaks[0]) / 8

        assert 0.65 < found / memory.image_bytes(blocks) < 1.08, blocks
