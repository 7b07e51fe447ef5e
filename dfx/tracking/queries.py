"""The queries behind `RunStore`'s reading methods.

Each function takes a session that is in a transaction and gives records. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from dfx.errors import NotFoundError
from dfx.records import (
    CheckpointFile,
    CheckpointKind,
    ProcessIdentity,
    Run,
    RunDetail,
    RunSummary,
    Status,
)
from dfx.tracking import mapping
from dfx.tracking.engine import clock
from dfx.tracking.process import is_process_alive
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    ExperimentRow,
    RunRow,
    SplitRow,
)


class seconds_between(GenericFunction[float]):  # noqa: N801 - named like the SQL functions beside it
    """Seconds from the first time to the second."""

    inherit_cache = True


@compiles(seconds_between, "sqlite")
def _on_sqlite(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    # Days as a float are exact to some 50 µs; SQLite itself counts milliseconds here.
    return f"round((julianday({end}) - julianday({start})) * 86400.0, 3)"


@compiles(seconds_between, "postgresql")
def _on_postgresql(element: seconds_between, compiler: SQLCompiler, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"round(extract(epoch from {end} - {start})::numeric, 3)::double precision"


def list_summaries(session: Session, here: ProcessIdentity) -> list[RunSummary]:
    """All runs at their best epochs, in the order of their creation; two queries."""
    lost = _find_lost_runs(session, here)
    return [
        RunSummary(
            run=f"{row.name}/{row.number}",
            id=row.id,
            experiment=row.name,
            number=row.number,
            uuid=row.uuid,
            status=Status.LOST if row.id in lost else Status(row.status),
            epochs=row.epochs or 0,
            best_epoch=row.best_epoch,
            val_accuracy=row.val_accuracy,
            val_accuracy_low=None,
            val_accuracy_high=None,
            val_loss=row.val_loss,
            val_auc=row.val_auc,
            val_f1=row.val_f1,
            seconds=row.seconds or 0.0,
            validation_digest=row.validation_digest,
            validation_images=row.validation_images,
            created_at=row.created_at,
        )
        for row in session.execute(_select_summaries())
    ]


def _select_summaries() -> Select[*tuple[Any, ...]]:
    best = and_(
        EpochRow.run_id == RunRow.id,
        EpochRow.epoch == RunRow.best_epoch,
        EpochRow.superseded_by.is_(None),
    )
    counted = EpochRow.__table__.alias()
    # The greatest number is one step into the index; a count would walk over every epoch.
    epochs = (
        select(func.max(counted.c.epoch))
        .where(counted.c.run_id == RunRow.id, counted.c.superseded_by.is_(None))
        .scalar_subquery()
    )
    end = func.coalesce(AttemptRow.ended_at, AttemptRow.heartbeat_at)
    seconds = (
        select(func.sum(seconds_between(AttemptRow.started_at, end)))
        .where(AttemptRow.run_id == RunRow.id)
        .scalar_subquery()
    )
    return (
        select(
            RunRow.id,
            ExperimentRow.name,
            RunRow.number,
            RunRow.uuid,
            RunRow.status,
            RunRow.best_epoch,
            RunRow.validation_digest,
            RunRow.validation_images,
            RunRow.created_at,
            EpochRow.val_accuracy,
            EpochRow.val_loss,
            EpochRow.val_auc,
            EpochRow.val_f1,
            epochs.label("epochs"),
            seconds.label("seconds"),
        )
        .join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id)
        .outerjoin(EpochRow, best)
        .order_by(RunRow.id)
    )


def _find_lost_runs(session: Session, here: ProcessIdentity) -> set[int]:
    """Runs whose open attempt has no process any more."""
    now = clock(session)
    rows = session.execute(
        select(
            AttemptRow.run_id,
            AttemptRow.host,
            AttemptRow.boot,
            AttemptRow.pid,
            AttemptRow.process_started,
            AttemptRow.heartbeat_at,
        ).where(AttemptRow.outcome.is_(None))
    )
    return {
        run_id
        for run_id, host, boot, pid, started, heartbeat_at in rows
        if not is_process_alive(
            ProcessIdentity(host, boot, pid, started), heartbeat_at, here=here, now=now
        )
    }


def get_run(session: Session, run_id: int, here: ProcessIdentity) -> Run:
    """One run.

    Raises:
        NotFoundError: Where there is none of that id.
    """
    return build_run(session, get_run_row(session, run_id), here)


def get_run_row(session: Session, run_id: int, *, lock: bool = False) -> RunRow:
    """The row of a run, on PostgreSQL locked against other writers where asked for.

    Raises:
        NotFoundError: Where there is none of that id.
    """
    row = session.get(RunRow, run_id, with_for_update=True if lock else None)
    if row is None:
        raise NotFoundError(f"there is no run {run_id}", hint="dfx compare lists the runs")
    return row


def build_run(session: Session, row: RunRow, here: ProcessIdentity) -> Run:
    """The record of a row, with the status derived now."""
    attempts = _list_attempts(session, row.id)
    return mapping.to_run(
        row,
        experiment=get_experiment_name(session, row),
        status=_derive_status(row, attempts, here, clock(session)),
        splits=session.scalars(
            select(SplitRow).where(SplitRow.run_id == row.id).order_by(SplitRow.id)
        ).all(),
        attempts=attempts,
    )


def get_experiment_name(session: Session, row: RunRow) -> str:
    """The name of a run's experiment."""
    return session.execute(
        select(ExperimentRow.name).where(ExperimentRow.id == row.experiment_id)
    ).scalar_one()


def get_run_name(session: Session, row: RunRow) -> str:
    """The reference `experiment/number` of a run, for messages."""
    return f"{get_experiment_name(session, row)}/{row.number}"


def _derive_status(
    row: RunRow, attempts: list[AttemptRow], here: ProcessIdentity, now: datetime
) -> Status:
    alive = any(
        is_process_alive(mapping.to_process(attempt), attempt.heartbeat_at, here=here, now=now)
        for attempt in attempts
        if attempt.outcome is None
    )
    status = Status(row.status)
    return Status.LOST if status is Status.RUNNING and not alive else status


def _list_attempts(session: Session, run_id: int) -> list[AttemptRow]:
    return list(
        session.scalars(
            select(AttemptRow).where(AttemptRow.run_id == run_id).order_by(AttemptRow.number)
        )
    )


def get_detail(session: Session, run_id: int, here: ProcessIdentity) -> RunDetail:
    """A run with everything that stands of it.

    Raises:
        NotFoundError: Where there is none of that id.
    """
    run = get_run(session, run_id, here)
    epochs = session.execute(
        select(EpochRow, AttemptRow.number)
        .join(AttemptRow, AttemptRow.id == EpochRow.attempt_id)
        .where(EpochRow.run_id == run_id, EpochRow.superseded_by.is_(None))
        .order_by(EpochRow.epoch)
    )
    evaluations = session.scalars(
        select(EvaluationRow)
        .where(EvaluationRow.run_id == run_id, EvaluationRow.superseded_by.is_(None))
        .order_by(EvaluationRow.id)
    )
    return RunDetail(
        run=run,
        epochs=tuple(mapping.to_epoch(row, attempt) for row, attempt in epochs),
        attempts=tuple(mapping.to_attempt(row) for row in _list_attempts(session, run_id)),
        checkpoints=tuple(list_checkpoints(session, run_id, None, include_superseded=False)),
        evaluations=tuple(mapping.to_evaluation(row) for row in evaluations),
    )


def list_checkpoints(
    session: Session, run_id: int, kind: CheckpointKind | None, *, include_superseded: bool
) -> list[CheckpointFile]:
    """Checkpoints of a run, newest first."""
    get_run_row(session, run_id)
    found = select(CheckpointRow).where(CheckpointRow.run_id == run_id)
    if kind is not None:
        found = found.where(CheckpointRow.kind == kind)
    if not include_superseded:
        found = found.where(CheckpointRow.superseded_by.is_(None))
    newest_first = found.order_by(CheckpointRow.id.desc())
    return [mapping.to_checkpoint(row) for row in session.scalars(newest_first)]


def find_run_ids(session: Session, conditions: Sequence[ColumnElement[bool]]) -> list[int]:
    """Ids of the runs that meet all conditions, in the order of their creation."""
    return list(
        session.scalars(
            select(RunRow.id)
            .join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id)
            .where(*conditions)
            .order_by(RunRow.id)
        )
    )
