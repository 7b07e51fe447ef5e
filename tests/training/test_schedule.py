"""The learning rate at pinned steps."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfx.training.schedule import LearningRate


def rate(**changes: Any) -> LearningRate:
    settings: dict[str, Any] = {
        "peak": 1.0,
        "shape": "cosine",
        "epochs": 4,
        "steps_per_epoch": 10,
        "warmup_epochs": 0.0,
        "step_epochs": 2,
        "gamma": 0.1,
    }
    return LearningRate(**{**settings, **changes})


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1.0), (10, (1 + math.sqrt(0.5)) / 2), (20, 0.5), (40, 0.0)]
)
def test_cosine_falls_from_the_peak_to_0_over_all_steps(step: int, expected: float) -> None:
    assert rate().at(step) == pytest.approx(expected)


def test_cosine_agrees_with_torch() -> None:
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    for step in range(40):
        assert rate(peak=0.3).at(step) == pytest.approx(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()


@pytest.mark.parametrize(
    ("step", "expected"), [(0, 1), (19, 1), (20, 0.1), (39, 0.1), (40, 0.01), (399, 1e-19)]
)
def test_step_falls_every_so_many_epochs(step: int, expected: float) -> None:
    assert rate(shape="step").at(step) == pytest.approx(expected)


@pytest.mark.parametrize("step", [0, 39, 4000])
def test_constant_stays(step: int) -> None:
    assert rate(shape="constant", peak=0.7).at(step) == 0.7


@pytest.mark.parametrize("shape", ["cosine", "step", "constant"])
def test_warm_up_rises_in_equal_steps_to_the_peak(shape: str) -> None:
    """From above 0, since a step at 0 would be lost, to the peak at the first step after it."""
    warm = rate(shape=shape, warmup_epochs=0.4)

    assert [warm.at(step) for step in range(5)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_cosine_after_a_warm_up_still_ends_at_0() -> None:
    warm = rate(warmup_epochs=2.0)

    assert warm.at(20) == 1.0
    assert warm.at(30) == pytest.approx(0.5)
    assert warm.at(40) == pytest.approx(0.0)


@given(st.sampled_from(["cosine", "step", "constant"]), st.floats(0, 3.9), st.integers(0, 1000))
def test_is_never_above_the_peak_nor_below_0(shape: str, warmup: float, step: int) -> None:
    assert 0 <= rate(shape=shape, warmup_epochs=warmup).at(step) <= 1


def test_beyond_the_plan_it_does_not_rise_again() -> None:
    assert rate().at(60) == pytest.approx(0)
