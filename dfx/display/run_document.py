"""One run with everything that hangs on it, as `dfx show --format json` gives it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dfx.display.epochs import epoch_rows
from dfx.display.evaluation import evaluation_document
from dfx.display.formats import to_plain
from dfx.records import Attempt, RunDetail, SplitSummary


def run_document(detail: RunDetail) -> dict[str, Any]:
    """The run in JSON's types: values flat, full precision, `config` by section."""
    run = detail.run
    document = {
        "run": run.name,
        "id": run.id,
        "experiment": run.experiment,
        "number": run.number,
        "uuid": run.uuid,
        "status": run.status,
        "message": run.message,
        "created_at": run.created_at,
        "seconds": run.seconds,
        "best_epoch": run.best_epoch,
        "planned_epochs": planned_epochs(detail),
        "recipe_digest": run.recipe_digest,
        "home": run.home,
        "directory": run.directory,
        "config": run.config.model_dump(),
        "weights": run.weights,
        "data": [_split(split) for split in run.data],
        "epochs": epoch_rows(detail.epochs),
        "attempts": [_attempt(attempt) for attempt in detail.attempts],
        "checkpoints": [asdict(file) for file in detail.checkpoints],
        "evaluations": [evaluation_document(run.name, item) for item in detail.evaluations],
    }
    plain: dict[str, Any] = to_plain(document)
    return plain


def planned_epochs(detail: RunDetail) -> int:
    """The plan in force: that of the latest attempt."""
    planned = detail.run.config.train.epochs
    for attempt in detail.attempts:
        planned = attempt.settings.get("train.epochs", planned)
    return planned


def _split(split: SplitSummary) -> dict[str, Any]:
    return {
        "split": split.split,
        "digest": split.digest,
        "content_digest": split.content_digest,
        "images": split.images,
        "real": split.real,
        "deepfake": split.deepfake,
        "skipped": [{"path": path, "reason": reason} for path, reason in split.skipped],
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "outcome": attempt.outcome,
        "message": attempt.message,
        "started_at": attempt.started_at,
        "heartbeat_at": attempt.heartbeat_at,
        "ended_at": attempt.ended_at,
        "start_step": attempt.start_step,
        "host": attempt.process.host,
        "boot": attempt.process.boot,
        "pid": attempt.process.pid,
        "process_started": attempt.process.started,
        "settings": attempt.settings,
        "environment": attempt.environment,
    }
