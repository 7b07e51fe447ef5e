"""A small network, its recipe and its loaders, for the tests of the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from dfx.data.index import ListedImage
from dfx.data.loading import ImageDataset, ImageLoader
from dfx.records import Preprocessing
from dfx.training.events import EpochScored, Event
from dfx.training.loop import Recipe, fit
from dfx.training.schedule import LearningRate
from dfx.training.state import TrainingState

SIZE = 16
PREPROCESSING = Preprocessing(SIZE)
CPU = torch.device("cpu")


class Network(nn.Module):
    """A convolution and a last layer; no batch norm, so that batches may be split."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten()
        )
        self.head = nn.Linear(96, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images))
        return logits

    def get_classifier(self) -> nn.Module:
        return self.head


def make_state(build: Callable[[], nn.Module] = Network, **changes: Any) -> TrainingState:
    torch.manual_seed(0)
    settings = {"device": CPU, "precision": "float32", "weight_decay": 0.01, "ema_decay": 0.0}
    return TrainingState(build(), **{**settings, **changes})


def make_recipe(**changes: Any) -> Recipe:
    steps = changes.pop("steps_per_epoch", 4)
    lr = changes.pop("lr", 3e-3)
    values: dict[str, Any] = {
        "epochs": 2,
        "seed": 3,
        "precision": "float32",
        "preprocessing": PREPROCESSING,
        "learning_rate": LearningRate(lr, "cosine", 2, steps, 0.0, 1, 0.1),
        "select_by": "accuracy",
        "patience": 0,
        "min_delta": 0.0,
        "freeze_epochs": 0,
        "accumulate": 1,
        "clip_grad_norm": 0.0,
        "label_smoothing": 0.0,
        "class_weights": (1.0, 1.0),
        "snapshot_seconds": 1e9,
    }
    return Recipe(**{**values, **changes})


Loaders = tuple[ImageLoader, ImageLoader]


def open_loader(images: tuple[ListedImage, ...], batch_size: int = 8) -> ImageLoader:
    dataset = ImageDataset(images, image_size_px=SIZE)
    return ImageLoader(dataset, batch_size=batch_size, workers=0, pin_memory=False, seed=3)


def run(
    state: TrainingState,
    loaders: Loaders,
    recipe: Recipe,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Event]:
    return fit(
        state, train=loaders[0], validation=loaders[1], recipe=recipe, should_stop=should_stop
    )


def scored(events: Iterator[Event]) -> list[EpochScored]:
    return [event for event in events if isinstance(event, EpochScored)]


def weights(state: TrainingState) -> dict[str, Tensor]:
    return {key: tensor.clone() for key, tensor in state.module.state_dict().items()}


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    __tracebackhide__ = True
    for key, value in one.items():
        torch.testing.assert_close(value, other[key], rtol=1e-5, atol=1e-6)
