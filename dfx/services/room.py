"""Whether there is room for what a run is going to keep, told before it is needed."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from dfx.messages import Notice
from dfx.training.state import TrainingState


def estimate_checkpoints(state: TrainingState) -> tuple[int, int]:
    """Bytes of a *last* and of a *best* checkpoint; what is not a tensor is little."""
    weights = _count(state.module.state_dict().values())
    # AdamW keeps two moments of each parameter, from the first step on.
    last = weights + 2 * _count(state.module.parameters())
    if state.ema:
        last += _count(state.ema.module.state_dict().values())
    return last, weights


def find_lack_of_room(home: Path, checkpoints: Path, state: TrainingState) -> Notice | None:
    """A warning where the disk has less free than the run's checkpoints are going to take.

    Args:
        home: On the disk in question.
        checkpoints: The run's folder of them; what is there already need not find room again.
        state: What is written into them.
    """
    last, best = estimate_checkpoints(state)
    present = sum(path.stat().st_size for path in checkpoints.glob("*.pt"))
    # The current ones and those before them go once the next are there.
    needed = 3 * last + 3 * best - present
    free = shutil.disk_usage(home).free
    if free >= needed:
        return None
    return Notice(
        f"little room in {home}: the checkpoints of this run need {needed:,} bytes more, and"
        f" {free:,} are free; it stops at the first that does not fit",
        "warning",
    )


def _count(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
