"""How much memory training needs: counted on a small step, then reckoned for any batch.

And how torch says that there is not so much.

What is done about it is `dfx.services.memory`'s matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.utils._pytree import tree_leaves

from dfx.models.recompute import find_blocks
from dfx.models.rehearsal import rehearse

_RESERVE_BYTES = 512 * 2**20
"""For what no tensor shows: cuDNN's and cuBLAS's workspaces, and kernels as they are loaded."""

_SLACK = 0.1
"""For the reckoning, which is up to 8 % short where tensors were watched on a processor, and for
CUDA's allocator, which rounds large blocks up to 2 MiB and leaves gaps. Both allowances are chosen,
not measured on a card."""

_COUNTED_IMAGES = 2

_OUT_OF_MEMORY = (
    "can't allocate memory",  # the processor's allocator
    "not enough memory",  # the same on other systems
    "out of memory",
    "bad_alloc",
    "ALLOC_FAILED",  # cuBLAS and cuDNN
)


@dataclass(frozen=True, slots=True)
class StepMemory:
    """What training needs, by number of images at a time and of recomputed blocks.

    Attributes:
        fixed_bytes: Whatever the batch: weights and all that there is of their size.
        kept_bytes: Per image, with no block recomputed, with the first, and so on to all: what is
            kept from the forward pass for the backward pass.
        working_bytes: Per image and block: what there is while it is recomputed.
    """

    fixed_bytes: int
    kept_bytes: tuple[int, ...]
    working_bytes: tuple[int, ...]

    @property
    def blocks(self) -> int:
        """How many blocks could be recomputed."""
        return len(self.working_bytes)

    def image_bytes(self, recomputed: int) -> int:
        """What an image needs at the worst moment of a step."""
        return max(self.kept_bytes[recomputed], *self.working_bytes[:recomputed], 0)

    def needed_bytes(self, images: int, recomputed: int) -> int:
        """What training needs, the allowance included."""
        counted = self.fixed_bytes + images * self.image_bytes(recomputed)
        return _RESERVE_BYTES + round(counted * (1 + _SLACK))

    def fewest_blocks(self, images: int, available_bytes: int) -> int:
        """How few blocks can be recomputed for a batch to fit; where nothing is enough, the best.

        The best is what needs least: some networks need more for recomputing a block than the
        block keeps.
        """
        counts = range(self.blocks + 1)
        fits = (n for n in counts if self.needed_bytes(images, n) <= available_bytes)
        return next(fits, min(counts, key=self.image_bytes))

    def largest_batch(self, available_bytes: int) -> int:
        """The most images at a time that fit, whatever is recomputed; 0 where not even one does."""
        left = (available_bytes - _RESERVE_BYTES) / (1 + _SLACK) - self.fixed_bytes
        least = min(map(self.image_bytes, range(self.blocks + 1)))
        return max(0, int(left // least))


@dataclass(frozen=True, slots=True)
class _Storage:
    """Memory that is kept for the backward pass.

    Attributes:
        key: Of which memory.
        size: Bytes.
        block: Which block keeps it; None for what is outside of all blocks.
    """

    key: int
    size: int
    block: int | None


class _Watch:
    """Notes what the forward pass of a network keeps, in order, and what its blocks are given."""

    def __init__(self, module: nn.Module) -> None:
        self._blocks = find_blocks(module)
        self._known = {_key(tensor) for tensor in (*module.parameters(), *module.buffers())}
        self._current: int | None = None
        self._alive: list[Tensor] = []  # so that no memory is used, and counted, twice
        self.kept: list[_Storage] = []
        self.begins = [0] * len(self._blocks)
        self.inputs: list[list[_Storage]] = [[] for _ in self._blocks]

    @contextmanager
    def watching(self) -> Iterator[None]:
        with ExitStack() as stack:
            for number, block in enumerate(self._blocks):

                def enter(
                    _block: object, inputs: object, options: object, at: int = number
                ) -> None:
                    self._current = at
                    self.begins[at] = len(self.kept)
                    tensors = [x for x in tree_leaves((inputs, options)) if isinstance(x, Tensor)]
                    self.inputs[at] = [self._note(x, None) for x in tensors]

                def leave(*_: object) -> None:
                    self._current = None

                stack.callback(block.register_forward_pre_hook(enter, with_kwargs=True).remove)
                stack.callback(block.register_forward_hook(leave).remove)
            stack.enter_context(saved_tensors_hooks(self._pack, lambda tensor: tensor))
            yield

    def _pack(self, tensor: Tensor) -> Tensor:
        if _key(tensor) not in self._known:
            self.kept.append(self._note(tensor, self._current))
        return tensor

    def _note(self, tensor: Tensor, block: int | None) -> _Storage:
        self._alive.append(tensor.detach())
        return _Storage(_key(tensor), tensor.untyped_storage().nbytes(), block)

    def kept_bytes(self) -> list[int]:
        return [
            _total(
                [s for s in self.kept if s.block is None or s.block >= count],
                *self.inputs[:count],
            )
            for count in range(len(self._blocks) + 1)
        ]

    def working_bytes(self) -> list[int]:
        result = []
        for number, begin in enumerate(self.begins):
            own = [s for s in self.kept if s.block == number]
            before = [s for s in self.kept[:begin] if s.block is None]
            # The gradients of what a layer takes and gives are there at the same time.
            gradients = 2 * max((s.size for s in own), default=0)
            result.append(_total(own, before, *self.inputs[: number + 1]) + gradients)
        return result


def _key(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _total(*groups: Iterable[_Storage]) -> int:
    return sum({s.key: s.size for group in groups for s in group}.values())


def count_step(
    module: nn.Module, loss_of: Callable[[int], Tensor], *, averaged: bool
) -> StepMemory:
    """Counts what steps of a few images keep, and leaves no trace in the network.

    Args:
        module: On its device.
        loss_of: The loss of so many images, computed by the network.
        averaged: Whether there is a moving average of the weights.
    """
    watches = []
    with rehearse(module):
        for images in (_COUNTED_IMAGES, _COUNTED_IMAGES + 1):
            watch = _Watch(module)
            with watch.watching():
                loss_of(images)
            watches.append((watch.kept_bytes(), watch.working_bytes()))
            del watch
    (kept, working), (more_kept, more_working) = watches
    kept_bytes = tuple(more - less for less, more in zip(kept, more_kept, strict=True))
    # What does not grow with the images, such as the weights' copies in half precision.
    constant = kept[0] - _COUNTED_IMAGES * kept_bytes[0]
    return StepMemory(
        fixed_bytes=constant + _weights_bytes(module, averaged=averaged),
        kept_bytes=kept_bytes,
        working_bytes=tuple(more - less for less, more in zip(working, more_working, strict=True)),
    )


def _weights_bytes(module: nn.Module, *, averaged: bool) -> int:
    """Weights, gradients, AdamW's two moments and the moving average, with the buffers."""
    weights = sum(weight.nbytes for weight in module.parameters())
    buffers = sum(buffer.nbytes for buffer in module.buffers())
    return weights * (4 + averaged) + buffers * (1 + averaged)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether it says that memory could not be had; torch has several words for it."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)
