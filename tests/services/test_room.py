"""Room is asked for as it is going to be needed."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from torch.nn.functional import cross_entropy

from dfx.services.room import estimate_checkpoints, find_lack_of_room
from dfx.training.checkpoint import dump_checkpoint
from dfx.training.state import TrainingState


@pytest.fixture
def state() -> TrainingState:
    """After its first step, with a moving average."""
    made = TrainingState(
        timm.create_model("test_efficientnet", num_classes=2),
        device=torch.device("cpu"),
        precision="float32",
        weight_decay=0.0,
        ema_decay=0.9,
    )
    logits = made.module(torch.rand(2, 3, 64, 64))
    cross_entropy(logits, torch.tensor([0, 1])).backward()  # type: ignore[no-untyped-call]  # torch's
    made.optimizer.step()
    return made


def test_estimate_is_about_what_is_written(state: TrainingState) -> None:
    """Names and the like come on top: of little weight in a network worth training."""
    last, best = estimate_checkpoints(state)
    tensors = len(state.dump()["model"])

    assert last < len(dump_checkpoint(state.dump(), {})) < last + 2000 * tensors
    assert best < last


def test_room_for_three_of_each(
    state: TrainingState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of each are kept, and the third is there before the first goes.

    What is there already need not find room again.
    """
    last, best = estimate_checkpoints(state)
    needed = 3 * last + 3 * best
    free = needed - 1
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": free}))
    lack = find_lack_of_room(tmp_path, tmp_path, state)
    (tmp_path / "last.pt").write_bytes(b"x")

    assert lack is not None
    assert lack.level == "warning"
    assert f"need {needed:,} bytes more, and {free:,} are free" in lack.text
    assert find_lack_of_room(tmp_path, tmp_path, state) is None
