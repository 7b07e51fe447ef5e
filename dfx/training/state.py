"""Everything a run needs to go on: what is saved in a checkpoint, and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import AdamW, Optimizer

from dfx.evaluation.precision import Precision
from dfx.models.batch_norm import synchronise_batch_norm
from dfx.models.network import last_layer
from dfx.training.selection import Selection
from dfx.training.team import ALONE, Team


class TrainingState:
    """A network in training with its optimiser, scaler, moving average, position and tallies.

    Learning rate, order, augmentation, dropout and freezing are functions of the position, so they
    are not part of it.

    In a team every member has one; they differ in the tallies alone, and the leader's is saved.

    Attributes:
        team: The processes that train together.
        epoch: The epoch being worked on, from 1.
        batch: Batches of it that are done.
        step: Optimiser steps done since the run began.
        seconds: Time spent on the epoch so far.
        training_seconds: Time spent on its training phase so far.
        selection: What is known of the finished epochs.
        tally: Sums over the epoch's training samples so far, of those that this process had.
        others: [p - 1, 4]: the sums of the other processes, as the leader last gathered them.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        device: torch.device,
        precision: Precision,
        weight_decay: float,
        ema_decay: float,
        team: Team = ALONE,
    ) -> None:
        self.device = device
        self.team = team
        self.module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        # The warm-up keeps the first average from being mostly the random start.
        self.ema = ModelEmaV3(self.module, decay=ema_decay, use_warmup=True) if ema_decay else None
        if team.group:  # after the average was copied: a group cannot be
            self.module = synchronise_batch_norm(self.module, team.group, device)
        self.optimizer = build_optimizer(self.module, weight_decay=weight_decay)
        self.scaler = GradScaler(device.type, enabled=precision == "float16")
        self.epoch = 1
        self.batch = 0
        self.step = 0
        self.seconds = 0.0
        self.training_seconds = 0.0
        self.selection = Selection()
        self.tally = Tally(device)
        self.others = self._untouched_tallies()
        self._watch = time.monotonic()

    @property
    def scored_module(self) -> nn.Module:
        """What is evaluated and saved as best: the moving average where there is one."""
        module: nn.Module = self.module if self.ema is None else self.ema.module
        return module

    def restart_watch(self) -> None:
        """Leaves out of `seconds` what happened since the last look at the clock."""
        self._watch = time.monotonic()

    def read_watch(self, *, training: bool) -> None:
        """Adds the time since the last look at the clock to the epoch's."""
        now = time.monotonic()
        self.seconds += now - self._watch
        if training:
            self.training_seconds += now - self._watch
        self._watch = now

    def begin_next_epoch(self, selection: Selection) -> None:
        """Moves on to the start of the next epoch."""
        self.epoch += 1
        self.batch = 0
        self.seconds = 0.0
        self.training_seconds = 0.0
        self.selection = selection
        self.tally = Tally(self.device, after=self.tally)
        self.others = self._untouched_tallies()

    def gather_tallies(self) -> list[list[float]]:
        """The sums of all processes, by rank; the leader keeps them for the next `dump`."""
        rows = self.team.gather(self.tally.sums.tolist())
        self.others = torch.tensor(rows[1:], dtype=self.tally.sums.dtype).view(-1, 4)
        return rows

    def _untouched_tallies(self) -> Tensor:
        return self.tally.sums.cpu().repeat(self.team.size - 1, 1)

    def dump(self) -> dict[str, Any]:
        """Tensors and plain values for a checkpoint."""
        return {
            "model": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema else None,
            "position": {name: getattr(self, name) for name in _POSITION},
            "selection": self.selection.dump(),
            "tally": torch.cat([self.tally.sums.cpu()[None], self.others]),
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        """Takes the place of what `dump` gave, to a team of this size or another.

        Raises:
            RuntimeError: Where it belongs to another network.
        """
        self.module.load_state_dict(saved["model"])
        self._load_optimizer(saved["optimizer"])
        self.scaler.load_state_dict(saved["scaler"])
        if self.ema:
            self.ema.module.load_state_dict(saved["ema"])
        for name in _POSITION:
            setattr(self, name, saved["position"][name])
        self.selection = Selection(**saved["selection"])
        rows = saved["tally"].view(-1, 4)
        if len(rows) == self.team.size:
            self.tally.sums.copy_(rows[self.team.rank])
            self.others = rows[1:]
        elif self.team.is_leader:
            self.tally.sums.copy_(torch.tensor(combine_tallies(rows.tolist()), dtype=rows.dtype))

    def _load_optimizer(self, saved: Mapping[str, Any]) -> None:
        """Takes moments and steps over; how they are computed is this machine's to choose."""
        groups = [
            {**group, "fused": own["fused"]}
            for group, own in zip(saved["param_groups"], self.optimizer.param_groups, strict=True)
        ]
        self.optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


_POSITION = ("epoch", "batch", "step", "seconds", "training_seconds")


class Tally:
    """Loss and right answers summed on the device, so that nothing waits for it.

    A loss that is not finite is noticed here, and read with the rest.

    Attributes:
        sums: [4]: loss times samples, right answers, the first step whose loss was not finite or
            -1, the last finite loss. float64, float32 where the device has no more.

    Args:
        device: Where the sums are.
        after: The tally before, whose last finite loss stands until there is another.
    """

    def __init__(self, device: torch.device, *, after: Tally | None = None) -> None:
        dtype = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.tensor([0.0, 0.0, -1.0, torch.nan], dtype=dtype, device=device)
        if after:
            self.sums[3] = after.sums[3]

    @torch.no_grad()
    def add(self, losses: Tensor, logits: Tensor, labels: Tensor, *, step: int) -> None:
        """Adds a batch.

        Args:
            losses: float32 [b]; b may be 0.
            logits: float32 [b, 2].
            labels: int64 [b].
            step: The optimiser step it belongs to.
        """
        if not len(losses):
            return
        total = losses.sum().to(self.sums)
        finite = torch.isfinite(total)
        self.sums[0] += total
        self.sums[1] += (logits.argmax(1) == labels).sum()
        first = ~finite & (self.sums[2] < 0)
        self.sums[2] = torch.where(first, step, self.sums[2])
        self.sums[3] = torch.where(finite, total / len(losses), self.sums[3])

    def read(self) -> tuple[float, float, int | None, float]:
        """Waits for the device.

        Returns:
            Summed loss, right answers, first step without a finite loss, last finite loss.
        """
        return read_tallies([self.sums.tolist()])


def combine_tallies(rows: list[list[float]]) -> list[float]:
    """One row of sums, as in `Tally.sums`, from those of all processes."""
    bad_steps = [row[2] for row in rows if row[2] >= 0]
    last_finite = [row[3] for row in rows if not math.isnan(row[3])]
    return [
        sum(row[0] for row in rows),
        sum(row[1] for row in rows),
        min(bad_steps, default=-1.0),
        next(iter(last_finite), math.nan),
    ]


def read_tallies(rows: list[list[float]]) -> tuple[float, float, int | None, float]:
    """What the sums of all processes say together, as `Tally.read` gives it."""
    loss, right, bad, last = combine_tallies(rows)
    return loss, right, None if bad < 0 else int(bad), last


def build_optimizer(module: nn.Module, *, weight_decay: float) -> Optimizer:
    """AdamW over all parameters, in two groups from the start: the last layer, and the rest.

    The learning rate is set before each step. Frozen parameters have no gradient and stay. Where it
    is fused, a step that a gradient scaler skips is skipped on the device: the others would wait
    for it to tell.
    """
    head = list(last_layer(module).parameters())
    known = {id(parameter) for parameter in head}
    rest = [parameter for parameter in module.parameters() if id(parameter) not in known]
    groups = [{"params": rest}, {"params": head}]
    is_fused = head[0].device.type in {"cpu", "cuda"}
    return AdamW(groups, lr=0.0, weight_decay=weight_decay, fused=is_fused or None)
