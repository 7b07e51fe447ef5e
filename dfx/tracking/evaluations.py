"""What is asked of the evaluations of many runs at once: the queries of boards by data sets.

Nothing is ranked here. Details are taken in parts by the database, since a whole one is large.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Engine, RowMapping, Select, and_, case, func, select
from sqlalchemy.orm import Session

from dfx.records import Confusion
from dfx.records.boards import SetScores, SetStanding, TrainedRun
from dfx.records.evaluation import DETAIL_VERSION, METRIC_NAMES
from dfx.records.robustness import ConditionResult
from dfx.records.robustness_board import Suite
from dfx.tracking.engine import reading
from dfx.tracking.escapes import unescape
from dfx.tracking.tables import EvaluationRow, ExperimentRow, RunRow, SplitRow, TestUseRow

_FLAT = {
    "accuracy": EvaluationRow.accuracy,
    "precision": EvaluationRow.precision,
    "recall": EvaluationRow.recall,
    "f1": EvaluationRow.f1,
    "auc": EvaluationRow.auc,
    "average_precision": EvaluationRow.average_precision,
    "loss": EvaluationRow.loss,
}
"""The metrics that have a column of their own."""

_SHORT = 500
"""Up to so many ids are asked for by themselves; of more, all rows are read and these kept."""


class EvaluationReader:
    """What can be asked of evaluations; `RunStore.evaluations` is one, and its contract holds.

    Meant are those that were made by hand, stand, and are of their run's best epoch.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list_standings(self, metric: str) -> list[SetStanding]:
        """All of them with one metric, in the order of their making.

        Args:
            metric: One of `METRIC_NAMES`.
        """
        with reading(self._engine) as session:
            return _list_standings(session, metric)

    def read_scores(self, evaluation_ids: Collection[int]) -> dict[int, SetScores]:
        """Some of them with their headlines, by id."""
        with reading(self._engine) as session:
            return _read_scores(session, evaluation_ids)

    def read_suites(self) -> dict[int, Suite]:
        """What those that tested robustness found of it, by id."""
        with reading(self._engine) as session:
            return _read_suites(session)

    def list_trained(self) -> list[TrainedRun]:
        """Runs that have weights to evaluate, in the order of their creation."""
        with reading(self._engine) as session:
            return _list_trained(session)


def _content_digest() -> ColumnElement[Any]:
    detail = EvaluationRow.detail
    is_known = detail["version"].as_integer() == DETAIL_VERSION
    return case((is_known, detail[("data", "content_digest")].as_string()))


def _list_standings(session: Session, metric: str) -> list[SetStanding]:
    score: ColumnElement[Any]
    if metric in _FLAT:
        score = _FLAT[metric].expression
    else:
        detail = EvaluationRow.detail
        is_known = detail["version"].as_integer() == DETAIL_VERSION
        score = case((is_known, detail[("headline", "values", metric)].as_float()))
    # Past the session, which would look for objects in each of ten thousand rows.
    rows = session.connection().execute(
        _at_best_epoch(
            select(
                EvaluationRow.id,
                EvaluationRow.run_id,
                EvaluationRow.split,
                EvaluationRow.dataset,
                EvaluationRow.dataset_digest,
                _content_digest(),
                score,
                EvaluationRow.loss,
            )
        )
    )
    return [SetStanding._make(row) for row in rows]


def _read_scores(session: Session, evaluation_ids: Collection[int]) -> dict[int, SetScores]:
    used = TestUseRow.__table__.alias()
    uses = select(func.max(used.c.number)).where(used.c.run_id == EvaluationRow.run_id)
    detail = EvaluationRow.detail
    found = _at_best_epoch(
        select(
            EvaluationRow.id,
            EvaluationRow.run_id,
            EvaluationRow.split,
            EvaluationRow.dataset,
            EvaluationRow.dataset_digest,
            _content_digest().label("content_digest"),
            EvaluationRow.threshold,
            *_FLAT.values(),
            EvaluationRow.tn,
            EvaluationRow.fp,
            EvaluationRow.fn,
            EvaluationRow.tp,
            EvaluationRow.predictions,
            EvaluationRow.folder,
            EvaluationRow.created_at,
            uses.scalar_subquery().label("uses"),
            detail["version"].label("version"),
            detail[("data", "root")].label("root"),
            # SQLite has no truth values of its own, in JSON either.
            detail[("data", "is_own")].as_boolean().label("is_own"),
            detail[("headline", "is_in_sample")].as_boolean().label("is_in_sample"),
            detail[("headline", "values")].label("all_values"),
            detail[("headline", "intervals")].label("intervals"),
            detail["others"].label("others"),
            detail[("overlap", "either")].label("seen"),
        )
    )
    if len(evaluation_ids) <= _SHORT:
        found = found.where(EvaluationRow.id.in_(evaluation_ids))
    return {
        row["id"]: _to_scores(row)
        for row in session.connection().execute(found).mappings()
        if row["id"] in evaluation_ids
    }


def _read_suites(session: Session) -> dict[int, Suite]:
    detail = EvaluationRow.detail
    version = detail[("robustness", "version")].as_integer()
    rows = session.connection().execute(
        _at_best_epoch(
            select(
                EvaluationRow.id,
                version.label("suite"),
                detail[("robustness", "threshold")].as_float().label("threshold"),
                detail[("robustness", "temperature")].as_float().label("temperature"),
                detail[("robustness", "results")].label("results"),
            ).where(version.is_not(None), detail["version"].as_integer() == DETAIL_VERSION)
        )
    )
    return {
        row.id: Suite(
            row.suite, row.threshold, row.temperature, tuple(map(_to_condition, row.results))
        )
        for row in rows
    }


def _list_trained(session: Session) -> list[TrainedRun]:
    rows = session.connection().execute(
        select(
            RunRow.id,
            ExperimentRow.name,
            RunRow.number,
            RunRow.validation_digest,
            SplitRow.content_digest,
        )
        .join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id)
        .outerjoin(SplitRow, and_(SplitRow.run_id == RunRow.id, SplitRow.split == "val"))
        .where(RunRow.best_epoch.is_not(None))
        .order_by(RunRow.id)
    )
    return [
        TrainedRun(run_id, f"{name}/{number}", digest, content)
        for run_id, name, number, digest, content in rows
    ]


def _at_best_epoch(found: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """Those of evaluations that a board looks at."""
    return (
        found.join(
            RunRow,
            and_(RunRow.id == EvaluationRow.run_id, RunRow.best_epoch == EvaluationRow.epoch),
        )
        .where(EvaluationRow.superseded_by.is_(None), EvaluationRow.origin == "evaluate")
        .order_by(EvaluationRow.id)
    )


def _to_scores(row: RowMapping) -> SetScores:
    # Details of another version are not understood, but the columns say enough for a line.
    is_known = row["version"] == DETAIL_VERSION
    values = dict.fromkeys(METRIC_NAMES) | (row["all_values"] if is_known else {})
    return SetScores(
        id=row["id"],
        run_id=row["run_id"],
        split=row["split"],
        dataset=row["dataset"],
        dataset_digest=row["dataset_digest"],
        content_digest=row["content_digest"],
        root=unescape(row["root"]) if is_known else None,
        threshold=row["threshold"],
        confusion=Confusion(tn=row["tn"], fp=row["fp"], fn=row["fn"], tp=row["tp"]),
        values={**values, **{name: row[name] for name in _FLAT}},
        intervals={
            name: (each["low"], each["high"])
            for name, each in (row["intervals"] if is_known else {}).items()
            if each is not None
        },
        accuracy_at_half=_find_accuracy(row["others"] if is_known else []),
        is_own=row["is_own"] if is_known else None,
        is_in_sample=is_known and (row["is_in_sample"] or _has_in_sample(row["others"])),
        seen=row["seen"] if is_known else None,
        test_uses=row["uses"] or 0,
        predictions=row["predictions"],
        folder=row["folder"],
        created_at=row["created_at"],
    )


def _find_accuracy(readings: list[dict[str, Any]]) -> float | None:
    """Of the reading at threshold 0.5, which there is beside a headline at another."""
    found = (each["values"]["accuracy"] for each in readings if each["kind"] == "half")
    return next(found, None)


def _has_in_sample(readings: list[dict[str, Any]]) -> bool:
    """On the images that it was fitted on, the shipped reading stands beside the headline."""
    return any(each["is_in_sample"] for each in readings if each["kind"] == "shipped")


def _to_condition(stored: dict[str, Any]) -> ConditionResult:
    return ConditionResult(**{**stored, "confusion": Confusion(**stored["confusion"])})
