"""What each process of a team does in the tests: trains, and writes down what it saw.

torchrun --nproc-per-node=2 team_script.py SCENARIO DATA OUT
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfx.data.index import list_split
from dfx.data.loading import Batch, ImageDataset, ImageLoader
from dfx.messages import Progress
from dfx.models.network import create_module
from dfx.records import Preprocessing
from dfx.training import loop
from dfx.training.events import EpochScored
from dfx.training.loop import Recipe, fit
from dfx.training.schedule import LearningRate
from dfx.training.signals import StopFlag
from dfx.training.state import TrainingState
from dfx.training.team import Team, assemble


class Plain(nn.Module):
    """A convolution and a last layer, without batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        )
        self.head = nn.Linear(96, 2)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(images))
        return logits

    def get_classifier(self) -> nn.Module:
        return self.head


class Skipping(Plain):
    """Leaves its body without gradients where there is no image."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.body(images)
        logits: torch.Tensor = self.head(features if len(images) else features.detach())
        return logits


# Network, pixels, images per class, batch, batches per step, precision, frozen epochs.
SCENARIOS: dict[str, tuple[str, int, int, int, int, str, int]] = {
    "plain": ("", 16, 13, 8, 1, "float32", 0),  # batches of 8, 8, 8 and 2
    "accumulated": ("", 16, 13, 8, 2, "float32", 0),
    "float16": ("", 16, 13, 8, 1, "float16", 0),
    "norms": ("test_efficientnet", 32, 11, 8, 1, "float32", 1),  # 8, 8 and 6; first frozen
    "apart": ("test_efficientnet", 32, 11, 8, 1, "float32", 1),  # each its own batch norm
    "b4": ("efficientnet_b4", 64, 7, 6, 1, "float32", 0),  # 6, 6 and 2
    "skips": ("", 16, 13, 8, 1, "float32", 0),  # who has no sample has no gradients below the head
    "stopped": ("", 16, 13, 8, 1, "float32", 0),  # the last process has a signal at its third look
}
EPOCHS = 2


class Watched(ImageLoader):
    """A loader that keeps the indices it gave."""

    seen: list[list[int]]

    def batches(self, epoch: int = 0, *, start: int = 0) -> Iterator[Batch]:
        for batch in super().batches(epoch, start=start):
            self.seen.append(batch.indices.tolist())
            yield batch


def train(
    scenario: str, data: Path, team: Team, saved: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Trains one scenario, from a saved state on, and gives everything that can be compared."""
    name, size, images, batch_size, accumulate, precision, frozen = SCENARIOS[scenario]
    loaders = []
    for split in ("train", "val"):
        listed = list_split(data, split, limit=images)  # type: ignore[arg-type]  # literals
        dataset = ImageDataset(listed, image_size_px=size, seed=3)
        loader = Watched(
            dataset,
            batch_size=batch_size,
            workers=0,
            pin_memory=False,
            seed=3,
            rank=team.rank,
            processes=team.size,
        )
        loader.seen = []
        loaders.append(loader)
    torch.manual_seed(0)
    device = torch.device("cpu")
    team.connect(device)
    if scenario == "apart":
        team.group = None
    flag = StopFlag(lambda: None)
    shared = team.sharing(flag)
    looks = 0

    def should_stop() -> bool:
        nonlocal looks
        looks += 1
        if scenario == "stopped" and looks == 3 and team.rank == team.size - 1:
            flag.signal_number = 15
        return shared()

    plain = Skipping if scenario == "skips" else Plain
    state = TrainingState(
        create_module(name, image_size_px=size) if name else plain(),
        device=device,
        precision=precision,  # type: ignore[arg-type]  # a literal
        weight_decay=0.01,
        ema_decay=0.9,
        team=team,
    )
    if saved:
        state.load(saved)
    steps = -(-len(loaders[0].plan(1)) // accumulate)
    recipe = Recipe(
        epochs=EPOCHS,
        seed=3,
        precision=precision,  # type: ignore[arg-type]  # a literal
        preprocessing=Preprocessing(size),
        learning_rate=LearningRate(1e-5 if name else 1e-3, "cosine", EPOCHS, steps, 0.0, 1, 0.1),
        select_by="accuracy",
        patience=0,
        min_delta=0.0,
        freeze_epochs=frozen,
        accumulate=accumulate,
        clip_grad_norm=1.0,
        label_smoothing=0.1,
        class_weights=(1.2, 0.8),
        snapshot_seconds=1e9,
    )
    told: list[tuple[Any, ...]] = []
    scored: list[tuple[Any, ...]] = []
    loaders_of = {"train": loaders[0], "validation": loaders[1]}
    for event in fit(state, recipe=recipe, should_stop=should_stop, **loaders_of):
        if isinstance(event, Progress):
            told.append((event.phase, event.epoch, event.batch, event.loss, event.accuracy))
        elif isinstance(event, EpochScored):
            scored.append((event.train_loss, event.metrics.loss, event.scores.indices.tolist()))
    return {
        "step": state.step,
        "state": state.dump(),
        "signal": flag.signal_number,
        "told": told,
        "scored": scored,
        "trained_on": loaders[0].seen,
        "validated_on": loaders[1].seen,
        "weights": {k: v.clone() for k, v in state.module.state_dict().items()},
        "average": {k: v.clone() for k, v in state.scored_module.state_dict().items()},
        "plans": [loaders[0].plan(epoch) for epoch in range(1, EPOCHS + 1)],
    }


def main() -> None:
    scenarios, data, out = sys.argv[1].split(","), Path(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    loop._PROGRESS_SECONDS = 0.0  # every step tells its loss
    with assemble() as team:
        results = {scenario: train(scenario, data, team) for scenario in scenarios}
        results["meeting"] = {"problems": team.meet(("no room", "a hint") if team.rank else None)}
        torch.save(results, out / f"{team.rank}.pt")


if __name__ == "__main__":
    main()
