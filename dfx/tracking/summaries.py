"""What is asked of many runs at once: the leaderboard's queries.

Each function takes a session that is in a transaction and gives records. Nothing is ranked here.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction

from dfx.config import KINDS, load_flat
from dfx.records import ProcessIdentity, RunSummary, Standing, Status
from dfx.tracking.engine import clock
from dfx.tracking.process import is_process_alive
from dfx.tracking.tables import (
    AttemptRow,
    EpochRow,
    EvaluationRow,
    ExperimentRow,
    RunRow,
    SplitRow,
    TagRow,
)

METRICS: dict[str, InstrumentedAttribute[Any]] = {
    "val_accuracy": EpochRow.val_accuracy,
    "val_auc": EpochRow.val_auc,
    "val_f1": EpochRow.val_f1,
    "val_precision": EvaluationRow.precision,
    "val_recall": EvaluationRow.recall,
    "val_average_precision": EvaluationRow.average_precision,
    "val_loss": EpochRow.val_loss,
    "train_accuracy": EpochRow.train_accuracy,
    "train_loss": EpochRow.train_loss,
}
"""Where each metric of a run's best epoch is stored, by its name in `RunSummary`."""

_SHORT = 500
"""Up to so many ids are asked for by themselves; of more, all rows are read and these kept."""


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


def list_standings(session: Session, metric: str) -> list[Standing]:
    """All runs with one metric at their best epochs, in the order of their creation."""
    # Past the session, which would look for objects in each of ten thousand rows.
    rows = session.connection().execute(
        _at_best_epoch(
            select(
                RunRow.id, RunRow.validation_digest, METRICS[metric], EpochRow.val_loss
            ).select_from(RunRow),
            with_evaluation=METRICS[metric].class_ is EvaluationRow,
        ).order_by(RunRow.id)
    )
    return [Standing._make(row) for row in rows]


def list_summaries(
    session: Session, here: ProcessIdentity, run_ids: Collection[int] | None
) -> list[RunSummary]:
    """Runs at their best epochs, in the order of their creation; three queries."""
    lost = _find_lost_runs(session, here)
    tags = _read_tags(session, run_ids)
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
            val_precision=row.precision,
            val_recall=row.recall,
            val_average_precision=row.average_precision,
            train_loss=row.train_loss,
            train_accuracy=row.train_accuracy,
            recipe_digest=row.recipe_digest,
            train_digest=row.train_digest,
            directory=row.directory,
            predictions=row.predictions,
            message=row.message,
            tags=tuple(tags.get(row.id, ())),
            note=row.note,
        )
        for row in session.execute(_chosen(_select_summaries(), RunRow.id, run_ids))
        if run_ids is None or row.id in run_ids
    ]


def read_settings(session: Session, run_ids: Collection[int] | None) -> dict[int, dict[str, Any]]:
    """Configurations by run, flat, with machine and plan as the latest attempt used them."""
    tried = AttemptRow.__table__.alias()
    newest = select(func.max(tried.c.id)).where(tried.c.run_id == RunRow.id).scalar_subquery()
    found = (
        select(RunRow.id, RunRow.config, RunRow.config_version, AttemptRow.settings)
        .join(AttemptRow, AttemptRow.id == newest)
        .order_by(RunRow.id)
    )
    return {
        run_id: {
            **load_flat(config, version),
            **{key: value for key, value in settings.items() if key in KINDS},
        }
        for run_id, config, version, settings in session.execute(_chosen(found, RunRow.id, run_ids))
        if run_ids is None or run_id in run_ids
    }


def count_classes(session: Session, digest: str) -> tuple[int, int] | None:
    """Real and deepfake images of a split, as any run that has read it recorded them."""
    # By the run's digest, which has an index; only the splits of one run are looked at.
    row = session.execute(
        select(SplitRow.real, SplitRow.deepfake)
        .join(RunRow, RunRow.id == SplitRow.run_id)
        .where(RunRow.validation_digest == digest, SplitRow.split == "val")
        .limit(1)
    ).first()
    return None if row is None else (row.real, row.deepfake)


def _chosen(
    found: Select[*tuple[Any, ...]],
    column: InstrumentedAttribute[int],
    run_ids: Collection[int] | None,
) -> Select[*tuple[Any, ...]]:
    """Asks for a few runs only; the caller drops what was not asked for."""
    if run_ids is None or len(run_ids) > _SHORT:
        return found
    return found.where(column.in_(run_ids))


def _read_tags(session: Session, run_ids: Collection[int] | None) -> dict[int, list[str]]:
    tags: dict[int, list[str]] = {}
    found = select(TagRow.run_id, TagRow.tag).order_by(TagRow.tag)
    for run_id, tag in session.execute(_chosen(found, TagRow.run_id, run_ids)):
        tags.setdefault(run_id, []).append(tag)
    return tags


def _select_summaries() -> Select[*tuple[Any, ...]]:
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
    train_digest = (
        select(SplitRow.digest)
        .where(SplitRow.run_id == RunRow.id, SplitRow.split == "train")
        .scalar_subquery()
    )
    return _at_best_epoch(
        select(
            RunRow.id,
            ExperimentRow.name,
            RunRow.number,
            RunRow.uuid,
            RunRow.status,
            RunRow.message,
            RunRow.note,
            RunRow.directory,
            RunRow.recipe_digest,
            RunRow.best_epoch,
            RunRow.validation_digest,
            RunRow.validation_images,
            RunRow.created_at,
            EpochRow.val_accuracy,
            EpochRow.val_loss,
            EpochRow.val_auc,
            EpochRow.val_f1,
            EpochRow.train_loss,
            EpochRow.train_accuracy,
            EvaluationRow.precision,
            EvaluationRow.recall,
            EvaluationRow.average_precision,
            EvaluationRow.predictions,
            epochs.label("epochs"),
            seconds.label("seconds"),
            train_digest.label("train_digest"),
        ).join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id),
        with_evaluation=True,
    ).order_by(RunRow.id)


def _at_best_epoch(
    found: Select[*tuple[Any, ...]], *, with_evaluation: bool
) -> Select[*tuple[Any, ...]]:
    """Joins the best epoch, and the evaluation that training made of it."""
    joined = found.outerjoin(
        EpochRow,
        and_(
            EpochRow.run_id == RunRow.id,
            EpochRow.epoch == RunRow.best_epoch,
            EpochRow.superseded_by.is_(None),
        ),
    )
    if not with_evaluation:
        return joined
    return joined.outerjoin(EvaluationRow, EvaluationRow.id == _training_evaluation())


def _training_evaluation() -> ColumnElement[int]:
    """That of the validation split at the best epoch."""
    made = EvaluationRow.__table__.alias()
    return (
        select(func.min(made.c.id))
        .where(
            made.c.run_id == RunRow.id,
            made.c.epoch == RunRow.best_epoch,
            made.c.split == "val",
            made.c.origin == "training",
            made.c.superseded_by.is_(None),
        )
        .scalar_subquery()
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
