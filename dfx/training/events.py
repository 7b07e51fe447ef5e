"""What the training loop yields; `dfx.messages.Progress` is the fourth."""

from __future__ import annotations

from dataclasses import dataclass

from dfx.evaluation.inference import Scores
from dfx.evaluation.metrics import Metrics
from dfx.messages import Progress


@dataclass(frozen=True, slots=True)
class SnapshotDue:
    """The state should be written now; it stands still until the loop is asked to go on."""


@dataclass(frozen=True, slots=True)
class EpochScored:
    """An epoch is over, and the state has moved on to the next.

    Attributes:
        epoch: Its number.
        step: Optimiser steps done since the run began.
        train_loss: Mean over its samples, as optimised.
        train_accuracy: Share right, augmentation on.
        lr: Learning rate of its last step.
        seconds: Time spent on it.
        images_per_second: Of the training phase.
        metrics: Of the validation scores, uncalibrated, at threshold 0.5.
        scores: The validation scores.
        improved: Whether it is the best so far.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    lr: float
    seconds: float
    images_per_second: float
    metrics: Metrics
    scores: Scores
    improved: bool


@dataclass(frozen=True, slots=True)
class Stopping:
    """The loop was asked to stop and has; the state should be written."""


Event = Progress | SnapshotDue | EpochScored | Stopping
