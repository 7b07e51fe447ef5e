"""The test that matters most: interrupted and resumed equals uninterrupted, at every step."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfx.data.index import check_images, list_split
from dfx.data.loading import ImageDataset, ImageLoader
from dfx.data.transforms import Augmentation
from dfx.evaluation.precision import Precision
from dfx.messages import Progress
from dfx.records import Preprocessing
from dfx.training.events import EpochScored, SnapshotDue, Stopping
from dfx.training.loop import Recipe, fit
from dfx.training.schedule import LearningRate
from dfx.training.state import TrainingState

SIZE = 32
EPOCHS = 3
STEPS = 4  # 32 images in batches of 8
AUGMENTATION = Augmentation(
    horizontal_flip=0.5,
    rotation_degrees=10,
    brightness=0.2,
    contrast=0.2,
    jpeg=0.3,
    blur=0.3,
    resize=0.3,
    noise=0.3,
)


class TinyNetwork(nn.Module):
    """Some thousand parameters, with batch norm and dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, stride=4),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Dropout(0.2),
        )
        self.head = nn.Linear(128, 2)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.body(images))
        return logits

    def get_classifier(self) -> nn.Module:
        return self.head


def make_recipe(precision: Precision = "float32", **changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "epochs": EPOCHS,
        "seed": 3,
        "precision": precision,
        "preprocessing": Preprocessing(SIZE),
        "learning_rate": LearningRate(1e-3, "cosine", EPOCHS, STEPS, 0.5, 1, 0.1),
        "select_by": "accuracy",
        "patience": 0,
        "min_delta": 0.0,
        "freeze_epochs": 1,
        "accumulate": 1,
        "clip_grad_norm": 1.0,
        "label_smoothing": 0.1,
        "class_weights": (1.0, 1.0),
        "snapshot_seconds": 1e9,
    }
    return Recipe(**{**values, **changes})


def make_state(precision: Precision) -> TrainingState:
    torch.manual_seed(0)
    return TrainingState(
        TinyNetwork(),
        device=torch.device("cpu"),
        precision=precision,
        weight_decay=1e-2,
        ema_decay=0.9,
    )


@pytest.fixture(scope="module")
def loaders(faces: Path) -> Iterator[tuple[ImageLoader, ImageLoader]]:
    """Training with every augmentation, and validation."""
    made = []
    for split, augmentation in (("train", AUGMENTATION), ("val", None)):
        index = check_images(
            split,  # type: ignore[arg-type]  # a literal, but not to mypy
            list_split(faces, split, limit=None),  # type: ignore[arg-type]  # as above
            memory=None,
            fail_on_bad=True,
            progress=lambda _done, _total: None,
        )
        dataset = ImageDataset(index.images, image_size_px=SIZE, augmentation=augmentation, seed=3)
        made.append(ImageLoader(dataset, batch_size=8, workers=0, pin_memory=False, seed=3))
    yield made[0], made[1]
    for loader in made:
        loader.close()


def train(
    state: TrainingState,
    loaders: tuple[ImageLoader, ImageLoader],
    recipe: Recipe,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[tuple[Any, ...]]:
    """Trains, and gives what was recorded of each epoch, times apart."""
    recorded = []
    for event in fit(
        state, train=loaders[0], validation=loaders[1], recipe=recipe, should_stop=should_stop
    ):
        if isinstance(event, EpochScored):
            recorded.append(
                (
                    *(event.epoch, event.step, event.train_loss, event.train_accuracy, event.lr),
                    *(event.metrics, event.improved, event.scores.logits.tobytes()),
                )
            )
        assert isinstance(event, EpochScored | Progress | SnapshotDue | Stopping)
    return recorded


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a saved state by its path, times apart."""
    if isinstance(value, dict):
        for key, item in value.items():
            if "seconds" not in str(key):
                yield from flatten(item, f"{name}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from flatten(item, f"{name}.{number}")
    else:
        yield name, value


def assert_equal_states(one: TrainingState, other: TrainingState) -> None:
    __tracebackhide__ = True
    first, second = dict(flatten(one.dump())), dict(flatten(other.dump()))
    assert first.keys() == second.keys()
    different = [
        name
        for name, value in first.items()
        if not (
            torch.equal(torch.nan_to_num(value), torch.nan_to_num(second[name]))
            if isinstance(value, Tensor)
            else value == second[name]
        )
    ]
    assert different == []


def through_a_file(state: TrainingState) -> Any:
    """What is left of a state when its process is gone."""
    buffer = io.BytesIO()
    torch.save(state.dump(), buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_interrupted_at_every_look_at_the_flag(
    loaders: tuple[ImageLoader, ImageLoader], precision: Precision
) -> None:
    """In training, in validation, between them and between epochs: nothing differs in the end.

    Augmentation, dropout, batch norm, the moving average, clipping and a frozen epoch are on.
    """
    whole = make_state(precision)
    looks = 0

    def count() -> bool:
        nonlocal looks
        looks += 1
        return False

    expected = train(whole, loaders, make_recipe(precision), count)
    places = set()
    for stop_at in range(1, looks + 1):
        state, calls = make_state(precision), 0

        def stop(at: int = stop_at) -> bool:
            nonlocal calls
            calls += 1
            return calls >= at

        recorded = train(state, loaders, make_recipe(precision), stop)
        places.add((state.epoch, state.batch))
        resumed = make_state(precision)
        resumed.load(through_a_file(state))
        recorded += train(resumed, loaders, make_recipe(precision))

        assert expected == recorded, f"stopped at look {stop_at}"
        assert_equal_states(whole, resumed)
    every_place = {(epoch, batch) for epoch in range(1, EPOCHS + 1) for batch in range(STEPS + 1)}

    assert every_place <= places | {(1, 0)}


def test_the_numbers_would_notice_a_difference(
    loaders: tuple[ImageLoader, ImageLoader],
) -> None:
    """Another seed, or a state that forgot its optimiser, gives other numbers."""
    expected = train(make_state("float32"), loaders, make_recipe())
    other = train(make_state("float32"), loaders, make_recipe(seed=4))
    state = make_state("float32")
    stopped = iter([False] * 6 + [True] * 3)
    train(state, loaders, make_recipe(), lambda: next(stopped))
    forgetful = make_state("float32")
    saved = through_a_file(state)
    forgetful.load({**saved, "optimizer": make_state("float32").optimizer.state_dict()})
    rest = train(forgetful, loaders, make_recipe())

    assert expected != other
    assert expected[-1] != rest[-1]


def test_frozen_epoch_leaves_the_backbone_alone(
    loaders: tuple[ImageLoader, ImageLoader],
) -> None:
    """Weights and batch-norm statistics stay to the bit; the last layer learns; then all thaws."""
    before = {
        name: value.clone() for name, value in make_state("float32").module.state_dict().items()
    }
    frozen, thawed = make_state("float32"), make_state("float32")
    train(frozen, loaders, make_recipe(epochs=1))
    train(thawed, loaders, make_recipe(epochs=2))
    after, later = frozen.module.state_dict(), thawed.module.state_dict()

    assert [
        n for n in before if n.startswith("body") and not torch.equal(before[n], after[n])
    ] == []
    assert not torch.equal(before["head.weight"], after["head.weight"])
    assert not torch.equal(before["body.0.weight"], later["body.0.weight"])
    assert not torch.equal(before["body.1.running_mean"], later["body.1.running_mean"])


def test_the_moving_average_is_what_is_scored(loaders: tuple[ImageLoader, ImageLoader]) -> None:
    state = make_state("float32")
    train(state, loaders, make_recipe())
    weights = [state.module.state_dict(), state.scored_module.state_dict()]

    assert not np.array_equal(*(w["head.weight"].numpy() for w in weights))
    assert state.ema is not None
    assert state.scored_module is state.ema.module
