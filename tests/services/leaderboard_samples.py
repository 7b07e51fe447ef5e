"""Runs in a real store, with predictions in real files."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfx.config import KINDS, ExperimentConfig
from dfx.records import (
    CheckpointFile,
    Confusion,
    EpochRecord,
    Evaluation,
    Run,
    SplitSummary,
    Status,
)
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def add_run(
    store: RunStore,
    experiment: str = "b4",
    accuracies: Sequence[float] = (0.9,),
    *,
    settings: Mapping[str, Any] | None = None,
    digest: str | None = "sha256:val",
    content: str | None = None,
    train_digest: str = "sha256:train",
    status: Status = Status.COMPLETED,
    losses: Sequence[float] | None = None,
    verdicts: str | None = None,
    home: Path | None = None,
) -> Run:
    """A run that has ended, with an epoch for each accuracy; the best one is kept as such.

    Args:
        digest: Of names and sizes of the validation images.
        content: Of their contents; that of a set which has not changed where None.
        verdicts: For each validation image `1` where it is right and `0` where it is wrong; written
            as the predictions of the best epoch.
    """
    config = ExperimentConfig().replace(settings or {})
    run, attempt = store.create_run(
        experiment=experiment,
        config=config,
        home=home or store.home,
        uuid=str(uuid.uuid4()),
        process=this_process(),
        settings={key: value for key, value in config.flat().items() if KINDS[key] != "recipe"},
        environment={},
    )
    if digest is not None:
        splits = [
            SplitSummary("train", train_digest, train_digest + "-content", 40, 60),
            SplitSummary("val", digest, content or digest + "-content", 4, 6),
        ]
        store.record_data(attempt.id, splits)
    best = 0.0
    digest = digest or ""
    for epoch, accuracy in enumerate(accuracies, 1):
        improved = accuracy > best
        best = max(best, accuracy)
        path = f"{run.directory}/val-e{epoch:04d}-a1.csv"
        if improved and verdicts is not None:
            write_predictions(store.home / path, verdicts)
        store.record_epoch(
            attempt.id,
            EpochRecord(
                epoch=epoch,
                step=epoch,
                train_loss=0.5,
                train_accuracy=0.8,
                val_loss=losses[epoch - 1] if losses else 0.3,
                val_accuracy=accuracy,
                val_auc=accuracy,
                val_f1=None,
                lr=1e-4,
                seconds=1.0,
                images_per_second=10.0,
                attempt=1,
                finished_at=NOW,
            ),
            checkpoints=[make_best(run, epoch)] if improved else [],
            evaluation=Evaluation(
                epoch=epoch,
                split="val",
                dataset_digest=digest,
                threshold=0.5,
                accuracy=accuracy,
                precision=0.75,
                recall=None,
                f1=None,
                auc=accuracy,
                average_precision=None,
                loss=0.3,
                confusion=Confusion(1, 2, 3, 4),
                predictions=path,
                created_at=NOW,
            )
            if improved
            else None,
            improved=improved,
        )
    store.finish_attempt(attempt.id, status=status, message=None)
    return store.get_run(run.id)


def make_best(run: Run, epoch: int) -> CheckpointFile:
    """Recorded, but not written."""
    return CheckpointFile("best", epoch, epoch, f"{run.directory}/best-{epoch}.pt", 1, "sha256:x")


def write_predictions(path: Path, verdicts: str) -> None:
    """Predictions of one deepfake image for each verdict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "truth", "p_deepfake", "label"))
        for number, verdict in enumerate(verdicts):
            label = "deepfake" if verdict == "1" else "real"
            writer.writerow((f"deepfake/{number}.jpg", "deepfake", 0.5, label))


def write_scores(
    path: Path, real: Sequence[float], deepfake: Sequence[float], *, threshold: float = 0.5
) -> None:
    """Predictions of images by class, from their p_deepfake."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "truth", "p_deepfake", "label"))
        for truth, scores in (("real", real), ("deepfake", deepfake)):
            for number, p in enumerate(scores):
                label = "deepfake" if p >= threshold else "real"
                writer.writerow((f"{truth}/{number}.jpg", truth, p, label))
