"""The changes behind `RunStore`'s writing methods.

Each function takes a session whose transaction may write, and rows that its attempt holds
(`dfx.tracking.fencing`). Transactions begin and end in `dfx.tracking.store`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from dfx.errors import ConfigError, DataError, StoreError
from dfx.records import CheckpointFile, EpochRecord, Evaluation, ProcessIdentity, SplitSummary
from dfx.tracking import mapping, queries
from dfx.tracking.engine import clock
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


def get_or_add_experiment(session: Session, name: str) -> ExperimentRow:
    """The row of an experiment; other makers of runs must be excluded.

    Raises:
        ConfigError: Where another experiment has that name in other letters' case.
    """
    folded = name.casefold()
    row = session.scalar(select(ExperimentRow).where(ExperimentRow.folded_name == folded))
    if row is None:
        row = ExperimentRow(name=name, folded_name=folded, last_number=0, created_at=clock(session))
        session.add(row)
        session.flush()
        pass_over_folders(session, row)
    elif row.name != name:
        raise ConfigError(
            f"experiment {name!r} differs from {row.name!r} only in upper and lower case;"
            " their folders would be one on a disk that ignores it",
            hint=f"use {row.name!r}, or another name",
        )
    return row


def pass_over_folders(session: Session, experiment: ExperimentRow) -> None:
    """Raises the counter of an experiment above the numbers in folders that bear its name.

    A run keeps its folder when it is given another name. Nobody else may get that folder, whether
    or not it is there yet.
    """
    prefix = f"{experiment.folded_name}/"
    bearing = func.lower(RunRow.directory).startswith(prefix, autoescape=True)
    for directory in session.scalars(select(RunRow.directory).where(bearing)):
        number = directory[len(prefix) :]
        if number.isdecimal():
            experiment.last_number = max(experiment.last_number, int(number))


def add_attempt(
    session: Session,
    run: RunRow,
    *,
    process: ProcessIdentity,
    settings: Mapping[str, Any],
    environment: Mapping[str, Any],
    start_step: int,
    at_least_number: int = 1,
) -> AttemptRow:
    """Opens the next attempt of a run that has no open one."""
    newest = session.scalar(select(func.max(AttemptRow.number)).where(AttemptRow.run_id == run.id))
    now = clock(session)
    attempt = AttemptRow(
        run_id=run.id,
        number=max((newest or 0) + 1, at_least_number),
        host=process.host,
        boot=process.boot,
        pid=process.pid,
        process_started=process.started,
        settings=dict(settings),
        environment=dict(environment),
        start_step=start_step,
        started_at=now,
        heartbeat_at=now,
    )
    session.add(attempt)
    session.flush()
    return attempt


def add_epoch(session: Session, run: RunRow, attempt: AttemptRow, record: EpochRecord) -> None:
    """Adds an epoch that its attempt has finished.

    Raises:
        StoreError: Where that epoch is recorded already, or a value is not finite.
    """
    if record.attempt != attempt.number:
        raise ValueError(
            f"epoch {record.epoch} says attempt {record.attempt}; it comes from {attempt.number}"
        )
    standing = session.scalar(
        select(EpochRow.id).where(
            EpochRow.run_id == run.id,
            EpochRow.epoch == record.epoch,
            EpochRow.superseded_by.is_(None),
        )
    )
    if standing is not None:
        name = queries.get_run_name(session, run)
        raise StoreError(f"epoch {record.epoch} of {name} is recorded already")
    columns = mapping.epoch_columns(record)
    session.add(EpochRow(run_id=run.id, attempt_id=attempt.id, **columns))


def add_checkpoints(
    session: Session, run: RunRow, attempt: AttemptRow, files: Sequence[CheckpointFile]
) -> None:
    """Adds checkpoints; what a path held before is no longer there."""
    drop_checkpoints(session, run, [file.path for file in files])
    now = clock(session)
    session.add_all(
        CheckpointRow(
            run_id=run.id,
            attempt_id=attempt.id,
            recorded_at=now,
            **mapping.checkpoint_columns(file),
        )
        for file in files
    )


def drop_checkpoints(session: Session, run: RunRow, paths: Sequence[str]) -> None:
    """Drops the rows of files that are gone."""
    session.execute(
        delete(CheckpointRow).where(CheckpointRow.run_id == run.id, CheckpointRow.path.in_(paths))
    )


def add_evaluation(session: Session, run: RunRow, evaluation: Evaluation) -> EvaluationRow:
    """Adds an evaluation, and gives its row.

    Raises:
        StoreError: For a value that is not finite.
    """
    row = EvaluationRow(run_id=run.id, **mapping.evaluation_columns(evaluation))
    session.add(row)
    return row


def add_test_use(
    session: Session, run: RunRow, *, epoch: int, dataset: str, dataset_digest: str
) -> int:
    """Adds a use of a test split, and gives its number, from 1."""
    last = session.scalar(select(func.max(TestUseRow.number)).where(TestUseRow.run_id == run.id))
    use = TestUseRow(
        run_id=run.id,
        number=(last or 0) + 1,
        epoch=epoch,
        dataset=mapping.to_text(dataset),
        dataset_digest=dataset_digest,
        used_at=clock(session),
    )
    session.add(use)
    return use.number


def store_data(session: Session, run: RunRow, splits: Sequence[SplitSummary]) -> None:
    """Adds what the splits hold.

    Raises:
        DataError: Where a split differs from what the run has read before.
    """
    known = {
        row.split: row for row in session.scalars(select(SplitRow).where(SplitRow.run_id == run.id))
    }
    for summary in splits:
        row = known.get(summary.split)
        if row is None:
            session.add(SplitRow(run_id=run.id, **mapping.split_columns(summary)))
        elif (row.digest, row.content_digest) != (summary.digest, summary.content_digest):
            name = queries.get_run_name(session, run)
            raise DataError(
                f"the {summary.split} split is not the one {name} has worked on: it has"
                f" {summary.digest}, content {summary.content_digest}; recorded are"
                f" {row.digest}, content {row.content_digest}",
                hint="give back the images as they were, or start a new run",
            )
        if summary.split == "val":
            run.validation_digest = summary.digest
            run.validation_images = summary.images


def go_back(
    session: Session, run: RunRow, attempt: AttemptRow, *, finished_epochs: int, step: int
) -> None:
    """Marks what came after a point as superseded, and finds the best of what still stands."""
    # At the end of an epoch's training, and after its validation, the step is the same.
    later_file = or_(
        CheckpointRow.step > step,
        and_(CheckpointRow.kind == "best", CheckpointRow.epoch > finished_epochs),
        and_(CheckpointRow.kind == "last", CheckpointRow.epoch > finished_epochs + 1),
    )
    for table, is_later in (
        (EpochRow, EpochRow.epoch > finished_epochs),
        (EvaluationRow, EvaluationRow.epoch > finished_epochs),
        (CheckpointRow, later_file),
    ):
        session.execute(
            update(table)
            .where(table.run_id == run.id, table.superseded_by.is_(None), is_later)
            .values(superseded_by=attempt.id)
        )
    best = queries.list_checkpoints(session, run.id, "best", include_superseded=False)
    run.best_epoch = best[0].epoch if best else None


def drop_run(session: Session, run: RunRow) -> None:
    """Drops a run and all that refers to it."""
    # Epochs and files refer to attempts too, so attempts go after them.
    for table in (
        EvaluationRow,
        TestUseRow,
        CheckpointRow,
        EpochRow,
        SplitRow,
        TagRow,
        AttemptRow,
    ):
        session.execute(delete(table).where(table.run_id == run.id))
    session.execute(delete(RunRow).where(RunRow.id == run.id))
