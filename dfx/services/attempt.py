"""Working on a run: one attempt from checking its images to its last epoch, or to whatever ends it.

Nothing is computed here. What the loop yields is written to a file, then to the store, then told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfx.config import ExperimentConfig
from dfx.data.index import ListedImage, SplitIndex, check_images
from dfx.data.loading import ImageDataset, ImageLoader
from dfx.data.transforms import Augmentation
from dfx.errors import AttemptSuperseded, DfxError, Interrupted, StoreError, TrainingFailed
from dfx.messages import Counting, EpochFinished, Message, Notice, Progress, RunFinished
from dfx.models.device import describe_device
from dfx.records import DEEPFAKE, REAL, Attempt, Preprocessing, Run, Split, Status
from dfx.services.estimate import Estimate
from dfx.services.heartbeat import Heartbeat
from dfx.services.keeping import Keeper, write_manifest
from dfx.services.machine import Machine
from dfx.services.room import find_lack_of_room
from dfx.tracking.store import RunStore
from dfx.training.events import EpochScored, Event, SnapshotDue, Stopping
from dfx.training.loop import Recipe, fit
from dfx.training.schedule import LearningRate
from dfx.training.signals import StopFlag
from dfx.training.state import TrainingState

Notify = Callable[[Message], None]

_CHECKED_SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True, slots=True)
class Work:
    """All that an attempt begins with.

    Attributes:
        module: The network, with its initial weights where there is no checkpoint.
        listed: The images of each split.
        saved: The contents of the checkpoint to go on from, or None.
        renews_patience: Whether early stopping waits anew, since the plan was extended.
        resume_command: What the person types to go on after an interruption.
    """

    store: RunStore
    home: Path
    run: Run
    attempt: Attempt
    machine: Machine
    module: nn.Module
    listed: Mapping[Split, tuple[ListedImage, ...]]
    saved: Mapping[str, Any] | None
    renews_patience: bool
    resume_command: str


def perform(work: Work, notify: Notify) -> Run:
    """Does an attempt's work, and records how it ended, whatever ends it.

    Returns:
        The completed run.

    Raises:
        Interrupted: Where a signal stopped it.
        DfxError: Where it failed for a reason that the user can mend.
    """

    def announce() -> None:
        notify(Notice("stopping after this step: writing a checkpoint (once more to stop at once)"))

    with StopFlag(announce) as flag, Heartbeat(work.store, work.attempt.id):
        try:
            message = _train(work, notify, flag)
        except AttemptSuperseded:
            raise
        except Interrupted:
            work.store.finish_attempt(work.attempt.id, status=Status.INTERRUPTED, message=None)
            raise
        except DfxError as error:
            _record_failure(work, error.message)
            raise
        except torch.OutOfMemoryError as error:
            failure = _explain_memory(work.machine)
            _record_failure(work, failure.message)
            raise failure from error
        except BaseException as error:
            _record_failure(work, f"{type(error).__name__}: {error}")
            raise
        work.store.finish_attempt(work.attempt.id, status=Status.COMPLETED, message=message)
    return _report(work, notify)


def _train(work: Work, notify: Notify, flag: StopFlag) -> str | None:
    """Trains; what it returns says why it ended before the last epoch."""
    store, config = work.store, work.machine.config
    indices = {split: _check(work, split, notify, flag) for split in _CHECKED_SPLITS}
    store.record_data(work.attempt.id, [index.summarise() for index in indices.values()])
    for index in indices.values():
        write_manifest(work.home, index)
    run = store.get_run(work.run.id)
    state = TrainingState(
        work.module,
        device=work.machine.device,
        precision=work.machine.precision,
        weight_decay=config.optim.weight_decay,
        ema_decay=config.train.ema,
    )
    if work.saved:
        state.load(work.saved)
        if work.renews_patience:
            state.selection = state.selection.renew_patience()
    _announce_start(work, indices, notify)
    keeper = Keeper(store, work.home, run, work.attempt, config, indices["val"])
    keeper.tidy()
    if lack := find_lack_of_room(work.home, work.home / run.directory / "checkpoints", state):
        notify(lack)
    with ExitStack() as stack:
        train = stack.enter_context(_loader(indices["train"], config, augmented=True))
        validation = stack.enter_context(_loader(indices["val"], config, augmented=False))
        events = fit(
            state,
            train=train,
            validation=validation,
            recipe=_recipe(work.machine, indices["train"], len(train.plan(1))),
            should_stop=flag.is_raised,
        )
        if _keep(events, state, keeper, notify):
            raise _interruption(work, state, flag)
    if state.epoch <= config.train.epochs:
        return (
            f"stopped early after epoch {state.epoch - 1}: no improvement of validation"
            f" {config.train.select_by} in {state.selection.waited} epochs"
        )
    return None


def _keep(events: Iterator[Event], state: TrainingState, keeper: Keeper, notify: Notify) -> bool:
    """Writes down what the loop yields and passes it on; True where it was asked to stop."""
    epochs = keeper.config.train.epochs
    estimate = Estimate(epochs)
    for event in events:
        match event:
            case Progress():
                notify(event)
                if text := estimate.update(event):
                    notify(Notice(text))
            case SnapshotDue():
                keeper.keep_snapshot(state)
            case EpochScored():
                record = keeper.keep_epoch(event, state)
                notify(EpochFinished(record, epochs, event.improved))
                if text := estimate.finish_epoch(record.epoch, record.seconds):
                    notify(Notice(text))
            case Stopping():
                keeper.keep_snapshot(state)
                return True
    return False


def _check(work: Work, split: Split, notify: Notify, flag: StopFlag) -> SplitIndex:
    config = work.machine.config

    def progress(done: int, total: int) -> None:
        notify(Counting(f"Reading {split} images", done, total))
        if flag.signal_number is not None:
            raise Interrupted(
                f"{work.run.name} interrupted while its images were being checked."
                f"  Continue:  {work.resume_command}",
                signal_number=flag.signal_number,
            )

    index = check_images(
        split,
        work.listed[split],
        memory=work.home / ".images" / "checked.tsv",
        fail_on_bad=config.data.on_bad_image == "fail",
        progress=progress,
    )
    if index.skipped:
        shown = "".join(f"\n  {name}: {reason}" for name, reason in index.skipped[:5])
        more = len(index.skipped) - 5
        notify(
            Notice(
                f"{len(index.skipped)} unreadable image(s) of {split} are left out:{shown}"
                + (
                    f"\n  and {more} more; `dfx show {work.run.name}` names all" if more > 0 else ""
                ),
                "warning",
            )
        )
    return index


def _loader(index: SplitIndex, config: ExperimentConfig, *, augmented: bool) -> ImageLoader:
    dataset = ImageDataset(
        index.images,
        image_size_px=config.data.image_size,
        augmentation=Augmentation(**config.augment.model_dump()) if augmented else None,
        seed=config.train.seed,
    )
    return ImageLoader(
        dataset,
        batch_size=config.data.batch_size,
        workers=config.data.workers,
        pin_memory=config.data.pin_memory,
        seed=config.train.seed,
    )


def _recipe(machine: Machine, index: SplitIndex, batches_per_epoch: int) -> Recipe:
    train, optim = machine.config.train, machine.config.optim
    return Recipe(
        epochs=train.epochs,
        seed=train.seed,
        precision=machine.precision,
        preprocessing=Preprocessing(machine.config.data.image_size),
        learning_rate=LearningRate(
            peak=optim.lr,
            shape=optim.schedule,
            epochs=train.epochs,
            steps_per_epoch=-(-batches_per_epoch // train.accumulate),
            warmup_epochs=optim.warmup_epochs,
            step_epochs=optim.step_epochs,
            gamma=optim.step_gamma,
        ),
        select_by=train.select_by,
        patience=train.early_stopping_patience,
        min_delta=train.early_stopping_min_delta,
        freeze_epochs=train.freeze_epochs,
        accumulate=train.accumulate,
        clip_grad_norm=train.clip_grad_norm,
        label_smoothing=train.label_smoothing,
        class_weights=_class_weights(index.labels) if train.class_weights else (1.0, 1.0),
        snapshot_seconds=60 * train.checkpoint_minutes,
    )


def _class_weights(labels: list[int]) -> tuple[float, float]:
    """Inverse to each class's share, with mean 1 over the samples."""
    counts = [labels.count(label) for label in (REAL, DEEPFAKE)]
    return len(labels) / (2 * counts[0]), len(labels) / (2 * counts[1])


def _announce_start(work: Work, indices: Mapping[Split, SplitIndex], notify: Notify) -> None:
    train, val = (indices[split].summarise() for split in _CHECKED_SPLITS)
    notify(
        Notice(
            f"device: {describe_device(work.machine.device)}, {work.machine.precision}\n"
            f"training: {train.images} images ({train.real} real, {train.deepfake} deepfake)\n"
            f"validation: {val.images} images ({val.real} real, {val.deepfake} deepfake)"
        )
    )


def _interruption(work: Work, state: TrainingState, flag: StopFlag) -> Interrupted:
    number = flag.signal_number
    if number is None:
        raise ValueError("the loop stopped, but no signal has arrived")
    return Interrupted(
        f"{work.run.name} interrupted in epoch {state.epoch}, step {state.step}."
        f"  Continue:  {work.resume_command}",
        signal_number=number,
    )


def _explain_memory(machine: Machine) -> TrainingFailed:
    used = ""
    if machine.device.type == "cuda":
        total = torch.cuda.get_device_properties(machine.device).total_memory
        most = torch.cuda.max_memory_allocated(machine.device)
        used = f" ({most / 2**30:.1f} GiB allocated at most, of {total / 2**30:.1f} GiB)"
    config = machine.config
    return TrainingFailed(
        f"out of memory on {machine.device}{used} with batches of {config.data.batch_size} at"
        f" {config.data.image_size} pixels in {machine.precision}",
        hint="start a new run that recomputes activations, --set model.grad_checkpointing=true, or"
        f" has smaller batches and as many per step:"
        f" --batch-size {max(1, config.data.batch_size // 2)}"
        f" --set train.accumulate={2 * config.train.accumulate}",
    )


def _record_failure(work: Work, message: str) -> None:
    """Writes down why it failed, without hiding that where even this cannot be written."""
    try:
        work.store.finish_attempt(work.attempt.id, status=Status.FAILED, message=message)
    except StoreError:
        return


def _report(work: Work, notify: Notify) -> Run:
    detail = work.store.get_detail(work.run.id)
    evaluation = next(e for e in detail.evaluations if e.epoch == detail.run.best_epoch)
    notify(RunFinished(detail.run, evaluation, work.home / detail.run.directory))
    return detail.run
