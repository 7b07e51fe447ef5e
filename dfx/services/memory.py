"""Fitting a run into its card: what it needs is said at start, and blocks are recomputed for it."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dfx.config import ExperimentConfig
from dfx.errors import ConfigError, TrainingFailed
from dfx.evaluation.inference import forward
from dfx.messages import Notice
from dfx.models.device import available_bytes
from dfx.models.memory import StepMemory, count_step, is_out_of_memory
from dfx.models.recompute import find_blocks, set_recomputed
from dfx.models.rehearsal import rehearse, try_gradients
from dfx.models.weights import first_line
from dfx.records import Preprocessing
from dfx.services.machine import Machine


def settle_memory(
    machine: Machine,
    module: nn.Module,
    notify: Callable[[Notice], None],
    *,
    images: int,
    available: int | None,
) -> Machine:
    """Decides how many blocks of the network are recomputed, and has them recomputed.

    Args:
        machine: Where.
        module: The network; it is moved to the device.
        notify: Told what is needed, what there is, and what follows from it.
        images: At a time, by this process.
        available: Bytes for all of training. None where that is not known: nothing is counted
            then, since it would take time for nothing, and `auto` recomputes nothing.

    Returns:
        The machine with nothing left open.

    Raises:
        ConfigError: Where the network cannot recompute what it is told to.
        TrainingFailed: Where not even two images fit.
    """
    config = machine.config
    blocks = len(find_blocks(module))
    count = _wanted_blocks(config, blocks)
    memory = None
    with explained(machine), _without_search():
        module.to(machine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        if available is not None:
            memory = _count(machine, module)
            if count is None:
                count = memory.fewest_blocks(images, available)
        count = _set_checked(machine, module, count or 0, notify)
    if memory and available is not None:
        notify(_state(memory, config, images=images, available=available, count=count))
    settled = count if 0 < count < blocks else count > 0
    config = config.replace({"model.grad_checkpointing": settled})
    return replace(machine, config=config, memory=memory, images=images)


def blank_loss(machine: Machine, module: nn.Module, images: int) -> Tensor:
    """The loss of some images without content, computed as in training."""
    size = machine.config.data.image_size
    pixels = torch.zeros(images, 3, size, size, dtype=torch.uint8, device=machine.device)
    logits = forward(module, pixels, preprocessing=Preprocessing(size), precision=machine.precision)
    return cross_entropy(logits, torch.arange(images, device=machine.device) % 2)


def _wanted_blocks(config: ExperimentConfig, blocks: int) -> int | None:
    """How many blocks the configuration names; None where it leaves that open.

    Raises:
        ConfigError: Where there are not so many.
    """
    wanted, name = config.model.grad_checkpointing, config.model.name
    if wanted == "auto":
        return None
    if wanted and not blocks:
        raise ConfigError(
            f"model.grad_checkpointing is {str(wanted).lower()}, but {name} cannot recompute its"
            " activations: timm names no blocks of it",
            hint="leave it off: --set model.grad_checkpointing=false",
        )
    if wanted is True:
        return blocks
    if int(wanted) > blocks:
        raise ConfigError(
            f"model.grad_checkpointing is {wanted}, but {name} has {blocks} blocks",
            hint="true recomputes all of them: --set model.grad_checkpointing=true",
        )
    return int(wanted)


def _count(machine: Machine, module: nn.Module) -> StepMemory:
    set_recomputed(module, 0)
    memory = count_step(
        module,
        lambda images: blank_loss(machine, module, images),
        averaged=machine.config.train.ema > 0,
    )
    if machine.device.type == "cuda":
        # Blocks of a few images' size would only be in the way of the real ones.
        torch.cuda.empty_cache()
    return memory


def _set_checked(
    machine: Machine, module: nn.Module, count: int, notify: Callable[[Notice], None]
) -> int:
    """Has blocks recomputed, or, where `auto` chose to and the network cannot, none.

    Only a backward pass tells: a network may, for one, write over what a block was given.
    """
    set_recomputed(module, count)
    if not count:
        return 0
    try:
        with rehearse(module):
            try_gradients(module, blank_loss(machine, module, 2))
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        config = machine.config
        reason = f"{config.model.name} cannot recompute its activations: {first_line(error)}"
        wanted = config.model.grad_checkpointing
        if wanted != "auto":
            raise ConfigError(
                f"model.grad_checkpointing is {str(wanted).lower()}, but {reason}",
                hint="leave it off: --set model.grad_checkpointing=false",
            ) from None
        notify(Notice(reason, "warning"))
        set_recomputed(module, 0)
        return 0
    return count


def _state(
    memory: StepMemory, config: ExperimentConfig, *, images: int, available: int, count: int
) -> Notice:
    """What is needed, what there is, and what follows from it."""
    is_auto = config.model.grad_checkpointing == "auto"
    needed = memory.needed_bytes(images, count)
    free = f"{_gib(available)} free"
    of_blocks = (
        f"all {count} blocks" if count == memory.blocks else f"{count} of {memory.blocks} blocks"
    )
    if needed <= available:
        if not count:
            return Notice(f"memory: about {_gib(needed)} needed, {free}")
        if not is_auto:
            return Notice(f"memory: about {_gib(needed)} needed, {of_blocks} recomputed, {free}")
        return Notice(
            f"memory: about {_gib(memory.needed_bytes(images, 0))} needed, {free}, so the"
            f" activations of {of_blocks} are recomputed (same results, some time): about"
            f" {_gib(needed)} needed"
        )
    even = f", even with {of_blocks} recomputed" if count else ""
    ways = []
    best = memory.fewest_blocks(images, available)
    if not is_auto and memory.needed_bytes(images, best) < needed:
        ways.append("--set model.grad_checkpointing=auto, with the same results")
    ways.append(_smaller_batches(config, images, memory.largest_batch(available)))
    return Notice(
        f"memory: about {_gib(needed)} needed{even}, but {free}; if it does not fit:"
        f" {'; or '.join(ways)}",
        "warning",
    )


@contextmanager
def _without_search() -> Iterator[None]:
    """Lets cuDNN take the first algorithm that will do: these few images come only once."""
    before = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before


@contextmanager
def explained(machine: Machine) -> Iterator[None]:
    """Raises what is said of running out of memory in its place.

    Raises:
        TrainingFailed: As `find_memory_failure` gives it.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        failure = find_memory_failure(error, machine)
        if failure is None:
            raise
        raise failure from error


def find_memory_failure(
    error: BaseException, machine: Machine, resume: str | None = None
) -> TrainingFailed | None:
    """What to say of an error that is for want of memory; None of any other.

    Args:
        error: What was raised.
        machine: Where.
        resume: The command that continues the run, if there is one.
    """
    if not is_out_of_memory(error):
        return None
    config, memory = machine.config, machine.memory
    ways = []
    recomputed = config.model.grad_checkpointing
    if resume and recomputed is not True and (memory is None or memory.blocks):
        ways.append(
            f"recompute activations, with the same results:"
            f" {resume} --set model.grad_checkpointing=true"
        )
    free = available_bytes(machine.device)
    largest = memory.largest_batch(free) if memory and free is not None else None
    images = machine.images or config.data.batch_size
    ways.append("start a new run: " + _smaller_batches(config, images, largest))
    return TrainingFailed(
        f"out of memory on {machine.device} ({_describe_use(machine.device)}) with batches of"
        f" {config.data.batch_size} at {config.data.image_size} pixels in {machine.precision}",
        hint="; or ".join(ways),
    )


def _smaller_batches(config: ExperimentConfig, images: int, largest: int | None) -> str:
    """The settings with as many images per step, but fewer at a time.

    Args:
        config: Whose batches do not fit.
        images: How many of them this process has at a time.
        largest: The most that would fit, blocks recomputed; None where that is not known.
    """
    if largest == 0:
        return "smaller images or another network, since not even one of these would fit"
    is_known = largest is not None and largest < images
    parts = -(-images // largest) if largest and is_known else 2
    settings = (
        f"--batch-size {-(-config.data.batch_size // parts)}"
        f" --set train.accumulate={parts * config.train.accumulate}"
    )
    if is_known:
        settings += f" (at most {largest} at a time fit, with activations recomputed)"
    return settings


def _describe_use(device: torch.device) -> str:
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        allocated = torch.cuda.max_memory_allocated(device)
        reserved = torch.cuda.max_memory_reserved(device)
        return f"{_gib(allocated)} allocated and {_gib(reserved)} reserved of {_gib(total)}"
    if device.type == "mps":
        allocated, total = torch.mps.driver_allocated_memory(), torch.mps.recommended_max_memory()
        return f"{_gib(allocated)} allocated of {_gib(total)}"
    unit = 1 if sys.platform == "darwin" else 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{_gib(used)} used of {_gib(total)}"


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"
