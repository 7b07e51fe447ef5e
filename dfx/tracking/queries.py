"""The queries behind `RunStore`'s reading methods that are about one run.

Each function takes a session that is in a transaction and gives records. Nothing is written here.
What is asked of many runs at once is in `dfx.tracking.summaries`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from dfx.errors import NotFoundError
from dfx.records import (
    CheckpointFile,
    CheckpointKind,
    ProcessIdentity,
    Run,
    RunDetail,
    Status,
)
from dfx.records.evaluation import TestUse
from dfx.records.history import RecordedEpoch, RunHistory
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
    TagRow,
    TestUseRow,
)


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
        tags=list_tags(session, row.id),
    )


def list_tags(session: Session, run_id: int) -> list[str]:
    """The tags of a run, sorted."""
    return sorted(session.scalars(select(TagRow.tag).where(TagRow.run_id == run_id)))


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
        test_uses=tuple(list_test_uses(session, run_id)),
    )


def list_test_uses(session: Session, run_id: int) -> list[TestUse]:
    """Every use of a test split by a run, in order."""
    recorded = set(
        session.scalars(
            select(EvaluationRow.test_use).where(
                EvaluationRow.run_id == run_id, EvaluationRow.test_use.is_not(None)
            )
        )
    )
    uses = select(TestUseRow).where(TestUseRow.run_id == run_id).order_by(TestUseRow.number)
    return [
        mapping.to_test_use(row, is_recorded=row.number in recorded)
        for row in session.scalars(uses)
    ]


def get_history(session: Session, run_id: int, here: ProcessIdentity) -> RunHistory:
    """A run with its attempts and every epoch in the order of recording.

    Raises:
        NotFoundError: Where there is none of that id.
    """
    run = get_run(session, run_id, here)
    attempts = _list_attempts(session, run_id)
    numbers = {attempt.id: attempt.number for attempt in attempts}
    epochs = session.scalars(
        select(EpochRow).where(EpochRow.run_id == run_id).order_by(EpochRow.id)
    )
    return RunHistory(
        run=run,
        attempts=tuple(mapping.to_attempt(row) for row in attempts),
        epochs=tuple(
            RecordedEpoch(
                mapping.to_epoch(row, numbers[row.attempt_id]),
                None if row.superseded_by is None else numbers[row.superseded_by],
            )
            for row in epochs
        ),
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
