"""The loop: what it does with its numbers, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dfx.data.index import ListedImage, list_split
from dfx.data.loading import ImageDataset, ImageLoader
from dfx.errors import TrainingDiverged
from dfx.evaluation.inference import forward, probabilities
from dfx.evaluation.metrics import measure
from dfx.models.network import freeze_backbone
from dfx.records import Preprocessing
from dfx.training import loop
from dfx.training.events import EpochScored, Event, SnapshotDue, Stopping
from dfx.training.loop import Recipe, fit
from dfx.training.schedule import LearningRate
from dfx.training.state import Tally, TrainingState

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


@pytest.fixture(scope="module")
def listed(faces: Path) -> tuple[tuple[ListedImage, ...], tuple[ListedImage, ...]]:
    """32 images to train on and 16 to validate on."""
    return list_split(faces, "train", limit=None), list_split(faces, "val", limit=None)


@pytest.fixture
def loaders(
    listed: tuple[tuple[ListedImage, ...], tuple[ListedImage, ...]],
) -> Loaders:
    return open_loader(listed[0]), open_loader(listed[1])


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


class TestNumbers:
    def test_the_losses_are_those_of_old(self, loaders: Loaders) -> None:
        """Pinned, to the rounding of one platform to the next; another recipe is not as close."""
        rate = LearningRate(3e-3, "cosine", 4, 4, 0.5, 1, 0.1)
        recipe = make_recipe(epochs=4, learning_rate=rate)
        found = scored(run(make_state(), loaders, recipe))
        losses = [(epoch.train_loss, epoch.metrics.loss) for epoch in found]

        assert losses == [pytest.approx(pair, rel=2e-4) for pair in PINNED_LOSSES]

    def test_a_run_is_plain_pytorch(self, loaders: Loaders) -> None:
        """The same weights and losses as ten lines that anybody would write."""
        state, recipe = make_state(), make_recipe()
        found = scored(run(state, loaders, recipe))

        reference = make_state().module
        optimizer = torch.optim.AdamW(reference.parameters(), lr=3e-3, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=8)
        for epoch, record in zip((1, 2), found, strict=True):
            total = right = 0.0
            for batch in loaders[0].batches(epoch):
                inputs = forward(
                    reference, batch.images, preprocessing=PREPROCESSING, precision="float32"
                )
                loss = nn.functional.cross_entropy(inputs, batch.labels)
                loss.backward()
                optimizer.step()
                rate = schedule.get_last_lr()[0]
                schedule.step()
                optimizer.zero_grad()
                total += float(loss.detach()) * len(batch.labels)
                right += int((inputs.argmax(1) == batch.labels).sum())
            assert record.train_loss == pytest.approx(total / 32, rel=1e-5)
            assert record.train_accuracy == right / 32
            assert record.lr == pytest.approx(rate)
            assert (record.epoch, record.step) == (epoch, 4 * epoch)

        assert_close(weights(state), reference.state_dict())

    def test_the_scores_are_of_the_validation_images_in_order(self, loaders: Loaders) -> None:
        """And the metrics are those of the scores, at one half."""
        state = make_state()
        last = scored(run(state, loaders, make_recipe()))[-1]
        batches = list(loaders[1].batches())
        with torch.no_grad():
            logits = np.concatenate(
                [
                    forward(
                        state.module.eval(),
                        batch.images,
                        preprocessing=PREPROCESSING,
                        precision="float32",
                    ).numpy()
                    for batch in batches
                ]
            )

        assert last.scores.indices.tolist() == list(range(16))
        assert last.scores.labels.tolist() == [0] * 8 + [1] * 8
        assert last.scores.logits == pytest.approx(logits, abs=1e-5)
        assert last.metrics == measure(
            last.scores.labels, probabilities(last.scores.logits), threshold=0.5
        )

    @pytest.mark.parametrize(("batch_size", "accumulate"), [(4, 2), (2, 4), (8, 1)])
    def test_accumulated_batches_are_one(
        self,
        batch_size: int,
        accumulate: int,
        listed: tuple[tuple[ListedImage, ...], ...],
        loaders: Loaders,
    ) -> None:
        """8×1 equals 4×2 and 2×4, in weights, losses and steps."""
        state, other = make_state(), make_state()
        whole = scored(run(state, loaders, make_recipe()))
        parts = (open_loader(listed[0], batch_size), loaders[1])
        split = scored(run(other, parts, make_recipe(accumulate=accumulate)))

        assert_close(weights(state), weights(other))
        assert [e.train_loss for e in split] == pytest.approx([e.train_loss for e in whole])
        assert [e.step for e in split] == [4, 8]

    def test_an_uneven_tail_weighs_by_its_samples(
        self, listed: tuple[tuple[ListedImage, ...], ...], loaders: Loaders
    ) -> None:
        """18 images: 8, 8 and 2 in three batches; accumulated they are one step over all 18."""
        images = listed[0][7:25]
        state, other = make_state(), make_state()
        recipe = make_recipe(epochs=1, steps_per_epoch=1)
        whole = scored(run(state, (open_loader(images, 18), loaders[1]), recipe))
        parts = (open_loader(images, 8), loaders[1])
        split = scored(run(other, parts, replace(recipe, accumulate=3)))

        assert [e.step for e in split] == [1]
        assert split[0].train_loss == pytest.approx(whole[0].train_loss)
        assert_close(weights(state), weights(other))

    def test_a_last_group_of_fewer_batches_is_a_step(self, loaders: Loaders) -> None:
        found = scored(run(make_state(), loaders, make_recipe(accumulate=3)))

        assert [epoch.step for epoch in found] == [2, 4]


def first_gradient(loaders: Loaders, recipe: Recipe) -> tuple[dict[str, Tensor], float]:
    """What the first step's optimiser was given, and the loss that was counted."""
    state = make_state()
    seen: dict[str, Tensor] = {}

    def look(_optimizer: object, _arguments: object, _options: object) -> None:
        if not seen:
            named = state.module.named_parameters()
            seen.update({n: p.grad.clone() for n, p in named if p.grad is not None})

    state.optimizer.register_step_pre_hook(look)
    stops = iter([False, True, True, True])
    list(run(state, loaders, recipe, lambda: next(stops)))
    return seen, state.tally.read()[0] / 8


def reference_gradient(loaders: Loaders, **options: Any) -> tuple[dict[str, Tensor], float]:
    module = make_state().module
    batch = next(iter(loaders[0].batches(1)))
    logits = forward(module, batch.images, preprocessing=PREPROCESSING, precision="float32")
    loss = nn.functional.cross_entropy(logits, batch.labels, reduction="sum", **options) / 8
    loss.backward()
    grads = {n: p.grad for n, p in module.named_parameters() if p.grad is not None}
    return grads, float(loss.detach())


class TestLoss:
    def test_class_weights(self, loaders: Loaders) -> None:
        """Each sample's loss is multiplied; the mean is over samples, not over weights."""
        found = first_gradient(loaders, make_recipe(class_weights=(0.5, 1.5)))
        expected = reference_gradient(loaders, weight=torch.tensor([0.5, 1.5]))

        assert_close(found[0], expected[0])
        assert found[1] == pytest.approx(expected[1])

    def test_label_smoothing(self, loaders: Loaders) -> None:
        found = first_gradient(loaders, make_recipe(label_smoothing=0.2))
        expected = reference_gradient(loaders, label_smoothing=0.2)

        assert_close(found[0], expected[0])
        assert found[1] == pytest.approx(expected[1])
        assert found[1] != pytest.approx(reference_gradient(loaders)[1])

    def test_validation_is_plain_cross_entropy(self, loaders: Loaders) -> None:
        """Neither weighted nor smoothed, so that runs can be compared."""
        recipe = make_recipe(label_smoothing=0.3, class_weights=(0.2, 1.8), epochs=1)
        epoch = scored(run(make_state(), loaders, recipe))[0]
        scores = epoch.scores
        expected = nn.functional.cross_entropy(
            torch.tensor(scores.logits), torch.tensor(scores.labels)
        )

        assert epoch.metrics.loss == pytest.approx(float(expected), rel=1e-5)

    @pytest.mark.parametrize("precision", ["float32", "float16"])
    def test_clipping_limits_the_norm(self, precision: str, loaders: Loaders) -> None:
        """Of the gradient itself, not of the scaled one."""
        norms: list[float] = []
        state = make_state(precision=precision)

        def look(*_: object) -> None:
            grads = [p.grad for p in state.module.parameters() if p.grad is not None]
            norms.append(float(torch.cat([g.flatten() for g in grads]).norm()))

        state.optimizer.register_step_pre_hook(look)
        recipe = make_recipe(clip_grad_norm=0.01, precision=precision, epochs=1)
        list(run(state, loaders, recipe))

        assert len(norms) == 4
        assert norms == pytest.approx([0.01] * 4, rel=1e-3)

    @pytest.mark.parametrize("precision", ["bfloat16", "float16"])
    def test_half_precision_learns_what_full_precision_does(
        self, precision: str, loaders: Loaders
    ) -> None:
        whole = scored(run(make_state(), loaders, make_recipe()))
        state = make_state(precision=precision)
        half = scored(run(state, loaders, make_recipe(precision=precision)))

        assert [e.train_loss for e in half] == pytest.approx(
            [e.train_loss for e in whole], rel=0.02
        )
        assert [e.train_loss for e in half] != [e.train_loss for e in whole]
        assert {p.dtype for p in state.module.parameters()} == {torch.float32}
        assert state.scaler.is_enabled() == (precision == "float16")

    def test_a_skipped_step_of_float16_is_no_divergence(self, loaders: Loaders) -> None:
        """The scaler begins too high on purpose, and comes down."""
        state = make_state(precision="float16")
        state.scaler.load_state_dict({**state.scaler.state_dict(), "scale": 2.0**30})
        list(run(state, loaders, make_recipe(precision="float16")))

        assert state.scaler.get_scale() < 2.0**30
        assert all(tensor.isfinite().all() for tensor in state.module.parameters())


class TestMovingAverage:
    def test_is_evaluated_and_is_what_it_should_be(self, loaders: Loaders) -> None:
        """timm's, with its warm-up: decay min(0.9, 1 − (1 + k) ** −⅔) at update k."""
        state = make_state(ema_decay=0.9)
        averages = {key: t.clone() for key, t in state.module.state_dict().items()}
        updates = 0

        def look(*_: object) -> None:
            nonlocal updates
            decay = 0.0 if updates < 2 else min(0.9, 1 - updates ** (-2 / 3))
            for key, tensor in state.module.state_dict().items():
                averages[key] = averages[key] * decay + tensor * (1 - decay)
            updates += 1

        state.optimizer.register_step_post_hook(look)
        last = scored(run(state, loaders, make_recipe()))[-1]
        assert state.ema is not None

        assert updates == 8
        assert_close(dict(state.ema.module.state_dict()), averages)
        batch = next(iter(loaders[1].batches()))
        with torch.no_grad():
            logits = forward(
                state.ema.module, batch.images, preprocessing=PREPROCESSING, precision="float32"
            )
        assert last.scores.logits[:8] == pytest.approx(logits.numpy(), abs=1e-6)

    def test_off_scores_the_network_itself(self) -> None:
        state = make_state()

        assert state.ema is None
        assert state.scored_module is state.module


class TestFreezing:
    def test_thaws_at_the_right_step_also_after_a_resume(self, loaders: Loaders) -> None:
        """Interrupted in the first thawed epoch before its first step, in a new process's state."""
        recipe = make_recipe(freeze_epochs=1)
        whole = make_state()
        changed: list[bool] = []
        before = whole.module.state_dict()["body.0.weight"].clone()

        def look(*_: object) -> None:
            changed.append(not whole.module.state_dict()["body.0.weight"].equal(before))

        whole.optimizer.register_step_post_hook(look)
        list(run(whole, loaders, recipe))
        stopped = make_state()
        list(run(stopped, loaders, recipe, lambda: stopped.epoch == 2))
        resumed = make_state()
        resumed.load(stopped.dump())
        # Whatever the new process did to it before.
        freeze_backbone(resumed.module, frozen=True)
        list(run(resumed, loaders, recipe))

        assert changed == [False] * 4 + [True] * 4
        assert stopped.module.state_dict()["body.0.weight"].equal(before)
        assert all(resumed.module.state_dict()[k].equal(t) for k, t in weights(whole).items())

    def test_all_parameter_groups_exist_from_the_start(self) -> None:
        state = make_state()
        groups = state.optimizer.param_groups

        assert [sum(p.numel() for p in group["params"]) for group in groups] == [168, 194]
        assert all(group["weight_decay"] == 0.01 for group in groups)


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


class TestStopping:
    @pytest.mark.parametrize(("patience", "epochs"), [(0, 6), (1, 2), (3, 4)])
    def test_early(self, patience: int, epochs: int, loaders: Loaders) -> None:
        """With a rate of next to nothing no epoch is better than the first."""
        recipe = make_recipe(lr=1e-12, patience=patience, epochs=6)
        events = list(run(make_state(), loaders, recipe))

        assert [e.epoch for e in events if isinstance(e, EpochScored)] == list(range(1, epochs + 1))
        assert not any(isinstance(event, Stopping) for event in events)

    def test_an_exhausted_run_does_nothing_and_a_renewed_one_goes_on(
        self, loaders: Loaders
    ) -> None:
        recipe = make_recipe(lr=1e-12, patience=1, epochs=6)
        state = make_state()
        list(run(state, loaders, recipe))

        assert list(run(state, loaders, recipe)) == []
        state.selection = state.selection.renew_patience()
        assert [e.epoch for e in scored(run(state, loaders, recipe))] == [3]

    def test_a_finished_run_does_nothing(self, loaders: Loaders) -> None:
        state = make_state()
        list(run(state, loaders, make_recipe()))

        assert list(run(state, loaders, make_recipe())) == []

    def test_a_wish_from_the_start_does_no_step(self, loaders: Loaders) -> None:
        state = make_state()

        assert list(run(state, loaders, make_recipe(), lambda: True)) == [Stopping()]
        assert state.step == 0

    def test_it_is_the_last_event(self, loaders: Loaders) -> None:
        state = make_state()
        events = list(run(state, loaders, make_recipe(), lambda: state.step == 3))

        assert [type(event) for event in events].count(Stopping) == 1
        assert isinstance(events[-1], Stopping)
        assert (state.epoch, state.batch, state.step) == (1, 3, 3)


class TestBest:
    @pytest.mark.parametrize("select_by", ["accuracy", "auc", "loss"])
    def test_is_by_what_was_asked_for(self, select_by: str, loaders: Loaders) -> None:
        state = make_state()
        found = scored(run(state, loaders, make_recipe(select_by=select_by, epochs=3)))
        values = [
            (-e.metrics.loss if select_by == "loss" else getattr(e.metrics, select_by))
            for e in found
        ]
        expected = max(range(3), key=lambda i: (values[i], -found[i].metrics.loss))

        assert state.selection.best_epoch == expected + 1
        assert state.selection.best_value == values[expected]
        assert [e.improved for e in found][expected]


class TestPace:
    def test_progress_is_at_most_ten_a_second(
        self, loaders: Loaders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """But for the end of a phase, whose numbers are always told. The clock is ours."""
        now = [0.0]

        def tick() -> float:
            now[0] += 0.004
            return now[0]

        monkeypatch.setattr(loop.time, "monotonic", tick)
        told = [
            (e.phase, e.batch)
            for e in run(make_state(), loaders, make_recipe(epochs=1))
            if not isinstance(e, EpochScored | SnapshotDue | Stopping)
        ]

        assert told[-2:] == [("training", 4), ("validation", 2)] or told == [
            ("training", 1),
            ("training", 4),
            ("validation", 2),
        ]

    def test_progress_is_the_mean_so_far(
        self, loaders: Loaders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "_PROGRESS_SECONDS", 0.0)
        state = make_state()
        sums: list[tuple[float, float]] = []
        seen = []
        for event in run(state, loaders, make_recipe(epochs=1)):
            if isinstance(event, EpochScored):
                break
            assert not isinstance(event, SnapshotDue | Stopping)
            seen.append((event.phase, event.batch, event.batches, event.epoch, event.epochs))
            if event.phase == "training":
                loss, right, _, _ = state.tally.read()
                samples = 8 * event.batch
                sums.append((event.loss * samples - loss, event.accuracy * samples - right))

        assert seen == [("training", n, 4, 1, 1) for n in range(1, 5)] + [
            ("validation", n, 2, 1, 1) for n in range(1, 3)
        ]
        assert np.abs(sums).max() < 1e-6

    def test_a_snapshot_is_due_in_training_and_once_in_a_validation(self, loaders: Loaders) -> None:
        events = list(run(make_state(), loaders, make_recipe(epochs=1, snapshot_seconds=0.0)))

        assert sum(isinstance(event, SnapshotDue) for event in events) == 4 + 1

    def test_none_is_due_before_its_time(self, loaders: Loaders) -> None:
        events = list(run(make_state(), loaders, make_recipe()))

        assert not any(isinstance(event, SnapshotDue) for event in events)


class TestTally:
    def test_sums_samples_and_right_answers(self) -> None:
        tally = Tally(CPU)
        logits = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
        tally.add(torch.tensor([1.0, 2.0, 3.0]), logits, torch.tensor([1, 1, 1]), step=0)
        tally.add(torch.tensor([4.0]), logits[:1], torch.tensor([0]), step=1)

        assert tally.read() == (10.0, 2.0, None, 4.0)

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_keeps_the_first_bad_step_and_the_last_finite_loss(self, bad: float) -> None:
        tally = Tally(CPU)
        for step, loss in enumerate([1.0, bad, 3.0, bad]):
            tally.add(torch.tensor([loss]), torch.zeros(1, 2), torch.tensor([0]), step=step)

        assert tally.read()[2:] == (1, 3.0)

    def test_the_first_bad_step_may_be_the_first(self) -> None:
        tally = Tally(CPU)
        tally.add(torch.tensor([math.nan]), torch.zeros(1, 2), torch.tensor([0]), step=0)

        assert tally.read()[2] == 0


PINNED_LOSSES = [
    (0.629038, 0.536468),
    (0.477626, 0.39052),
    (0.363599, 0.327392),
    (0.324934, 0.316437),
]
