"""The training loop, as a generator: it trains and says so; writing and showing is others' work.

In a team every member goes through the same loop, over its share of each batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from dfx.data.loading import EVALUATION_EPOCH, Batch, ImageLoader, explain_lost_workers
from dfx.data.randomness import derive_seed
from dfx.data.transforms import device_constant
from dfx.errors import TrainingDiverged
from dfx.evaluation.inference import Scores, forward
from dfx.evaluation.metrics import measure
from dfx.evaluation.precision import Precision
from dfx.messages import Phase, Progress
from dfx.models.network import freeze_backbone
from dfx.records import Preprocessing
from dfx.training.events import EpochScored, Event, SnapshotDue, Stopping
from dfx.training.schedule import LearningRate
from dfx.training.selection import SelectBy, selection_value
from dfx.training.state import Tally, TrainingState, read_tallies
from dfx.training.team import Team

_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Recipe:
    """The numbers that the loop works by; each is the configuration's of the same name.

    Attributes:
        epochs: Last epoch to train.
        class_weights: Factor of each class's loss, with mean 1 over the training samples.
    """

    epochs: int
    seed: int
    precision: Precision
    preprocessing: Preprocessing
    learning_rate: LearningRate
    select_by: SelectBy
    patience: int
    min_delta: float
    freeze_epochs: int
    accumulate: int
    clip_grad_norm: float
    label_smoothing: float
    class_weights: tuple[float, float]
    snapshot_seconds: float


def fit(
    state: TrainingState,
    *,
    train: ImageLoader,
    validation: ImageLoader,
    recipe: Recipe,
    should_stop: Callable[[], bool],
) -> Iterator[Event]:
    """Trains from where the state stands to the last epoch, early stopping, or a request to stop.

    While an event is being handled the state stands still, so the handler may write it down.

    Args:
        state: Changed in place.
        train: The training images.
        validation: The validation images; nothing else decides the best epoch.
        recipe: How.
        should_stop: Looked at after each step, in training and in validation. All members of a
            team must be given the same answer.

    Yields:
        `Progress`, at most ten a second; `SnapshotDue`; `EpochScored`; `Stopping`, the last.

    Raises:
        TrainingDiverged: Where the loss is no longer a number.
        TrainingFailed: Where a loader process was lost, or another process of the team.
        ImageError: Where an image can no longer be read.
    """
    pace = _Pace(state.team, recipe.snapshot_seconds)
    with explain_lost_workers(), state.team.working():
        while state.epoch <= recipe.epochs and not state.selection.is_exhausted(recipe.patience):
            state.restart_watch()
            yield from _train_epoch(state, train, recipe, pace, should_stop)
            if should_stop():
                _check_sound(state)
                yield Stopping()
                return
            collected: list[_Scored] = []
            yield from _validate(state, validation, recipe, pace, should_stop, collected)
            if should_stop():
                _check_sound(state)
                yield Stopping()
                return
            yield _finish_epoch(state, train, recipe, collected)
            pace.note_snapshot()
            if should_stop():
                yield Stopping()
                return


class _Scored(NamedTuple):
    """A batch of validation images as the network scored it: int64 [b] twice, float32 [b, 2]."""

    labels: Tensor
    indices: Tensor
    logits: Tensor


class _Due(NamedTuple):
    """What the clock says should be done now."""

    progress: bool
    snapshot: bool


class _Pace:
    """When something was last said or written, by the leader's clock."""

    def __init__(self, team: Team, snapshot_seconds: float) -> None:
        self._team = team
        self._snapshot_seconds = snapshot_seconds
        self._snapshot = time.monotonic()
        self._progress = 0.0

    def look(self) -> _Due:
        """What is due; the same to all members of the team."""
        now = time.monotonic()
        progress = now - self._progress >= _PROGRESS_SECONDS
        snapshot = now - self._snapshot >= self._snapshot_seconds
        agreed = self._team.most(progress + 2 * snapshot if self._team.is_leader else 0)
        if agreed & 1:
            self._progress = now
        return _Due(bool(agreed & 1), bool(agreed & 2))

    def note_snapshot(self) -> None:
        self._snapshot = time.monotonic()


def _train_epoch(
    state: TrainingState,
    loader: ImageLoader,
    recipe: Recipe,
    pace: _Pace,
    should_stop: Callable[[], bool],
) -> Iterator[Event]:
    plan = loader.plan(state.epoch)
    freeze_backbone(state.module, frozen=state.epoch <= recipe.freeze_epochs)
    batches = loader.batches(state.epoch, start=state.batch)
    while state.batch < len(plan) and not should_stop():
        group = plan[state.batch : state.batch + recipe.accumulate]
        sizes = [len(batch) for batch in group]
        train_step(state, [next(batches) for _ in group], recipe, sizes=sizes)
        state.batch += len(group)
        state.step += 1
        due = pace.look()
        if due.progress or state.batch == len(plan):
            samples = sum(map(len, plan[: state.batch]))
            loss, accuracy = _read_tally(state.gather_tallies(), samples, state.epoch)
            state.read_watch(training=True)
            yield _progress(state, recipe, "training", state.batch, len(plan), loss, accuracy)
        if due.snapshot:
            _check_sound(state)
            state.read_watch(training=True)
            yield SnapshotDue()
            pace.note_snapshot()
            state.restart_watch()
    state.read_watch(training=True)


def train_step(
    state: TrainingState, batches: list[Batch], recipe: Recipe, *, sizes: Sequence[int]
) -> None:
    """One optimiser step over some batches, each weighing by its number of samples.

    Nothing in it waits for the device, but for what torch does to synchronise batch norm between
    cards. The caller counts the step.

    Args:
        state: Changed in place.
        batches: This process's share of each batch; it may be empty.
        recipe: How.
        sizes: Number of samples of each batch, over all processes.
    """
    samples = sum(sizes)
    # Dropout and stochastic depth draw from torch's own generator.
    torch.manual_seed(derive_seed("step", recipe.seed, state.step, state.team.rank))
    weights = device_constant(recipe.class_weights, state.device)
    for batch in batches:
        images = batch.images.to(state.device, non_blocking=True)
        labels = batch.labels.to(state.device, non_blocking=True)
        logits = forward(
            state.module,
            images,
            preprocessing=recipe.preprocessing,
            precision=recipe.precision,
        )
        losses = weights[labels] * cross_entropy(
            logits, labels, reduction="none", label_smoothing=recipe.label_smoothing
        )
        state.tally.add(losses.detach(), logits.detach(), labels, step=state.step)
        state.scaler.scale(losses.sum() / samples).backward()  # type: ignore[no-untyped-call]  # torch's
    if min(sizes) < state.team.size:
        _fill_gradients(state)
    gradients = (parameter.grad for parameter in state.module.parameters())
    state.team.add_up([gradient for gradient in gradients if gradient is not None])
    for group in state.optimizer.param_groups:
        group["lr"] = recipe.learning_rate.at(state.step)
    if recipe.clip_grad_norm:
        state.scaler.unscale_(state.optimizer)
        torch.nn.utils.clip_grad_norm_(state.module.parameters(), recipe.clip_grad_norm)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    if state.ema:
        state.ema.update(state.module, step=state.step)


def _fill_gradients(state: TrainingState) -> None:
    """Gives a process that had no sample the gradients, of 0, that the others have.

    Between cards, torch's batch norm gives none where it had nothing to normalise.
    """
    parameters = list(state.module.parameters())
    present = state.team.gather([parameter.grad is not None for parameter in parameters])
    for parameter, *is_present in zip(parameters, *present, strict=True):
        if any(is_present) and parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


@torch.no_grad()
def _score(state: TrainingState, batch: Batch, recipe: Recipe) -> Tensor:
    return forward(
        state.scored_module,
        batch.images.to(state.device, non_blocking=True),
        preprocessing=recipe.preprocessing,
        precision=recipe.precision,
    )


def _validate(
    state: TrainingState,
    loader: ImageLoader,
    recipe: Recipe,
    pace: _Pace,
    should_stop: Callable[[], bool],
    collected: list[_Scored],
) -> Iterator[Event]:
    """Scores the validation images into `collected`."""
    state.scored_module.eval()
    plan = loader.plan(EVALUATION_EPOCH)
    tally = Tally(state.device, after=state.tally)
    last_step = state.step - 1
    written = False
    for done, batch in enumerate(loader.batches(), start=1):
        logits = _score(state, batch, recipe)
        due = pace.look()
        labels = batch.labels.to(state.device, non_blocking=True)
        tally.add(cross_entropy(logits, labels, reduction="none"), logits, labels, step=last_step)
        # Copies, since a part of a batch keeps all of it, and a file of its worker open.
        collected.append(_Scored(batch.labels.clone(), batch.indices.clone(), logits))
        if due.progress or done == len(plan):
            samples = sum(map(len, plan[:done]))
            rows = state.team.gather(tally.sums.tolist())
            loss, accuracy = _read_tally(rows, samples, state.epoch)
            state.read_watch(training=False)
            yield _progress(state, recipe, "validation", done, len(plan), loss, accuracy)
        if due.snapshot and not written:
            # Validation changes nothing, so one snapshot of the finished training is enough.
            _check_sound(state)
            yield SnapshotDue()
            pace.note_snapshot()
            written = True
        if should_stop():
            return


def _finish_epoch(
    state: TrainingState, train: ImageLoader, recipe: Recipe, collected: list[_Scored]
) -> EpochScored:
    scores = _join(
        state.team.gather(
            Scores(
                labels=np.concatenate([scored.labels.numpy() for scored in collected]),
                logits=np.concatenate([scored.logits.cpu().numpy() for scored in collected]),
                indices=np.concatenate([scored.indices.numpy() for scored in collected]),
            )
        )
    )
    metrics = measure(scores.labels, scores.p_deepfake(), threshold=0.5)
    samples = sum(map(len, train.plan(state.epoch)))
    train_loss, train_accuracy = _read_tally(state.gather_tallies(), samples, state.epoch)
    selection = state.selection.update(
        epoch=state.epoch,
        value=selection_value(
            recipe.select_by, accuracy=metrics.accuracy, auc=metrics.auc, loss=metrics.loss
        ),
        loss=metrics.loss,
        min_delta=recipe.min_delta,
    )
    state.read_watch(training=False)
    scored = EpochScored(
        epoch=state.epoch,
        step=state.step,
        train_loss=train_loss,
        train_accuracy=train_accuracy,
        lr=recipe.learning_rate.at(state.step - 1),
        seconds=state.seconds,
        images_per_second=samples / max(state.training_seconds, 1e-9),
        metrics=metrics,
        scores=scores,
        improved=selection.best_epoch == state.epoch,
    )
    state.begin_next_epoch(selection)
    return scored


def _join(shares: list[Scores]) -> Scores:
    """The scores of all processes, in the order of the index."""
    indices = np.concatenate([share.indices for share in shares])
    order = np.argsort(indices)
    return Scores(
        labels=np.concatenate([share.labels for share in shares])[order],
        logits=np.concatenate([share.logits for share in shares])[order],
        indices=indices[order],
    )


def _read_tally(rows: list[list[float]], samples: int, epoch: int) -> tuple[float, float]:
    """Mean loss and accuracy of the tallies of all processes."""
    loss, right, bad_step, last_finite = read_tallies(rows)
    if bad_step is not None:
        raise _divergence("loss is", epoch, bad_step + 1, last_finite)
    return loss / samples, right / samples


def _check_sound(state: TrainingState) -> None:
    """Lets no state be written that could not go on. Waits for the device.

    The loss of a step says nothing about the weights that the same step made.
    """
    rows = state.gather_tallies()
    _read_tally(rows, 1, state.epoch)
    weights = state.module.parameters()
    if not torch.stack([weight.isfinite().all() for weight in weights]).all():
        raise _divergence("weights are", state.epoch, state.step, read_tallies(rows)[3])


def _divergence(what: str, epoch: int, step: int, last_finite: float) -> TrainingDiverged:
    loss = "one" if what == "loss is" else "loss"
    before = f"the last finite {loss} was {last_finite:.6g}"
    if math.isnan(last_finite):
        before = "it never was"
    return TrainingDiverged(
        f"the {what} no longer finite in epoch {epoch}, step {step}; {before}",
        hint="lower optim.lr, set train.clip_grad_norm=1, or use train.precision=float32;"
        " the last good checkpoint stands",
    )


def _progress(
    state: TrainingState,
    recipe: Recipe,
    phase: Phase,
    batch: int,
    batches: int,
    loss: float,
    accuracy: float,
) -> Progress:
    return Progress(state.epoch, recipe.epochs, phase, batch, batches, loss, accuracy)
