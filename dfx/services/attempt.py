"""Working on a run: one attempt from checking its images to its last epoch, or to whatever ends it.

Nothing is computed here. What the loop yields is written to a file, then to the store, then told.
In a team this is the leader's part; that of the others is `dfx.services.follow`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from dfx.data.index import ListedImage, SplitIndex, check_images
from dfx.data.profile import profile_images
from dfx.errors import (
    AttemptSuperseded,
    DfxError,
    Interrupted,
    NotFoundError,
    StoreError,
    TrainingFailed,
)
from dfx.messages import (
    Counting,
    EpochFinished,
    Message,
    Notice,
    Progress,
    RunFinished,
    resume_command,
)
from dfx.models.device import describe_device
from dfx.records import Attempt, Run, Split, Status
from dfx.services.assembly import Task, build_learning_rate, build_state, training
from dfx.services.estimate import Estimate
from dfx.services.heartbeat import Heartbeat
from dfx.services.keeping import Keeper, mark_folder, write_manifest
from dfx.services.machine import Machine
from dfx.services.memory import find_memory_failure
from dfx.services.room import find_lack_of_room
from dfx.services.testimony import describe_early_stop
from dfx.tracking.store import RunStore
from dfx.training.events import EpochScored, Event, SnapshotDue, Stopping
from dfx.training.signals import StopFlag
from dfx.training.state import TrainingState
from dfx.training.team import Team

Notify = Callable[[Message], None]

_CHECKED_SPLITS: tuple[Split, ...] = ("train", "val")


@dataclass(frozen=True, slots=True)
class Work:
    """All that an attempt begins with.

    Attributes:
        asked_home: The home as given on the command line.
        module: The network, with its initial weights where there is no checkpoint.
        listed: The images of each split.
        saved: The contents of the checkpoint to go on from, or None.
        former_epochs: The plan that the checkpoint was written under.
        renews_patience: Whether early stopping waits anew, since the plan was extended.
    """

    store: RunStore
    home: Path
    asked_home: Path | None
    run: Run
    attempt: Attempt
    machine: Machine
    team: Team
    module: nn.Module
    listed: Mapping[Split, tuple[ListedImage, ...]]
    saved: Mapping[str, Any] | None
    former_epochs: int
    renews_patience: bool

    @property
    def resume_command(self) -> str:
        """What the person types to go on after an interruption."""
        return resume_command(self.run.name, self.asked_home, processes=self.team.size)


@contextmanager
def heeding_signals(notify: Notify) -> Iterator[StopFlag]:
    """From here on SIGINT and SIGTERM are wishes: what is going on ends in good order.

    It begins before a run or an attempt is recorded, so that none is left behind unfinished.
    """

    def announce() -> None:
        notify(Notice("stopping after this step: writing a checkpoint (once more to stop at once)"))

    with StopFlag(announce) as flag:
        yield flag


@contextmanager
def attempting(work: Work) -> Iterator[Heartbeat]:
    """What follows is an attempt's work: it is known to be alive, and how it ends is recorded.

    Nothing is recorded of one that was taken over: the run is another's.

    Raises:
        AttemptSuperseded: In place of whatever else went wrong after it was taken over.
        TrainingFailed: In place of whatever says that memory has run out.
    """
    with Heartbeat(work.store, work.attempt.id) as heart:
        try:
            yield heart
        except AttemptSuperseded:
            raise
        except Interrupted:
            work.store.finish_attempt(work.attempt.id, status=Status.INTERRUPTED, message=None)
            raise
        except DfxError as error:
            heart.check()
            _record_failure(work, error.message)
            raise
        except BaseException as error:
            heart.check()
            failure = find_memory_failure(error, work.machine, work.resume_command)
            if failure:
                _record_failure(work, failure.message)
                raise failure from error
            _record_failure(work, f"{type(error).__name__}: {error}")
            raise


def perform(work: Work, notify: Notify, flag: StopFlag, heart: Heartbeat) -> Run:
    """Does an attempt's work, from its images on.

    Returns:
        The completed run.

    Raises:
        Interrupted: Where a signal stopped it.
        AttemptSuperseded: Where another process has taken the run over; no file is written then.
        DfxError: Where it failed for a reason that the user can mend.
    """
    work.store.check_attempt(work.attempt.id)
    mark_folder(work.home, work.run)
    message = _train(work, notify, flag, heart)
    work.store.finish_attempt(work.attempt.id, status=Status.COMPLETED, message=message)
    return _report(work, notify)


def _train(work: Work, notify: Notify, flag: StopFlag, heart: Heartbeat) -> str | None:
    """Trains; what it returns says why it ended before the last epoch."""
    store, config, team = work.store, work.machine.config, work.team
    indices = {split: _check(work, split, notify, flag, heart) for split in _CHECKED_SPLITS}
    store.record_data(work.attempt.id, [index.summarise() for index in indices.values()])
    for index in indices.values():
        write_manifest(work.home, index)
    run = store.get_run(work.run.id)
    task = Task(config, indices, _initial_weights(work), work.saved, work.renews_patience)
    team.hand_out(task)
    if problems := team.meet():
        message, hint = problems[0]
        raise TrainingFailed(message, hint=hint)
    state = build_state(task, work.module, work.machine.device, team)
    _announce_start(work, task, notify)
    if config.train.epochs != work.former_epochs:
        _announce_plan(work, task, state.step, notify)
    profile = profile_images(indices["train"].images)
    keeper = Keeper(store, work.home, run, work.attempt, config, indices["val"], profile)
    keeper.tidy()
    if lack := find_lack_of_room(work.home, work.home / run.directory / "checkpoints", state):
        notify(lack)
    with training(task, state, team.sharing(flag, heart.is_refused)) as events:
        if _keep(events, state, keeper, notify):
            raise _interruption(work, state, flag)
    if state.epoch <= config.train.epochs:
        return describe_early_stop(config, state.epoch - 1, waited=state.selection.waited)
    return None


def _initial_weights(work: Work) -> dict[str, Tensor] | None:
    """What the others of a team begin with, where no checkpoint has it; off the card, for them."""
    if work.saved or work.team.size == 1:
        return None
    return {name: tensor.cpu() for name, tensor in work.module.state_dict().items()}


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


def _check(
    work: Work, split: Split, notify: Notify, flag: StopFlag, heart: Heartbeat
) -> SplitIndex:
    config = work.machine.config

    def progress(done: int, total: int) -> None:
        notify(Counting(f"Reading {split} images", done, total))
        heart.check()
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


def _announce_start(work: Work, task: Task, notify: Notify) -> None:
    train, val = (task.indices[split].summarise() for split in _CHECKED_SPLITS)
    processes = f", {work.team.size} processes" if work.team.size > 1 else ""
    notify(
        Notice(
            f"device: {describe_device(work.machine.device)}, {work.machine.precision}{processes}\n"
            f"training: {train.images} images ({train.real} real, {train.deepfake} deepfake)\n"
            f"validation: {val.images} images ({val.real} real, {val.deepfake} deepfake)"
        )
    )


def _announce_plan(work: Work, task: Task, step: int, notify: Notify) -> None:
    """Says what another number of epochs does to the learning rate."""
    epochs, former = task.config.train.epochs, work.former_epochs
    before, now = (build_learning_rate(task, epochs=e).at(step) for e in (former, epochs))
    shape = task.config.optim.schedule
    if shape == "cosine":
        text = (
            f"the cosine of the learning rate now spans {epochs} epochs: it goes on at {now:.3g}"
            f" (by the former plan {before:.3g}) and reaches 0 at the end of epoch {epochs}"
        )
    else:
        text = f"the learning rate ({shape}) goes on at {now:.3g}, as it would have"
    notify(Notice(f"planned are {epochs} epochs instead of {former}; {text}"))


def _interruption(work: Work, state: TrainingState, flag: StopFlag) -> Interrupted:
    number = flag.signal_number
    if number is None:
        raise ValueError("the loop stopped, but no signal has arrived")
    return Interrupted(
        f"{work.run.name} interrupted in epoch {state.epoch}, step {state.step}."
        f"  Continue:  {work.resume_command}",
        signal_number=number,
    )


def _record_failure(work: Work, message: str) -> None:
    """Writes down why it failed, without hiding that where even this cannot be written."""
    try:
        work.store.finish_attempt(work.attempt.id, status=Status.FAILED, message=message)
    except (StoreError, NotFoundError):
        return


def _report(work: Work, notify: Notify) -> Run:
    detail = work.store.get_detail(work.run.id)
    best = detail.run.best_epoch
    evaluation = detail.find_report(best)
    if best is None:
        notify(
            Notice(
                f"{work.run.name} has no best weights: the files of them were lost, and no epoch"
                " since was better. `dfx resume` with more --epochs may find better ones",
                "warning",
            )
        )
    notify(RunFinished(detail.run, evaluation, work.home / detail.run.directory))
    return detail.run
