"""What the loop works with, built from a task; in a team every process builds it alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from dfx.config import ExperimentConfig
from dfx.data.index import SplitIndex
from dfx.data.loading import ImageDataset, ImageLoader
from dfx.data.randomness import count_batches
from dfx.data.transforms import Augmentation
from dfx.models.network import create_module
from dfx.records import DEEPFAKE, REAL, Preprocessing, Split
from dfx.training.events import Event
from dfx.training.loop import Recipe, fit
from dfx.training.schedule import LearningRate
from dfx.training.state import TrainingState
from dfx.training.team import Team


@dataclass(frozen=True, slots=True)
class Task:
    """What the leader of a team hands out.

    Attributes:
        config: With nothing left open.
        indices: The images of training and validation, checked.
        weights: The network's initial state dict, for the others of a team; None where `saved` has
            the network.
        saved: The contents of the checkpoint to go on from, or None.
        renews_patience: Whether early stopping waits anew, since the plan was extended.
    """

    config: ExperimentConfig
    indices: Mapping[Split, SplitIndex]
    weights: Mapping[str, Tensor] | None
    saved: Mapping[str, Any] | None
    renews_patience: bool


def recreate_module(config: ExperimentConfig) -> nn.Module:
    """The network of a configuration, to load weights into."""
    return create_module(
        config.model.name,
        image_size_px=config.data.image_size,
        drop_rate=config.model.drop_rate,
        drop_path_rate=config.model.drop_path_rate,
    )


def build_state(task: Task, module: nn.Module, device: torch.device, team: Team) -> TrainingState:
    """The state that training begins with, or goes on from.

    Args:
        task: What is to be done.
        module: The network, with its initial weights where nothing is saved.
        device: Where this process computes.
        team: Opens its group for the device.
    """
    config = task.config
    team.connect(device)
    state = TrainingState(
        module,
        device=device,
        precision=config.train.precision,  # type: ignore[arg-type]  # no longer auto
        weight_decay=config.optim.weight_decay,
        ema_decay=config.train.ema,
        team=team,
    )
    if task.saved:
        state.load(task.saved)
        if task.renews_patience:
            state.selection = state.selection.renew_patience()
    return state


@contextmanager
def training(
    task: Task, state: TrainingState, should_stop: Callable[[], bool]
) -> Iterator[Iterator[Event]]:
    """The events of a training, whose loaders are closed at the end.

    Args:
        task: What is to be done.
        state: As `build_state` gave it.
        should_stop: As `fit` takes it.
    """
    with (
        _open_loader(task, "train", state.team) as train,
        _open_loader(task, "val", state.team) as validation,
    ):
        recipe = build_recipe(task)
        yield fit(state, train=train, validation=validation, recipe=recipe, should_stop=should_stop)


def build_recipe(task: Task) -> Recipe:
    """The numbers that the loop works by."""
    train = task.config.train
    labels = task.indices["train"].labels
    return Recipe(
        epochs=train.epochs,
        seed=train.seed,
        precision=train.precision,  # type: ignore[arg-type]  # no longer auto
        preprocessing=Preprocessing(task.config.data.image_size),
        learning_rate=build_learning_rate(task, epochs=train.epochs),
        select_by=train.select_by,
        patience=train.early_stopping_patience,
        min_delta=train.early_stopping_min_delta,
        freeze_epochs=train.freeze_epochs,
        accumulate=train.accumulate,
        clip_grad_norm=train.clip_grad_norm,
        label_smoothing=train.label_smoothing,
        class_weights=_class_weights(labels) if train.class_weights else (1.0, 1.0),
        snapshot_seconds=60 * train.checkpoint_minutes,
    )


def build_learning_rate(task: Task, *, epochs: int) -> LearningRate:
    """The learning rate over a run, as it is with that many epochs planned."""
    config = task.config
    batches = count_batches(len(task.indices["train"].images), config.data.batch_size)
    return LearningRate(
        peak=config.optim.lr,
        shape=config.optim.schedule,
        epochs=epochs,
        steps_per_epoch=-(-batches // config.train.accumulate),
        warmup_epochs=config.optim.warmup_epochs,
        step_epochs=config.optim.step_epochs,
        gamma=config.optim.step_gamma,
    )


def _open_loader(task: Task, split: Split, team: Team) -> ImageLoader:
    config = task.config
    augmentation = Augmentation(**config.augment.model_dump()) if split == "train" else None
    dataset = ImageDataset(
        task.indices[split].images,
        image_size_px=config.data.image_size,
        augmentation=augmentation,
        seed=config.train.seed,
    )
    return ImageLoader(
        dataset,
        batch_size=config.data.batch_size,
        workers=config.data.workers,
        pin_memory=config.data.pin_memory,
        seed=config.train.seed,
        rank=team.rank,
        processes=team.size,
    )


def _class_weights(labels: list[int]) -> tuple[float, float]:
    """Inverse to each class's share, with mean 1 over the samples."""
    counts = [labels.count(label) for label in (REAL, DEEPFAKE)]
    return len(labels) / (2 * counts[0]), len(labels) / (2 * counts[1])
