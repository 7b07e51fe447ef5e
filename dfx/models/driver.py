"""What the driver and the system say of the hardware, without torch having to find it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

_WSL = "/usr/lib/wsl/lib/nvidia-smi"
_FIELDS = "name,driver_version,memory.total,memory.free"
_PROCESSORS = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Card:
    """An NVIDIA card as its driver tells of it.

    Attributes:
        driver: Version of the driver.
        total_bytes: Memory; None where the driver does not say.
        free_bytes: Of it, what nobody uses now.
    """

    name: str
    driver: str
    total_bytes: int | None
    free_bytes: int | None


def list_cards() -> tuple[Card, ...]:
    """The cards that the NVIDIA driver knows of; none where there is no driver."""
    program = shutil.which("nvidia-smi") or (_WSL if Path(_WSL).is_file() else None)
    if program is None:
        return ()
    command = [program, f"--query-gpu={_FIELDS}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return parse_cards(done.stdout) if done.returncode == 0 else ()


def parse_cards(listed: str) -> tuple[Card, ...]:
    """Reads what `nvidia-smi` lists.

    >>> parse_cards("NVIDIA GeForce RTX 4070 Ti, 550.54.14, 12282, 11800")[0].driver
    '550.54.14'
    """
    cards = []
    for line in listed.splitlines():
        fields = [field.strip() for field in line.rsplit(",", 3)]
        if len(fields) == 4:
            cards.append(Card(fields[0], fields[1], _mebibytes(fields[2]), _mebibytes(fields[3])))
    return tuple(cards)


def describe_processor() -> str:
    """The processor's name as the system gives it."""
    try:
        lines = _PROCESSORS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def count_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _mebibytes(text: str) -> int | None:
    return int(text) * 2**20 if text.isdecimal() else None
