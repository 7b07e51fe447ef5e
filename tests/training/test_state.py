"""What a checkpoint holds is all there is, and fits only the network it came from."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from torch import nn

from dfx.training.selection import Selection
from dfx.training.state import TrainingState


class Network(nn.Module):
    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.body = nn.BatchNorm1d(width)
        self.head = nn.Linear(width, 2)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.head(self.body(inputs))
        return logits

    def get_classifier(self) -> nn.Module:
        return self.head


def make_state(width: int = 4, ema_decay: float = 0.5) -> TrainingState:
    return TrainingState(
        Network(width),
        device=torch.device("cpu"),
        precision="float16",
        weight_decay=0.1,
        ema_decay=ema_decay,
    )


def advance(state: TrainingState) -> None:
    """A step, with every part of the state touched."""
    losses = state.module(torch.randn(8, 4)).square().sum(1)
    state.scaler.scale(losses.mean()).backward()  # type: ignore[no-untyped-call]
    for group in state.optimizer.param_groups:
        group["lr"] = 0.1
    state.scaler.step(state.optimizer)
    state.scaler.update(new_scale=123.0)
    state.tally.add(losses.detach(), torch.zeros(8, 2), torch.zeros(8, dtype=torch.long), step=0)
    if state.ema:
        state.ema.update(state.module, step=5)
    state.epoch, state.batch, state.step = 3, 2, 17
    state.seconds, state.training_seconds = 12.5, 10.5
    state.selection = Selection(best_epoch=2, best_value=0.75, best_loss=0.5, anchor=0.7, waited=1)


def through_a_file(state: TrainingState) -> dict[str, Any]:
    buffer = io.BytesIO()
    torch.save(state.dump(), buffer)
    buffer.seek(0)
    saved: dict[str, Any] = torch.load(buffer, weights_only=True)
    return saved


def test_everything_comes_back_through_a_file_of_plain_values() -> None:
    torch.manual_seed(0)
    state, other = make_state(), make_state()
    advance(state)
    other.load(through_a_file(state))

    assert (other.epoch, other.batch, other.step) == (3, 2, 17)
    assert (other.seconds, other.training_seconds) == (12.5, 10.5)
    assert other.selection == state.selection
    assert other.tally.read() == state.tally.read()
    assert other.scaler.get_scale() == 123.0
    assert str(other.optimizer.state_dict()) == str(state.optimizer.state_dict())
    for one, two in ((state.module, other.module), (state.scored_module, other.scored_module)):
        assert all(two.state_dict()[key].equal(t) for key, t in one.state_dict().items())
    assert not state.module.head.weight.equal(state.scored_module.head.weight)  # type: ignore[union-attr, operator, arg-type]


def test_how_the_optimiser_computes_is_not_taken_over() -> None:
    """A file of a machine without the fused optimiser goes on with it, also in float16."""
    state, other = make_state(), make_state()
    advance(state)
    saved = through_a_file(state)
    for group in saved["optimizer"]["param_groups"]:
        group["fused"] = None
    other.load(saved)
    advance(other)

    assert [group["fused"] for group in other.optimizer.param_groups] == [True, True]


def test_sums_of_several_processes_keep_their_precision() -> None:
    """Also step numbers that float32 does not have."""
    state = make_state()
    saved = through_a_file(state)
    saved["tally"] = torch.tensor(
        [[0.1, 1, -1, 0.5], [0.2, 2, 2**24 + 1, 0.5]], dtype=torch.float64
    )
    state.load(saved)

    assert state.tally.read() == (0.1 + 0.2, 3.0, 2**24 + 1, 0.5)


def test_of_another_network_is_refused() -> None:
    """Never loaded in part."""
    with pytest.raises(RuntimeError, match="size mismatch"):
        make_state(width=5).load(through_a_file(make_state()))


def test_the_watch_leaves_out_what_is_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds go on from those saved; the time between is nobody's. The clock is ours."""
    now = 100.0
    monkeypatch.setattr("dfx.training.state.time.monotonic", lambda: now)
    state = make_state()
    state.seconds = state.training_seconds = 50.0
    now = 1000.0
    state.restart_watch()
    now = 1003.0
    state.read_watch(training=True)
    now = 1005.0
    state.read_watch(training=False)

    assert (state.seconds, state.training_seconds) == (55.0, 53.0)


def test_the_next_epoch_begins_from_nothing_but_what_was_learnt() -> None:
    state = make_state()
    advance(state)
    last_finite = state.tally.read()[3]
    chosen = Selection(best_epoch=3)
    state.begin_next_epoch(chosen)

    assert (state.epoch, state.batch, state.step) == (4, 0, 17)
    assert (state.seconds, state.training_seconds, state.selection) == (0.0, 0.0, chosen)
    assert state.tally.read() == (0.0, 0.0, None, last_finite)
