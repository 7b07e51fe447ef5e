"""Making the rows of a run from what its files tell, or bringing those there are up to them.

Files are not read here: `dfx.records.condition.FoundRun` holds what they told.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from dfx.config import CONFIG_VERSION, dump_config
from dfx.errors import ConfigError, RunBusy
from dfx.records import ProcessIdentity, Status
from dfx.records.condition import Adopted, FoundAttempt, FoundRun
from dfx.tracking import changes, mapping, queries
from dfx.tracking.adopted_evaluations import bring_by_hand
from dfx.tracking.engine import clock
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    RunRow,
    TagRow,
)

_UNKNOWN = ProcessIdentity(host="unknown", boot="unknown", pid=0, started="unknown")


def adopt(
    session: Session, found: FoundRun, home: Path, *, gone: Collection[str], here: ProcessIdentity
) -> Adopted | None:
    """Takes a run over from its files; other makers of runs must be excluded.

    Returns:
        None where the record knows as much as the files, or more.

    Raises:
        ConfigError: Where another experiment has its name in other letters' case, another run its
            folder, or it another folder.
        RunBusy: Where a process is working on it.
    """
    # An attempt that begins meanwhile holds the row: it is waited for, and then seen.
    run = session.scalar(select(RunRow).where(RunRow.uuid == found.uuid).with_for_update())
    is_new = run is None
    if run is None:
        run = _add_run(session, found, home)
    elif run.directory != found.directory:
        name = queries.get_run_name(session, run)
        raise ConfigError(
            f"the folder {found.directory} is a copy of that of {name}, {run.directory}",
            hint="move it out of the home; or where it is the only one left, back to"
            f" {run.directory}, and adopt again",
        )
    elif not _is_ahead(session, run, found):
        if not bring_by_hand(session, run, found):
            return None
        return _describe(session, run, found, is_new=False)
    elif queries.build_run(session, run, here).status is Status.RUNNING:
        name = queries.get_run_name(session, run)
        raise RunBusy(f"a process is working on {name}", hint="adopt again when it has ended")
    attempts = _bring_attempts(session, run, found)
    superseded = _bring_epochs(session, run, found, attempts)
    _bring_checkpoints(session, run, found, attempts, gone)
    _bring_evaluations(session, run, found, superseded=superseded)
    bring_by_hand(session, run, found)
    run.status, run.message, run.best_epoch = found.status, found.message, found.best_epoch
    session.flush()
    return _describe(session, run, found, is_new=is_new)


def _describe(session: Session, run: RunRow, found: FoundRun, *, is_new: bool) -> Adopted:
    return Adopted(
        run=queries.get_run_name(session, run),
        id=run.id,
        directory=run.directory,
        status=Status(run.status),
        epochs=len(found.epochs),
        checkpoints=len(found.checkpoints),
        evaluations=len(found.evaluations) + len(found.by_hand),
        is_new=is_new,
        gaps=found.gaps,
    )


def _add_run(session: Session, found: FoundRun, home: Path) -> RunRow:
    if (owner := _find_owner(session, found.directory, home)) is not None:
        raise ConfigError(
            f"the folder {found.directory} belongs to {queries.get_run_name(session, owner)}",
            hint="move the files of the other run to a folder of their own, and adopt again",
        )
    experiment = changes.get_or_add_experiment(session, found.experiment)
    taken = session.scalar(
        select(RunRow.id).where(
            RunRow.experiment_id == experiment.id, RunRow.number == found.number
        )
    )
    number = found.number if taken is None else experiment.last_number + 1
    experiment.last_number = max(experiment.last_number, number)
    run = RunRow(
        uuid=found.uuid,
        experiment_id=experiment.id,
        number=number,
        status=found.status,
        config=dump_config(found.config),
        config_version=CONFIG_VERSION,
        recipe_digest=found.recipe_digest,
        home=str(home),
        directory=found.directory,
        weights=dict(found.weights),
        created_at=found.created_at,
        note=found.note,
    )
    session.add(run)
    session.flush()
    session.add_all(TagRow(run_id=run.id, tag=tag) for tag in found.tags)
    changes.store_data(session, run, found.splits)
    return run


def _find_owner(session: Session, directory: str, home: Path) -> RunRow | None:
    """The run that has a folder, as a disk sees it that ignores case."""
    runs = select(RunRow)
    # A file lies in the home of all its runs, wherever that was moved. Servers have several homes.
    if session.get_bind().dialect.name != "sqlite":
        runs = runs.where(RunRow.home == str(home))
    folded = directory.casefold()
    return next((run for run in session.scalars(runs) if run.directory.casefold() == folded), None)


def _is_ahead(session: Session, run: RunRow, found: FoundRun) -> bool:
    """Whether the newest checkpoint found was written after the newest recorded."""
    recorded = session.execute(
        select(AttemptRow.number, CheckpointRow.epoch, CheckpointRow.step)
        .join(AttemptRow, AttemptRow.id == CheckpointRow.attempt_id)
        .where(
            CheckpointRow.run_id == run.id,
            CheckpointRow.kind == "last",
            CheckpointRow.superseded_by.is_(None),
        )
    )
    newest = max(
        (attempt, file.epoch, file.step)
        for file, attempt in found.checkpoints
        if file.kind == "last"
    )
    return all(newest > tuple(position) for position in recorded)


def _bring_attempts(session: Session, run: RunRow, found: FoundRun) -> dict[int, int]:
    """Adds the attempts that are missing, and ends those that are open.

    Returns:
        The id of each by its number.
    """
    rows = {
        row.number: row
        for row in session.scalars(select(AttemptRow).where(AttemptRow.run_id == run.id))
    }
    for attempt in found.attempts:
        row = rows.get(attempt.number)
        if row is None:
            rows[attempt.number] = row = _new_attempt(run, attempt)
            session.add(row)
        elif attempt.heartbeat_at > row.heartbeat_at:
            row.heartbeat_at, row.ended_at = attempt.heartbeat_at, attempt.ended_at
            row.outcome, row.message = attempt.outcome, attempt.message
    for row in rows.values():
        row.outcome = row.outcome or Status.LOST
    session.flush()
    return {number: row.id for number, row in rows.items()}


def _new_attempt(run: RunRow, attempt: FoundAttempt) -> AttemptRow:
    process = attempt.process or _UNKNOWN
    return AttemptRow(
        run_id=run.id,
        number=attempt.number,
        host=process.host,
        boot=process.boot,
        pid=process.pid,
        process_started=process.started,
        settings=dict(attempt.settings),
        environment=dict(attempt.environment),
        start_step=attempt.start_step,
        started_at=attempt.started_at,
        heartbeat_at=attempt.heartbeat_at,
        ended_at=attempt.ended_at,
        outcome=attempt.outcome,
        message=attempt.message,
    )


def _bring_epochs(
    session: Session, run: RunRow, found: FoundRun, attempts: dict[int, int]
) -> set[int]:
    """Adds the epochs that are missing.

    Returns:
        Those that were recorded of attempts which later ones have gone behind.
    """
    standing = {
        row.epoch: row
        for row in session.scalars(
            select(EpochRow).where(EpochRow.run_id == run.id, EpochRow.superseded_by.is_(None))
        )
    }
    newest = attempts[found.attempts[-1].number]
    told = {record.epoch: record for record in found.epochs}
    superseded = {
        epoch
        for epoch, row in standing.items()
        if epoch not in told or attempts[told[epoch].attempt] != row.attempt_id
    }
    for epoch in superseded:
        standing[epoch].superseded_by = newest
    session.flush()
    session.add_all(
        EpochRow(
            run_id=run.id, attempt_id=attempts[record.attempt], **mapping.epoch_columns(record)
        )
        for record in found.epochs
        if record.epoch not in standing or record.epoch in superseded
    )
    return superseded


def _bring_checkpoints(
    session: Session,
    run: RunRow,
    found: FoundRun,
    attempts: dict[int, int],
    gone: Collection[str],
) -> None:
    # Those of a run come anew in their order: the newest is the one recorded last.
    changes.drop_checkpoints(session, run, [*gone, *(file.path for file, _ in found.checkpoints)])
    now = clock(session)
    for file, attempt in found.checkpoints:
        columns = mapping.checkpoint_columns(file)
        session.add(
            CheckpointRow(run_id=run.id, attempt_id=attempts[attempt], recorded_at=now, **columns)
        )
        session.flush()


def _bring_evaluations(
    session: Session, run: RunRow, found: FoundRun, *, superseded: Collection[int]
) -> None:
    standing = session.scalars(
        select(EvaluationRow)
        .where(EvaluationRow.run_id == run.id, EvaluationRow.superseded_by.is_(None))
        .order_by(EvaluationRow.id)
    ).all()
    told = {evaluation.predictions for evaluation in found.evaluations} - {None}
    known: set[object] = set()
    for row in standing:
        if row.epoch in superseded and row.predictions not in told:
            row.superseded_by = session.scalar(
                select(AttemptRow.id)
                .where(AttemptRow.run_id == run.id)
                .order_by(AttemptRow.number.desc())
                .limit(1)
            )
        else:
            known |= {(row.epoch, row.split, row.created_at), row.predictions} - {None}
    for evaluation in found.evaluations:
        key = (evaluation.epoch, evaluation.split, evaluation.created_at)
        if known.isdisjoint({key, evaluation.predictions}):
            changes.add_evaluation(session, run, evaluation)
            # They are told apart by the order of their ids.
            session.flush()
