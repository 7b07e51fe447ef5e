"""The loop: a loss or weights that are no longer finite."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from torch import Tensor

from dfx.errors import TrainingDiverged
from dfx.training.events import EpochScored, Event, SnapshotDue, Stopping
from dfx.training.loop import Recipe
from dfx.training.state import TrainingState

from .loop_samples import (
    Loaders,
    Network,
    make_recipe,
    make_state,
    run,
)


class Diverging(Network):
    """Gives NaN from a certain forward pass in training on, or in evaluation."""

    def __init__(self, *, at: int, training: bool = True) -> None:
        super().__init__()
        self.passes, self.at, self.when = 0, at, training

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        if self.training == self.when:
            self.passes += 1
            if self.passes >= self.at:
                return logits * math.nan
        return logits


class Exploding(Network):
    """Finite losses, but gradients that make the weights NaN at the third step."""

    passes = 0

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        if self.training:
            self.passes += 1
            if self.passes == 3:
                logits.register_hook(lambda gradient: gradient * math.nan)
        return logits


class TestDivergence:
    def collect(
        self, state: TrainingState, loaders: Loaders, recipe: Recipe, **options: Any
    ) -> tuple[list[Event], str]:
        events: list[Event] = []
        with pytest.raises(TrainingDiverged) as caught:
            events.extend(iter_into(events, run(state, loaders, recipe, **options)))
        assert caught.value.exit_code == 6
        assert "optim.lr" in (caught.value.hint or "")
        return events, str(caught.value)

    @pytest.mark.parametrize(("at", "epoch", "step"), [(3, 1, 3), (5, 2, 5), (8, 2, 8)])
    def test_names_epoch_step_and_last_finite_loss(
        self, at: int, epoch: int, step: int, loaders: Loaders
    ) -> None:
        """Also in the first step of an epoch: the last finite loss is then the epoch's before."""
        losses: list[float] = []
        sound = make_state()
        sound.optimizer.register_step_post_hook(lambda *_: losses.append(sound.tally.read()[3]))
        list(run(sound, loaders, make_recipe()))
        _, message = self.collect(make_state(partial(Diverging, at=at)), loaders, make_recipe())

        assert message == (
            f"the loss is no longer finite in epoch {epoch}, step {step};"
            f" the last finite one was {losses[at - 2]:.6g}"
        )

    def test_at_the_very_first_step(self, loaders: Loaders) -> None:
        _, message = self.collect(make_state(partial(Diverging, at=1)), loaders, make_recipe())

        assert message.endswith("in epoch 1, step 1; it never was")

    @pytest.mark.parametrize("at", range(1, 9))
    def test_no_snapshot_is_due_after_it(self, at: int, loaders: Loaders) -> None:
        """Though one was due at every step before."""
        events, _ = self.collect(
            make_state(partial(Diverging, at=at)), loaders, make_recipe(snapshot_seconds=0.0)
        )
        # Each epoch has four of its steps and one of its validation.
        expected = at - 1 + (at > 4)

        assert sum(isinstance(event, SnapshotDue) for event in events) == expected

    def test_none_is_due_of_a_validation_that_diverges(self, loaders: Loaders) -> None:
        state = make_state(partial(Diverging, at=2, training=False))
        events, message = self.collect(state, loaders, make_recipe())

        assert "epoch 1, step 4; " in message
        assert not any(isinstance(event, EpochScored | SnapshotDue) for event in events)

    def test_a_wish_to_stop_writes_no_diverged_state(self, loaders: Loaders) -> None:
        """`Stopping` would make it the current checkpoint."""
        state = make_state(partial(Diverging, at=2))
        events, _ = self.collect(state, loaders, make_recipe(), should_stop=lambda: state.step >= 2)

        assert not any(isinstance(event, Stopping) for event in events)

    @pytest.mark.parametrize("how", ["snapshot", "stop"])
    def test_weights_that_are_no_numbers_are_not_written(self, how: str, loaders: Loaders) -> None:
        """A step's loss is finite, and yet the weights it makes are not."""
        state = make_state(Exploding)
        seconds = 0.0 if how == "snapshot" else 1e9
        events, message = self.collect(
            state,
            loaders,
            make_recipe(snapshot_seconds=seconds),
            should_stop=lambda: how == "stop" and state.step >= 3,
        )

        assert message.startswith("the weights are no longer finite in epoch 1, step 3; ")
        assert sum(isinstance(event, SnapshotDue | Stopping) for event in events) == (
            2 if how == "snapshot" else 0
        )


def iter_into(seen: list[Event], events: Iterator[Event]) -> list[Event]:
    """Keeps events although an error follows."""
    for event in events:
        seen.append(event)  # noqa: PERF402  # what was seen before the error must stay
    return []
