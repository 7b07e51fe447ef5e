"""What the options of training come to, through `dfx run`."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from timm.layers import DropPath
from torch import nn

from dfx.training import loop
from dfx.training.loop import Recipe
from dfx.training.state import TrainingState

from .conftest import Command
from .test_resume import assert_equal_runs
from .test_run import TINY, read_csv


class Watched:
    """Steps as usual, and notes by what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._step = loop.train_step
        self.recipes: list[Recipe] = []
        self.states: list[TrainingState] = []
        self.deterministic: list[bool] = []
        monkeypatch.setattr(loop, "train_step", self)

    def __call__(self, state: TrainingState, batches: Any, recipe: Recipe, **options: Any) -> None:
        self.recipes.append(recipe)
        self.states.append(state)
        self.deterministic.append(torch.are_deterministic_algorithms_enabled())
        self._step(state, batches, recipe, **options)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def train(dfx: Command, faces: Path, *settings: str, epochs: int = 1) -> None:
    options = [word for setting in settings for word in ("--set", setting)]
    outcome = dfx("run", "--name", "one", "--data", faces, *TINY, "--epochs", epochs, *options)
    assert outcome.code == 0, outcome.stderr


def test_balanced_weighs_by_the_inverse_of_each_share(
    dfx: Command, faces: Path, folder: Path, watched: Watched
) -> None:
    """Of 16 real and 4 deepfake images that can be read: ⅝ and 2½, whose mean over them is 1."""
    uneven = Path(shutil.copytree(faces, folder / "uneven"))
    for number in range(4, 16):
        (uneven / "train" / "deepfake" / f"{number:02d}.png").unlink()
    (uneven / "train" / "real" / "torn.png").write_bytes(b"torn")
    train(dfx, uneven, "train.class_weights=balanced")

    assert watched.recipes[0].class_weights == (20 / (2 * 16), 20 / (2 * 4))


def test_without_it_every_image_weighs_the_same(
    dfx: Command, faces: Path, watched: Watched
) -> None:
    train(dfx, faces)

    assert watched.recipes[0].class_weights == (1.0, 1.0)


def test_drop_rates_reach_the_network(dfx: Command, faces: Path, watched: Watched) -> None:
    """Dropout before the last layer; stochastic depth that grows to its rate."""
    train(dfx, faces, "model.drop_rate=0.25", "model.drop_path_rate=0.5")
    module: nn.Module = watched.states[0].module
    paths = [part.drop_prob for part in module.modules() if isinstance(part, DropPath)]

    assert module.drop_rate == 0.25
    assert paths == sorted(paths) and 0.25 < paths[-1] < 0.5


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        # Of the last step of each epoch; an epoch has four.
        (["optim.schedule=constant"], [1, 1, 1, 1]),
        (["optim.schedule=step", "optim.step_epochs=2", "optim.step_gamma=0.5"], [1, 1, 0.5, 0.5]),
        (["optim.schedule=cosine"], [0.915735, 0.597545, 0.222215, 0.009607]),
        (["optim.schedule=constant", "optim.warmup_epochs=2"], [4 / 9, 8 / 9, 1, 1]),
    ],
)
def test_schedules_are_what_is_recorded(
    dfx: Command, faces: Path, settings: list[str], rates: list[float]
) -> None:
    train(dfx, faces, *settings, "optim.lr=0.01", epochs=4)
    log = read_csv(Path("runs/one/1/log.csv"))

    assert [float(row["lr"]) / 0.01 for row in log] == pytest.approx(rates, rel=1e-4)


def test_numbers_of_the_step_reach_it(dfx: Command, faces: Path, watched: Watched) -> None:
    train(
        *(dfx, faces),
        *("train.accumulate=2", "train.clip_grad_norm=0.5", "train.label_smoothing=0.1"),
        "optim.weight_decay=0.03",
    )
    recipe, state = watched.recipes[0], watched.states[0]

    assert (recipe.accumulate, recipe.clip_grad_norm, recipe.label_smoothing) == (2, 0.5, 0.1)
    assert [group["weight_decay"] for group in state.optimizer.param_groups] == [0.03, 0.03]
    assert len(watched.recipes) == 2


def test_the_best_file_holds_the_moving_average(dfx: Command, faces: Path) -> None:
    """Of the network itself it holds nothing."""
    train(dfx, faces, "train.ema=0.9", "optim.lr=0.01")
    folder = Path("runs/one/1/checkpoints")
    (best,) = folder.glob("best-*.pt")
    last = torch.load(max(folder.glob("last-*.pt")), weights_only=True)
    kept = torch.load(best, weights_only=True)["state"]

    assert all(tensor.equal(last["ema"][key]) for key, tensor in kept.items())
    assert not kept["classifier.weight"].equal(last["model"]["classifier.weight"])


@pytest.mark.parametrize("wanted", ["true", "false"])
def test_deterministic_is_asked_of_torch(
    dfx: Command, faces: Path, watched: Watched, wanted: str
) -> None:
    train(dfx, faces, f"train.deterministic={wanted}")

    assert set(watched.deterministic) == {wanted == "true"}
    assert torch.backends.cudnn.deterministic == (wanted == "true")
    assert torch.backends.cudnn.benchmark == (wanted == "false")


def test_deterministic_runs_end_in_the_same_bits(dfx: Command, faces: Path) -> None:
    settings = ("train.deterministic=true", "train.ema=0.9", "model.drop_rate=0.2")
    for _ in range(2):
        train(dfx, faces, *settings, epochs=2)

    assert_equal_runs(Path("runs"), 1, 2)
