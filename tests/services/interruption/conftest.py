"""A nursery, a recipe in which everything that could go differently is on, and its result."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import timm
import torch

for name in ("children", "comparing", "campaign"):
    pytest.register_assert_rewrite(f"{__package__}.{name}")

from .children import Nursery  # noqa: E402  # its assertions are to explain themselves too
from .comparing import Place  # noqa: E402  # as above


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Where processes come from."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(scope="session")
def options(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Of `dfx run`: three epochs of four steps, the first with a frozen backbone."""
    torch.manual_seed(0)
    weights = tmp_path_factory.mktemp("weights") / "initial.pth"
    torch.save(timm.create_model("test_efficientnet").state_dict(), weights)
    return (
        *("--name", "one", "--arch", "test_efficientnet", "--device", "cpu"),
        *("--data", faces, "--weights", weights, "--set", "data.image_size=40"),
        *("--set", "data.workers=0", "--batch-size", "8", "--epochs", "3", "--lr", "3e-3"),
        *("--set", "train.deterministic=true", "--set", "train.ema=0.9"),
        *("--set", "model.drop_rate=0.2", "--set", "model.drop_path_rate=0.2"),
        *("--set", "augment.jpeg=0.3", "--set", "augment.blur=0.3"),
        *("--set", "augment.resize=0.3", "--set", "augment.noise=0.3"),
        *("--set", "train.freeze_epochs=1", "--set", "train.clip_grad_norm=1"),
        *("--set", "train.label_smoothing=0.1", "--set", "optim.warmup_epochs=0.5"),
    )


@pytest.fixture(scope="session")
def whole(
    nursery: Nursery, options: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """A home in which `one/1` was left alone, writing a checkpoint at every step."""
    place = Place(tmp_path_factory.mktemp("whole") / "work")
    often = ("--set", "train.checkpoint_minutes=0.0001")
    place.marks = nursery.run(place.folder, "run", *options, *often).marks
    return place
