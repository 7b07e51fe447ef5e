"""What an attempt ran on: code, packages, hardware and command line. No environment variables."""

from __future__ import annotations

import gzip
import importlib.metadata
import os
import platform
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import dfx
from dfx.models.device import describe_device
from dfx.models.driver import describe_processor, list_cards
from dfx.services.redaction import redact, redact_command
from dfx.services.repository import PATCH_LIMIT, Code, locate_patch, read_code
from dfx.training.checkpoint import write_durably


def describe_environment(
    device: torch.device, home: Path, *, data: Path, processes: int = 1
) -> dict[str, Any]:
    """Plain values for the record of an attempt.

    The uncommitted patch of the working folder's repository goes into the home, compressed, once
    per digest. What looks like a secret is taken out of everything that a person may have typed.

    Args:
        device: Where the attempt computes.
        home: Of the run.
        data: The data folder; what lies in it is told by its digests, not as code.
        processes: How many train together.
    """
    code = read_code(Path.cwd(), apart_from=[home, data])
    if code is not None:
        keep_patch(home, code)
    return {
        **describe_software(),
        **describe_hardware(device),
        "processes": processes,
        "host": socket.gethostname(),
        "command": redact_command(sys.argv),
        "folder": redact(str(Path.cwd())),
        "code": None if code is None else code.described,
    }


def keep_patch(home: Path, code: Code) -> None:
    """Writes what is not committed into a home, compressed, once per digest.

    Raises:
        NoSpaceLeft: Where the disk is full.
        TrainingFailed: Where it cannot be written for another reason.
    """
    digest = code.described["patch"]
    if digest is None or len(code.patch) > PATCH_LIMIT:
        return
    file = locate_patch(home, digest)
    if not _touch(file):
        write_durably(file, gzip.compress(code.patch, mtime=0))


def describe_software() -> dict[str, Any]:
    """Versions of dfx, Python, torch and every package that is installed."""
    return {
        "dfx": dfx.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "torch": torch.__version__,
        "packages": list_packages(),
    }


def describe_hardware(device: torch.device) -> dict[str, Any]:
    """The device with its memory and driver, and the processor."""
    is_card = device.type == "cuda"
    card = torch.cuda.get_device_properties(device) if is_card else None
    cards = list_cards() if is_card else ()
    return {
        "device": describe_device(device),
        "cuda": torch.version.cuda if is_card else None,
        "driver": cards[0].driver if cards else None,
        "card": None if card is None else {"name": card.name, "memory_bytes": card.total_memory},
        "processor": describe_processor(),
    }


def list_packages(path: Sequence[str] | None = None) -> dict[str, str]:
    """Versions of the installed packages by name, sorted; the first found counts, as on import.

    Args:
        path: Where to look; `sys.path` where it is None.
    """
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions(path=list(path or sys.path)):
        metadata = distribution.metadata
        # Of one that is half removed there may be little left.
        if metadata and "Name" in metadata and "Version" in metadata:
            found.setdefault(metadata["Name"], metadata["Version"])
    return dict(sorted(found.items()))


def _touch(file: Path) -> bool:
    """Makes a file young, for `dfx gc`: no row names it yet. False where there is none."""
    try:
        os.utime(file)
    except FileNotFoundError:
        return False
    except PermissionError:  # written by somebody else who shares the home
        return file.exists()
    return True
