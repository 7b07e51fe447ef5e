"""Where a network runs: finding the device that was asked for, or saying why it is not there."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import torch

from dfx.errors import ConfigError, DeviceError

_INSTALL = "see https://pytorch.org/get-started/locally/"


def resolve_device(wanted: str) -> torch.device:
    """The device that a name stands for.

    `auto` is the first CUDA card, else Apple's GPU, else the processor. Where a card is present but
    this torch cannot use it, only an explicit `cpu` trains on the processor.

    Args:
        wanted: auto, cuda, cuda:N, mps or cpu.

    Raises:
        ConfigError: For another word.
        DeviceError: Where the device is not there, or this torch cannot use it.
    """
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", wanted):
        raise ConfigError(
            f"train.device is {wanted!r}; expected auto, cuda, cuda:N, mps or cpu",
            hint="leave it at auto to take the best there is",
        )
    if wanted == "cpu":
        return torch.device("cpu")
    if wanted in {"auto", "mps"} and torch.backends.mps.is_available():
        return torch.device("mps")
    if wanted == "mps":
        raise DeviceError(
            "train.device is 'mps', but this torch finds no Apple GPU", hint="use --device cpu"
        )
    if torch.cuda.is_available():
        return _numbered_card(wanted)
    card = _find_card()
    if card:
        raise DeviceError(
            f"{card} is there, but this torch ({torch.__version__}) cannot use it",
            hint=f"install a torch that fits the driver: {_install_line()}; or insist on the"
            " processor with --device cpu",
        )
    if wanted == "auto":
        return torch.device("cpu")
    raise DeviceError(
        f"train.device is {wanted!r}, but no CUDA card was found",
        hint="use --device cpu, or --device auto to take the best there is",
    )


def own_device(device: torch.device, local_rank: int, local_size: int) -> torch.device:
    """The device of one of several processes that train together.

    Args:
        device: What all were told: the first card, or a device that they share.
        local_rank: Number of the process among those of its machine, from 0.
        local_size: How many there are on its machine.

    Raises:
        DeviceError: Where there is no card of its own for each.
    """
    if device.type == "mps":
        raise DeviceError(
            "several processes cannot train together on an Apple GPU",
            hint="start a single one: dfx run; or use the processor with --device cpu",
        )
    if device.type != "cuda":
        return device
    if device.index:
        raise DeviceError(
            f"train.device is '{device}', but of several processes each takes a card of its own",
            hint="say --device cuda, and choose the cards with CUDA_VISIBLE_DEVICES",
        )
    count = torch.cuda.device_count()
    if local_size > count:
        raise DeviceError(
            f"{local_size} processes of this machine need a card each, but there are {count}",
            hint=f"start as many as there are: torchrun --nproc-per-node={count}",
        )
    return torch.device("cuda", local_rank)


def describe_device(device: torch.device) -> str:
    """The device in words: the card's name and memory, or the processor's threads."""
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        return f"{device} ({card.name}, {card.total_memory / 2**30:.0f} GiB)"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu ({threads} thread{'' if threads == 1 else 's'})"
    return str(device)


def available_bytes(device: torch.device) -> int | None:
    """Memory that training could have, what torch already holds included; None if not known."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device)
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    return None


def _numbered_card(wanted: str) -> torch.device:
    number = int(wanted.partition(":")[2] or 0)
    count = torch.cuda.device_count()
    if number >= count:
        raise DeviceError(
            f"train.device is {wanted!r}, but this machine has {count} CUDA card(s)",
            hint=f"the last one is cuda:{count - 1}",
        )
    return torch.device("cuda", number)


def _find_card() -> str | None:
    """What the NVIDIA driver says of the first card, without torch; None where none may be used."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in {"", "-1"}:
        # Hidden on purpose, so that torch not finding it is as it should be.
        return None
    program = shutil.which("nvidia-smi") or "/usr/lib/wsl/lib/nvidia-smi"
    if Path(program).is_file():
        try:
            listed = subprocess.run(
                [program, "-L"], capture_output=True, text=True, timeout=20, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        found = re.match(r"GPU 0: (.*?)(?: \(UUID.*)?$", listed.stdout, re.MULTILINE)
        return found.group(1) if found else None
    if Path("/proc/driver/nvidia/version").is_file():
        return "an NVIDIA card with its driver"
    return None


def _install_line() -> str:
    if platform.system() == "Darwin":
        return _INSTALL
    return f"pip install --force-reinstall torch torchvision ({_INSTALL})"
