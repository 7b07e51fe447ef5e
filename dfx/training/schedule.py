"""The learning rate as a pure function of the optimiser step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class LearningRate:
    """The learning rate over a run.

    Attributes:
        peak: The configured learning rate.
        shape: `cosine` falls to 0 over all steps (Loshchilov & Hutter, ICLR 2017, no restarts),
            `step` is multiplied by `gamma` every `step_epochs`, `constant` stays.
        epochs: Epochs planned.
        steps_per_epoch: Optimiser steps in each.
        warmup_epochs: Epochs of linear rise before the shape begins; may be a fraction.
        step_epochs: See `shape`.
        gamma: See `shape`.
    """

    peak: float
    shape: Literal["cosine", "step", "constant"]
    epochs: int
    steps_per_epoch: int
    warmup_epochs: float
    step_epochs: int
    gamma: float

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        warmup = round(self.warmup_epochs * self.steps_per_epoch)
        if step < warmup:
            return self.peak * (step + 1) / (warmup + 1)
        if self.shape == "cosine":
            done = (step - warmup) / max(1, self.epochs * self.steps_per_epoch - warmup)
            return self.peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
        if self.shape == "step":
            epoch = step // self.steps_per_epoch
            return self.peak * self.gamma ** (epoch // self.step_epochs)
        return self.peak
