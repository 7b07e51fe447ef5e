"""Recomputing blocks in the backward pass instead of keeping what they made, with the same results.

How many blocks a card needs recomputed is `dfx.models.memory`'s matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from types import MethodType, TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten
from torch.utils.checkpoint import checkpoint


def find_blocks(module: nn.Module) -> list[nn.Module]:
    """The repeated parts a network is made of, in order; none where timm does not name them.

    timm says by patterns how parameters are grouped into layers; the modules that a pattern names
    in full are the blocks, such as `blocks.0.1` or `layer2.0`.
    """
    patterns = list(_block_patterns(module))
    found: list[tuple[str, nn.Module]] = []
    for name, part in module.named_modules():
        is_inside = any(name.startswith(outer + ".") for outer, _ in found)
        is_block = any(pattern.fullmatch(name) for pattern in patterns)
        if is_block and not is_inside and _is_composed(part):
            found.append((name, part))
    return [part for _, part in found]


def _block_patterns(module: nn.Module) -> Iterator[re.Pattern[str]]:
    if not hasattr(module, "group_matcher"):
        return
    matcher = module.group_matcher(coarse=False)  # type: ignore[operator]  # timm's protocol
    if not isinstance(matcher, dict):
        return
    for specification in matcher.values():
        entries = specification if isinstance(specification, list) else [(specification, None)]
        for text, number in entries:
            # With a number of its own it is what stands between blocks, or after them.
            if number is None and re.compile(text).groups:
                yield re.compile(text)


def _is_composed(part: nn.Module) -> bool:
    """Whether it computes something by parts; of a single layer the input is all that it keeps."""
    is_container = isinstance(part, nn.ModuleList | nn.ModuleDict)
    return not is_container and any(True for _ in part.children())


def set_recomputed(module: nn.Module, count: int) -> None:
    """Lets the first `count` blocks be recomputed in the backward pass, and no others.

    Results are the same to the bit wherever the same operations give the same bits: randomness is
    replayed, and so are the buffers, which keep what the first computation left in them. (timm's
    own `set_grad_checkpointing` moves batch-norm statistics twice.) Names in the state dict,
    copies, evaluation and whatever is frozen are as without it.
    """
    for number, block in enumerate(find_blocks(module)):
        vars(block).pop("forward", None)
        if number < count:
            # A bound method, so that a deep copy of the network calls the copy's block.
            block.forward = MethodType(_forward, block)


def count_recomputed(module: nn.Module) -> int:
    """How many blocks are recomputed."""
    return sum("forward" in vars(block) for block in find_blocks(module))


def _forward(block: nn.Module, *inputs: Any, **options: Any) -> Any:
    plain = partial(type(block).forward, block)
    if not (block.training and torch.is_grad_enabled()):
        return plain(*inputs, **options)
    if torch.compiler.is_compiling():
        # What is compiled changes buffers only once, at its end; the compiler recomputes the rest.
        return checkpoint(plain, *inputs, use_reentrant=False, **options)

    # Lists that are given may be changed later, by the block itself or by whoever gave them.
    given: list[Any] = [(inputs, options)]
    leaves, shape = tree_flatten((inputs, options))

    def compute(*tensors: Any) -> Any:
        again, named = given.pop() if given else tree_unflatten(list(tensors), shape)
        return plain(*again, **named)

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), _Replay(block)

    return checkpoint(compute, *leaves, use_reentrant=False, context_fn=contexts)


class _Replay(AbstractContextManager[None]):
    """Gives a block the buffers it had when this was made, and takes them away again.

    Args:
        block: What is about to be computed for the first time.
    """

    def __init__(self, block: nn.Module) -> None:
        self._before = [
            (part, name, buffer.clone())
            for part in block.modules()
            for name, buffer in part.named_buffers(recurse=False)
        ]
        self._now: list[tuple[nn.Module, str, Tensor]] = []

    def __enter__(self) -> None:
        for part, name, buffer in self._before:
            self._now.append((part, name, getattr(part, name)))
            setattr(part, name, buffer)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for part, name, buffer in self._now:
            setattr(part, name, buffer)
        self._now.clear()
