"""Validation reports: as training records them, and made anew from a table of scores."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dfx.evaluation.metrics import Metrics, measure
from dfx.records import CLASS_NAMES, Evaluation

UNCALIBRATED_THRESHOLD = 0.5
"""What validation scores are judged by while training."""


def score_again(path: Path, name: str, epoch: int, digest: str) -> Evaluation:
    """The evaluation that scores of the validation images come to.

    Args:
        path: The table that training has written.
        name: Its path in the home.
        epoch: Whose weights gave the scores.
        digest: Of the validation split.

    Raises:
        OSError: Where it cannot be read.
        csv.Error: Where it is no table.
        LookupError: Where it has other columns.
        ValueError: Where a cell is no score, or no class.
    """
    with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([CLASS_NAMES.index(row["truth"]) for row in rows], dtype=np.int64)
    scores = np.array([float(row["p_deepfake"]) for row in rows], dtype=np.float64)
    metrics = measure(labels, scores, threshold=UNCALIBRATED_THRESHOLD)
    return validation_report(
        metrics,
        epoch=epoch,
        digest=digest,
        predictions=name,
        created_at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
    )


def validation_report(
    metrics: Metrics, *, epoch: int, digest: str, predictions: str, created_at: datetime
) -> Evaluation:
    """What training records of its best weights: uncalibrated, at threshold 0.5.

    Args:
        metrics: Measured at `UNCALIBRATED_THRESHOLD`.
        epoch: Of the weights.
        digest: Of the validation split.
        predictions: Path of the scores, relative to the home.
        created_at: When they were made.
    """
    return Evaluation(
        epoch=epoch,
        split="val",
        dataset_digest=digest,
        threshold=UNCALIBRATED_THRESHOLD,
        accuracy=metrics.accuracy,
        precision=metrics.precision,
        recall=metrics.recall,
        f1=metrics.f1,
        auc=metrics.auc,
        average_precision=metrics.average_precision,
        loss=metrics.loss,
        confusion=metrics.confusion,
        predictions=predictions,
        created_at=created_at,
    )
