"""Making a network ready for a run on its machine: memory first, then compiling."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import nn

from dfx.messages import Notice
from dfx.models.compilation import compile_network
from dfx.models.device import available_bytes
from dfx.services.machine import Machine
from dfx.services.memory import blank_loss, explained, settle_memory


def prepare_network(
    machine: Machine, module: nn.Module, notify: Callable[[Notice], None], *, images: int
) -> Machine:
    """Moves a network to its device, has blocks of it recomputed, and compiles it.

    Args:
        machine: Where, and what is wanted.
        module: Changed in place.
        notify: Told what was decided.
        images: The most that this process has at a time.

    Returns:
        The machine with nothing left open, and what does not work switched off.

    Raises:
        ConfigError: Where the network cannot do what it is told to.
        TrainingFailed: Where it does not fit.
    """
    machine = settle_memory(
        machine, module, notify, images=images, available=available_bytes(machine.device)
    )
    if not machine.config.train.compile:
        return machine
    notify(Notice("compiling the network (train.compile); the first time takes minutes"))
    with explained(machine):
        reason = compile_network(module, lambda: blank_loss(machine, module, images))
    if reason is None:
        return machine
    notify(Notice(f"training goes on uncompiled, since nothing compiles here: {reason}", "warning"))
    return replace(machine, config=machine.config.replace({"train.compile": False}))
