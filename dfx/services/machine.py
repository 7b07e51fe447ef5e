"""What the machine decides, resolved before the configuration is frozen, and torch set up."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from dfx.config import ExperimentConfig
from dfx.errors import ConfigError
from dfx.evaluation.precision import Precision, resolve_precision
from dfx.models.device import own_device, resolve_device
from dfx.models.memory import StepMemory
from dfx.records.settings import ResolvedKey
from dfx.services.configure import Configuration
from dfx.services.home import as_absolute
from dfx.training.team import ALONE, Team


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run is computed.

    Attributes:
        config: The configuration with nothing left open.
        device: Where.
        precision: Number format of the forward pass.
        memory: What training needs, once that is counted.
        images: How many images this process has at a time, once that is known.
    """

    config: ExperimentConfig
    device: torch.device
    precision: Precision
    memory: StepMemory | None = None
    images: int | None = None


def resolve_machine(config: ExperimentConfig, team: Team = ALONE) -> Machine:
    """Decides device, precision, threads and pinned memory, and sets torch up accordingly.

    What only the network tells stays open: `dfx.services.memory` decides it.

    Args:
        config: As it was asked for.
        team: Each member on a machine with cards has one of its own.

    Raises:
        ConfigError: Where several processes cannot do what is asked for.
        DeviceError: Where the device is not there, or this torch cannot use it.
    """
    if config.train.deterministic:
        # cuBLAS reads this when its first handle is made, so before the device is touched.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    device = resolve_device(config.train.device)
    if team.size > 1:
        device = own_device(device, team.local_rank, team.local_size)
        if config.train.compile:
            raise ConfigError(
                f"train.compile is true, but {team.size} processes train together: what they"
                " exchange in the forward pass is not compiled",
                hint="leave it off: --set train.compile=false",
            )
    threads = config.train.threads
    if threads != "auto":
        torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(config.train.deterministic)
    torch.backends.cudnn.deterministic = config.train.deterministic
    torch.backends.cudnn.benchmark = not config.train.deterministic
    resolved = config.replace(
        {
            "train.device": str(device),
            "train.precision": resolve_precision(config.train.precision, device),
            "train.threads": torch.get_num_threads(),
            # A resume may be typed in another folder.
            "data.root": str(as_absolute(Path(config.data.root))),
            "data.pin_memory": config.data.pin_memory and device.type == "cuda",
        }
    )
    precision: Precision = resolved.train.precision  # type: ignore[assignment]  # no longer auto
    return Machine(resolved, device, precision)


def preview_machine(configuration: Configuration) -> list[ResolvedKey]:
    """What a run would freeze now, with where each value came from.

    What only the network tells, such as how much of it is recomputed, is still open.

    Raises:
        DeviceError: As for `resolve_machine`.
    """
    resolved = resolve_machine(configuration.config).config.flat()
    return [
        key
        if resolved[key.key] == key.value
        else ResolvedKey(key.key, resolved[key.key], f"this machine ({key.value!s}, {key.source})")
        for key in configuration.list_keys()
    ]
