"""Rows to records and back.

Pure functions: no query is made here, and what may be stored is checked here once.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any, cast, get_args

from dfx.config import CONFIG_VERSION, ExperimentConfig, load_config
from dfx.errors import ConfigError, StoreError
from dfx.records import (
    Attempt,
    CheckpointFile,
    CheckpointKind,
    Confusion,
    EpochRecord,
    Evaluation,
    Origin,
    ProcessIdentity,
    Run,
    Split,
    SplitSummary,
    Status,
)
from dfx.records.evaluation import EvaluationDetail, TestUse, dump_detail, load_detail
from dfx.tracking.escapes import escape_all, unescape_all
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    RunRow,
    SplitRow,
    TestUseRow,
)


def to_run(
    row: RunRow,
    *,
    experiment: str,
    status: Status,
    splits: Sequence[SplitRow],
    attempts: Sequence[AttemptRow],
    tags: Sequence[str],
) -> Run:
    """A run, with the status that holds now."""
    return Run(
        id=row.id,
        uuid=row.uuid,
        experiment=experiment,
        number=row.number,
        status=status,
        config=to_config(row),
        recipe_digest=row.recipe_digest,
        directory=row.directory,
        home=row.home,
        weights=row.weights,
        data=tuple(to_split(split) for split in splits),
        best_epoch=row.best_epoch,
        created_at=row.created_at,
        seconds=sum(to_seconds(attempt) for attempt in attempts),
        message=row.message,
        host=attempts[0].host,
        tags=tuple(tags),
        note=row.note,
    )


def to_config(row: RunRow) -> ExperimentConfig:
    """The configuration of a run.

    Raises:
        ConfigError: Where a newer dfx wrote it.
        ValueError: Where it is none; it was checked before it was stored.
    """
    try:
        return load_config(row.config, row.config_version)
    except ConfigError as error:
        if row.config_version > CONFIG_VERSION:
            raise
        raise ValueError(f"in the configuration of run {row.id}, {error.message}") from error


def to_seconds(row: AttemptRow) -> float:
    """Milliseconds are enough: how long it took, or was heard of where its end is unknown."""
    took: timedelta = (row.ended_at or row.heartbeat_at) - row.started_at
    return round(took.total_seconds(), 3)


def to_process(row: AttemptRow) -> ProcessIdentity:
    """The process of an attempt."""
    return ProcessIdentity(host=row.host, boot=row.boot, pid=row.pid, started=row.process_started)


def to_attempt(row: AttemptRow) -> Attempt:
    """An attempt as it was recorded: no outcome, where its process was killed."""
    return Attempt(
        id=row.id,
        number=row.number,
        process=to_process(row),
        settings=row.settings,
        environment=row.environment,
        start_step=row.start_step,
        started_at=row.started_at,
        heartbeat_at=row.heartbeat_at,
        ended_at=row.ended_at,
        outcome=None if row.outcome is None else Status(row.outcome),
        message=row.message,
    )


def to_split(row: SplitRow) -> SplitSummary:
    """The summary of a split."""
    return SplitSummary(
        split=cast("Split", row.split),
        digest=row.digest,
        content_digest=row.content_digest,
        real=row.real,
        deepfake=row.deepfake,
        skipped=tuple((path, reason) for path, reason in row.skipped),
    )


def split_columns(summary: SplitSummary) -> dict[str, Any]:
    """A split's summary as columns."""
    return {
        "split": summary.split,
        "digest": summary.digest,
        "content_digest": summary.content_digest,
        "real": summary.real,
        "deepfake": summary.deepfake,
        "skipped": [list(pair) for pair in summary.skipped],
    }


def to_epoch(row: EpochRow, attempt: int) -> EpochRecord:
    """An epoch, finished by the attempt of that number."""
    return EpochRecord(
        epoch=row.epoch,
        step=row.step,
        train_loss=row.train_loss,
        train_accuracy=row.train_accuracy,
        val_loss=row.val_loss,
        val_accuracy=row.val_accuracy,
        val_auc=row.val_auc,
        val_f1=row.val_f1,
        lr=row.lr,
        seconds=row.seconds,
        images_per_second=row.images_per_second,
        attempt=attempt,
        finished_at=row.finished_at,
    )


def epoch_columns(record: EpochRecord) -> dict[str, Any]:
    """An epoch as columns; its attempt is stored by id.

    Raises:
        StoreError: For a value that is not finite.
    """
    columns = dataclasses.asdict(record)
    del columns["attempt"]
    _require_finite(columns, f"epoch {record.epoch}")
    return columns


def to_checkpoint(row: CheckpointRow) -> CheckpointFile:
    """A checkpoint."""
    return CheckpointFile(
        kind=cast("CheckpointKind", row.kind),
        epoch=row.epoch,
        step=row.step,
        path=row.path,
        bytes=row.bytes,
        sha256=row.sha256,
    )


def checkpoint_columns(file: CheckpointFile) -> dict[str, Any]:
    """A checkpoint as columns.

    Raises:
        ValueError: For a path that would not survive a move of the home.
    """
    _require_relative(file.path)
    return dataclasses.asdict(file)


def to_evaluation(row: EvaluationRow) -> Evaluation:
    """An evaluation."""
    return Evaluation(
        epoch=row.epoch,
        split=cast("Split", row.split),
        dataset_digest=row.dataset_digest,
        threshold=row.threshold,
        accuracy=row.accuracy,
        precision=row.precision,
        recall=row.recall,
        f1=row.f1,
        auc=row.auc,
        average_precision=row.average_precision,
        loss=row.loss,
        confusion=Confusion(tn=row.tn, fp=row.fp, fn=row.fn, tp=row.tp),
        predictions=row.predictions,
        created_at=row.created_at,
        origin=to_origin(row.origin),
        dataset=row.dataset,
        folder=row.folder,
        test_use=row.test_use,
        detail=None if row.detail is None else load_detail(unescape_all(row.detail)),
    )


def to_origin(value: str) -> Origin:
    """Who made an evaluation.

    Raises:
        ValueError: Where it is nobody.
    """
    if value not in get_args(Origin):
        raise ValueError(f"{value!r} makes no evaluations")
    return cast("Origin", value)


def to_test_use(row: TestUseRow, *, is_recorded: bool) -> TestUse:
    """A use of a test split, of which an evaluation came or did not."""
    return TestUse(
        number=row.number,
        epoch=row.epoch,
        dataset=row.dataset,
        dataset_digest=row.dataset_digest,
        used_at=row.used_at,
        is_recorded=is_recorded,
    )


def evaluation_columns(evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as columns.

    Raises:
        StoreError: For a value that is not finite.
        ValueError: For a path that would not survive a move of the home.
    """
    columns = dataclasses.asdict(dataclasses.replace(evaluation, detail=None))
    columns.update(columns.pop("confusion"))
    _require_finite(columns, f"the {evaluation.split} evaluation of epoch {evaluation.epoch}")
    for path in (evaluation.predictions, evaluation.folder):
        if path is not None:
            _require_relative(path)
    if evaluation.dataset is not None:
        columns["dataset"] = to_text(evaluation.dataset)
    if evaluation.detail is not None:
        columns["detail"] = detail = detail_column(evaluation.detail)
        _require_finite(detail, f"the detail of the {evaluation.split} evaluation")
    return columns


def detail_column(detail: EvaluationDetail) -> dict[str, Any]:
    """The detail of an evaluation as its column, with names that every database can read."""
    column: dict[str, Any] = escape_all(dump_detail(detail))
    return column


def to_text(name: str) -> str:
    """The name of a folder as text of a database: bytes that are no UTF-8 become escapes."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _require_finite(columns: Mapping[str, Any], where: str) -> None:
    # SQLite would turn NaN into NULL without a word, and PostgreSQL refuses it in JSON.
    for name, value in columns.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise StoreError(f"{name} of {where} is {value}; only finite numbers are recorded")
        if isinstance(value, Mapping):
            _require_finite(value, f"{name} of {where}")
        elif isinstance(value, list | tuple):
            _require_finite({f"{name}[{i}]": item for i, item in enumerate(value)}, where)


def _require_relative(path: str) -> None:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path:
        raise ValueError(f"{path!r} is stored; expected a path relative to the home, with slashes")
