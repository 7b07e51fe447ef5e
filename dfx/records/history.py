"""What happened to a run, in the order in which it happened, as frozen values.

The store gives a `RunHistory`, which also has what no longer stands; `list_entries` makes lines of
it. How a line looks is `dfx.display.log`'s work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from dfx.records import Attempt, EpochRecord, Run, Status

Event = Literal["started", "epoch", "completed", "interrupted", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class RecordedEpoch:
    """An epoch as it was recorded once.

    Attributes:
        superseded_by: Number of the attempt that went back behind it; None while it stands.
    """

    record: EpochRecord
    superseded_by: int | None


@dataclass(frozen=True, slots=True)
class RunHistory:
    """A run with its attempts and every epoch that was ever recorded, in that order."""

    run: Run
    attempts: tuple[Attempt, ...]
    epochs: tuple[RecordedEpoch, ...]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One thing that happened.

    Attributes:
        at: When; of an attempt that was lost, when it was last heard of.
        event: An attempt's start, a finished epoch, or how an attempt ended.
        attempt: Whose event it is.
        epochs: How many epochs that attempt had planned.
        step: Optimiser steps that were done; None at the end of an attempt, which does not say.
        message: Why it failed or stopped early.
        host: Where the attempt ran.
        pid: Its process there.
        epoch: The finished epoch; None for other events.
        is_best: Its weights are those that are kept as best.
        superseded_by: Number of the attempt that went back behind the epoch; None while it stands.
    """

    at: datetime
    event: Event
    attempt: int
    epochs: int
    step: int | None
    message: str | None
    host: str
    pid: int
    epoch: EpochRecord | None = None
    is_best: bool = False
    superseded_by: int | None = None

    @property
    def key(self) -> tuple[int, Event, int]:
        """What tells it from every other event of its run."""
        return self.attempt, self.event, self.epoch.epoch if self.epoch else 0


def list_entries(history: RunHistory) -> list[LogEntry]:
    """Everything that happened to a run. One attempt comes after the other, whatever clocks say."""
    return [entry for attempt in history.attempts for entry in _entries(history, attempt)]


def _entries(history: RunHistory, attempt: Attempt) -> Iterator[LogEntry]:
    run = history.run
    planned = attempt.settings.get("train.epochs", run.config.train.epochs)
    host, pid = attempt.process.host, attempt.process.pid

    def entry(
        at: datetime, event: Event, step: int | None = None, message: str | None = None
    ) -> LogEntry:
        return LogEntry(at, event, attempt.number, planned, step, message, host, pid)

    yield entry(attempt.started_at, "started", attempt.start_step)
    heard = attempt.heartbeat_at
    for recorded in history.epochs:
        epoch = recorded.record
        if epoch.attempt != attempt.number:
            continue
        heard = max(heard, epoch.finished_at)
        stands = recorded.superseded_by is None
        yield LogEntry(
            epoch.finished_at,
            "epoch",
            attempt.number,
            planned,
            epoch.step,
            None,
            host,
            pid,
            epoch=epoch,
            is_best=stands and epoch.epoch == run.best_epoch,
            superseded_by=recorded.superseded_by,
        )
    match attempt.outcome:
        case Status.COMPLETED:
            yield entry(attempt.ended_at or heard, "completed", message=attempt.message)
        case Status.INTERRUPTED:
            yield entry(attempt.ended_at or heard, "interrupted", message=attempt.message)
        case Status.FAILED:
            yield entry(attempt.ended_at or heard, "failed", message=attempt.message)
        case Status.LOST:
            yield entry(heard, "lost")
        case _ if run.status is Status.LOST and attempt is history.attempts[-1]:
            yield entry(heard, "lost")
