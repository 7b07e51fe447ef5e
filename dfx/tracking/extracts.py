"""The whole record as plain tables, for programs other than dfx.

What stands of all runs, in a few queries. The columns here are what `dfx export runs` writes: names
and kinds stay as they are, new ones come after the old ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from dfx.config import KINDS
from dfx.records import ProcessIdentity, RunSummary
from dfx.tracking import summaries
from dfx.tracking.escapes import unescape_all
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    RunRow,
    TestUseRow,
)

Kind = Literal["text", "integer", "number", "truth", "time", "nested", "setting"]
"""What a column holds: times are aware and in UTC, *nested* is a list or a mapping, a *setting* is
whatever its key takes: a truth value, a number, a text. *Attempt* is the number of one."""

RUN_COLUMNS: dict[str, Kind] = {
    "run": "text",
    "run_id": "integer",
    "experiment": "text",
    "number": "integer",
    "uuid": "text",
    "status": "text",
    "message": "text",
    "tags": "nested",
    "note": "text",
    "created_at": "time",
    "seconds": "number",
    "epochs": "integer",
    "best_epoch": "integer",
    "val_accuracy": "number",
    "val_loss": "number",
    "recipe_digest": "text",
    "train_digest": "text",
    "validation_digest": "text",
    "validation_images": "integer",
    "home": "text",
    "directory": "text",
    "weights": "nested",
    **dict.fromkeys(KINDS, "setting"),
}
"""A run with its values at the best epoch, then a column for each key of the configuration, with
machine and plan as used last."""

ATTEMPT_COLUMNS: dict[str, Kind] = {
    "attempt": "integer",
    "host": "text",
    "pid": "integer",
    "started_at": "time",
    "heartbeat_at": "time",
    "ended_at": "time",
    "outcome": "text",
    "message": "text",
    "start_step": "integer",
    "settings": "nested",
    "environment": "nested",
}

EPOCH_COLUMNS: dict[str, Kind] = {
    "epoch": "integer",
    "step": "integer",
    "train_loss": "number",
    "train_accuracy": "number",
    "val_loss": "number",
    "val_accuracy": "number",
    "val_auc": "number",
    "val_f1": "number",
    "lr": "number",
    "seconds": "number",
    "images_per_second": "number",
    "attempt": "integer",
    "finished_at": "time",
}

CHECKPOINT_COLUMNS: dict[str, Kind] = {
    "kind": "text",
    "epoch": "integer",
    "step": "integer",
    "path": "text",
    "bytes": "integer",
    "sha256": "text",
    "attempt": "integer",
    "recorded_at": "time",
}

EVALUATION_COLUMNS: dict[str, Kind] = {
    "epoch": "integer",
    "split": "text",
    "dataset_digest": "text",
    "threshold": "number",
    "accuracy": "number",
    "precision": "number",
    "recall": "number",
    "f1": "number",
    "auc": "number",
    "average_precision": "number",
    "loss": "number",
    "tn": "integer",
    "fp": "integer",
    "fn": "integer",
    "tp": "integer",
    "predictions": "text",
    "created_at": "time",
    "origin": "text",
    "dataset": "text",
    "folder": "text",
    "test_use": "integer",
    "detail": "nested",
}

TEST_USE_COLUMNS: dict[str, Kind] = {
    "number": "integer",
    "epoch": "integer",
    "dataset": "text",
    "dataset_digest": "text",
    "used_at": "time",
    "is_recorded": "truth",
}
"""`test_use` of an evaluation is the number here. One of which nothing came is here too; and of one
that is recorded, the run may have gone back behind the evaluation, which then is left out."""

_OF_A_RUN: dict[str, Kind] = {"run": "text", "run_id": "integer"}


@dataclass(frozen=True, slots=True)
class Extract:
    """One table.

    Attributes:
        columns: What is in each column, in order.
        rows: Values in the order of the columns; None where there is none.
    """

    name: str
    columns: Mapping[str, Kind]
    rows: list[tuple[Any, ...]]


def read_extracts(session: Session, here: ProcessIdentity) -> list[Extract]:
    """Runs and what hangs on them, a table for each kind, in the order of their making."""
    runs = summaries.list_summaries(session, here, None)
    names = {run.id: run.run for run in runs}
    standing = (EpochRow.superseded_by, CheckpointRow.superseded_by, EvaluationRow.superseded_by)
    epoch, checkpoint, evaluation = (column.is_(None) for column in standing)
    return [
        Extract("runs", RUN_COLUMNS, list(_read_runs(session, runs))),
        _read_rows(session, names, "attempts", AttemptRow, ATTEMPT_COLUMNS),
        _read_rows(session, names, "epochs", EpochRow, EPOCH_COLUMNS, epoch),
        _read_rows(session, names, "checkpoints", CheckpointRow, CHECKPOINT_COLUMNS, checkpoint),
        _read_rows(session, names, "evaluations", EvaluationRow, EVALUATION_COLUMNS, evaluation),
        Extract("test_uses", {**_OF_A_RUN, **TEST_USE_COLUMNS}, _read_uses(session, names)),
    ]


def _read_runs(session: Session, runs: list[RunSummary]) -> Iterator[tuple[Any, ...]]:
    settings = summaries.read_settings(session, None)
    places = {
        run_id: (home, weights)
        for run_id, home, weights in session.execute(select(RunRow.id, RunRow.home, RunRow.weights))
    }
    for run in runs:
        home, weights = places[run.id]
        known = settings[run.id]
        yield (
            run.run,
            run.id,
            run.experiment,
            run.number,
            run.uuid,
            str(run.status),
            run.message,
            list(run.tags),
            run.note,
            run.created_at,
            run.seconds,
            run.epochs,
            run.best_epoch,
            run.val_accuracy,
            run.val_loss,
            run.recipe_digest,
            run.train_digest,
            run.validation_digest,
            run.validation_images,
            home,
            run.directory,
            weights,
            *(known.get(key) for key in KINDS),
        )


def _read_rows(
    session: Session,
    names: Mapping[int, str],
    name: str,
    row: type[AttemptRow | EpochRow | CheckpointRow | EvaluationRow],
    columns: Mapping[str, Kind],
    *conditions: ColumnElement[bool],
) -> Extract:
    run_id: InstrumentedAttribute[int] = row.run_id
    wanted = (
        AttemptRow.number if column == "attempt" else getattr(row, column) for column in columns
    )
    found = select(run_id, *wanted).where(*conditions).order_by(row.id)
    if row in {EpochRow, CheckpointRow}:
        found = found.join(AttemptRow, AttemptRow.id == row.attempt_id)
    # Names in details are stored as every database takes them.
    back = [unescape_all if name == "detail" else _as_it_is for name in ("run_id", *columns)]
    rows = [
        (names[values[0]], *(change(value) for change, value in zip(back, values, strict=True)))
        for values in session.execute(found)
    ]
    return Extract(name, {**_OF_A_RUN, **columns}, rows)


def _as_it_is(value: Any) -> Any:
    return value


def _read_uses(session: Session, names: Mapping[int, str]) -> list[tuple[Any, ...]]:
    is_recorded = exists().where(
        EvaluationRow.run_id == TestUseRow.run_id, EvaluationRow.test_use == TestUseRow.number
    )
    wanted = (
        is_recorded if column == "is_recorded" else getattr(TestUseRow, column)
        for column in TEST_USE_COLUMNS
    )
    found = select(TestUseRow.run_id, *wanted).order_by(TestUseRow.id)
    return [(names[values[0]], *values) for values in session.execute(found)]
