"""The loop: what it minimises, and which parameters it moves."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dfx.evaluation.inference import forward
from dfx.models.network import freeze_backbone
from dfx.training.loop import Recipe

from .loop_samples import (
    PREPROCESSING,
    Loaders,
    assert_close,
    make_recipe,
    make_state,
    run,
    scored,
    weights,
)


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
