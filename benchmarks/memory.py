"""What a training step needs in memory, as dfx counts it, and what a processor really allocates.

Counts the network's step at its real size; reckons batches, and cards, from it; and holds that
against torch's own record of every allocation in a real step. The allocations of a processor's
kernels for themselves are among those, so the end of the forward pass is given too, where there
are none.

    python benchmarks/memory.py --arch efficientnet_b4 --image-size 380 --precision bfloat16
"""

from __future__ import annotations

import argparse
import platform

import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from dfx.evaluation.inference import forward
from dfx.models.memory import StepMemory, count_step
from dfx.models.network import create_module
from dfx.models.recompute import find_blocks, set_recomputed
from dfx.records import Preprocessing

GIB, MIB = 2**30, 2**20


def main() -> None:
    """Prints the count, the reckoning for some cards, and the allocations of real steps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="efficientnet_b4")
    parser.add_argument("--image-size", type=int, default=380)
    parser.add_argument("--precision", default="bfloat16")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--images", type=int, default=2, help="of the real steps")
    options = parser.parse_args()
    size = options.image_size
    module = create_module(options.arch, image_size_px=size).train()
    module.to(memory_format=torch.channels_last)

    def loss_of(images: int) -> Tensor:
        pixels = torch.zeros(images, 3, size, size, dtype=torch.uint8)
        logits = forward(
            module, pixels, preprocessing=Preprocessing(size), precision=options.precision
        )
        return cross_entropy(logits, torch.arange(images) % 2)

    print(f"Python {platform.python_version()}, torch {torch.__version__}, timm {timm.__version__}")
    print(f"{options.arch}, {size} px, {options.precision}")
    memory = count_step(module, loss_of, averaged=False)
    shares = _shares(module, size)
    _print_cards(memory, shares, options.batch_size)
    for blocks in sorted({0, 1, 3, memory.blocks // 4, memory.blocks}):
        set_recomputed(module, blocks)
        _print_step(module, memory, loss_of, options.images, blocks)


def _shares(module: nn.Module, size: int) -> list[float]:
    """The share of each block in the operations of a forward pass."""
    blocks = find_blocks(module)
    names = {part: name for name, part in module.named_modules()}
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(1, 3, size, size))
    module.train()
    root = type(module).__name__
    counts = counter.get_flop_counts()
    return [
        sum(counts[f"{root}.{names[block]}"].values()) / counter.get_total_flops()
        for block in blocks
    ]


def _print_cards(memory: StepMemory, shares: list[float], images: int) -> None:
    print(f"fixed {memory.fixed_bytes / MIB:.0f} MiB; per image, no block recomputed")
    activations = images * memory.kept_bytes[0]
    print(f"{memory.kept_bytes[0] / MIB:.1f} MiB; {images} images {activations / 1e9:.2f} GB")
    print(f"{'free':>9} {'blocks':>7} {'needed':>10} {'extra forward work':>19} {'largest':>8}")
    for free in (24.0, 16.0, 12.0, 11.0, 10.0, 8.0, 6.0, 4.0):
        blocks = memory.fewest_blocks(images, int(free * GIB))
        needed = memory.needed_bytes(images, blocks) / GIB
        print(
            f"{free:5.1f} GiB {blocks:4}/{memory.blocks} {needed:6.2f} GiB"
            f" {sum(shares[:blocks]):18.1%} {memory.largest_batch(int(free * GIB)):8}"
        )


def _print_step(
    module: nn.Module, memory: StepMemory, loss_of: object, images: int, blocks: int
) -> None:
    weights = sum(weight.nbytes for weight in module.parameters())
    for weight in module.parameters():
        weight.grad = torch.zeros_like(weight)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        loss = loss_of(images)  # type: ignore[operator]
        with record_function("backward"):
            loss.backward()
    events = sorted(profiler.profiler.kineto_results.events(), key=lambda e: e.start_ns())
    allocated = most = 0
    at_end = None
    for event in events:
        if event.name() == "backward" and at_end is None:
            at_end = allocated
        if event.name() == "[memory]":
            allocated += event.nbytes()
            most = max(most, allocated)
    constant = memory.fixed_bytes - 4 * weights
    kept = constant + images * memory.kept_bytes[blocks]
    worst = constant + images * memory.image_bytes(blocks)
    print(
        f"{blocks:3} recomputed, {images} images: {at_end / MIB:7.1f} MiB allocated after the"
        f" forward pass, {kept / MIB:7.1f} counted; {most / MIB:7.1f} at the worst moment,"
        f" {worst / MIB:7.1f} reckoned"
    )


if __name__ == "__main__":
    main()
