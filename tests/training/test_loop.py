"""The loop: what it does with its numbers, and what it says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dfx.data.index import ListedImage
from dfx.evaluation.inference import forward, probabilities
from dfx.evaluation.metrics import measure
from dfx.training import loop
from dfx.training.events import EpochScored, SnapshotDue, Stopping
from dfx.training.schedule import LearningRate
from dfx.training.state import Tally

from .loop_samples import (
    CPU,
    PREPROCESSING,
    Loaders,
    assert_close,
    make_recipe,
    make_state,
    open_loader,
    run,
    scored,
    weights,
)


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


class TestValidation:
    def test_what_is_kept_of_a_batch_is_little(
        self, loaders: Loaders, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A view would keep the whole batch, and a loader process's shared memory, to the end."""
        kept: list[int] = []
        finish = loop._finish_epoch

        def look(*arguments: Any) -> EpochScored:
            kept.extend(t.untyped_storage().nbytes() for scored in arguments[3] for t in scored)
            return finish(*arguments)

        monkeypatch.setattr(loop, "_finish_epoch", look)
        scored(run(make_state(), loaders, make_recipe(epochs=1)))

        assert kept == [8 * 8, 8 * 8, 8 * 2 * 4] * 2


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
