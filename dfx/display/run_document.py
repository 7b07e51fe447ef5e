"""One run with everything that hangs on it, as `dfx show --format json` gives it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dfx.display.by_hand import use_documents
from dfx.display.epochs import epoch_rows
from dfx.display.evaluation_document import evaluation_document
from dfx.display.formats import to_plain
from dfx.records import Attempt, RunDetail, SplitSummary


def run_document(
    detail: RunDetail,
    folder: Path | None = None,
    *,
    sizes: Mapping[str, int | None] | None = None,
) -> dict[str, Any]:
    """The run in JSON's types: values flat, full precision, `config` by section.

    `{run, id, experiment, number, uuid, status, message, tags: [], note, created_at, seconds,
    best_epoch, planned_epochs, recipe_digest, host, home, directory, folder, config: {…},
    weights: {…}, data: [{split, digest, content_digest, images, real, deepfake, skipped}],
    epochs: [{…}], attempts: [{…}], checkpoints: [{…}], evaluations: [{…}],
    test_uses: [{number, epoch, dataset, dataset_digest, used_at, is_recorded}],
    files: [{path, bytes}]}`

    `host`, `home` and `directory` say where its files were made; `folder` is where they are on this
    machine, null where they are elsewhere, and `files` is null then. Paths are relative to the
    home; `bytes` is null for a file that is gone. Evaluations are those of
    training and those made by hand, as `evaluation_document` has them.
    """
    run = detail.run
    document = {
        "run": run.name,
        "id": run.id,
        "experiment": run.experiment,
        "number": run.number,
        "uuid": run.uuid,
        "status": run.status,
        "message": run.message,
        "tags": run.tags,
        "note": run.note,
        "created_at": run.created_at,
        "seconds": run.seconds,
        "best_epoch": run.best_epoch,
        "planned_epochs": planned_epochs(detail),
        "recipe_digest": run.recipe_digest,
        "host": run.host,
        "home": run.home,
        "directory": run.directory,
        "folder": folder,
        "config": run.config.model_dump(),
        "weights": run.weights,
        "data": [_split(split) for split in run.data],
        "epochs": epoch_rows(detail.epochs),
        "attempts": [_attempt(attempt) for attempt in detail.attempts],
        "checkpoints": [asdict(file) for file in detail.checkpoints],
        "evaluations": [evaluation_document(run.name, item) for item in detail.evaluations],
        "test_uses": use_documents(detail.test_uses),
        "files": None if sizes is None else _files(sizes),
    }
    plain: dict[str, Any] = to_plain(document)
    return plain


def planned_epochs(detail: RunDetail) -> int:
    """The plan in force: that of the latest attempt."""
    planned = detail.run.config.train.epochs
    for attempt in detail.attempts:
        planned = attempt.settings.get("train.epochs", planned)
    return planned


def _files(sizes: Mapping[str, int | None]) -> list[dict[str, Any]]:
    return [{"path": path, "bytes": size} for path, size in sizes.items()]


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
