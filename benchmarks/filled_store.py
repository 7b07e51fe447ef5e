"""A store of thousands of made-up runs, and an independent reading of it.

The runs are put into the real tables of a store that dfx has made, many rows at a time. They look
like those of a real home: several recipes with many seeds, three validation sets one after the
other, a curve of accuracy per run, an evaluation whenever it improved.
"""

from __future__ import annotations

import random
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert

from dfx.config import CONFIG_VERSION, ExperimentConfig, dump_config
from dfx.tracking.engine import DATABASE_NAME, open_engine, writing
from dfx.tracking.store import RunStore
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    ExperimentRow,
    RunRow,
    SplitRow,
)

RECIPES: dict[str, dict[str, Any]] = {
    "b4-baseline": {},
    "b4-robust": {"augment.jpeg": 0.5, "augment.blur": 0.25},
    "b4-frozen": {"train.freeze_epochs": 3},
    "b4-gentle": {"optim.lr": 3e-5, "optim.warmup_epochs": 2},
    "b0-small": {"model.name": "efficientnet_b0", "data.image_size": 224},
}
VALIDATION_SETS = 3
IMAGES = 20_000
_AT_ONCE = 500
_START = datetime(2025, 1, 1, tzinfo=UTC)

Curve = list[tuple[float, float]]
"""Accuracy and loss by epoch."""


def draw_curves(runs: int, epochs: int, *, seed: int = 0) -> list[Curve]:
    """What each run reached, the same for the same arguments."""
    rng = random.Random(seed)
    return [list(_draw_curve(rng, epochs)) for _ in range(runs)]


def _draw_curve(rng: random.Random, epochs: int) -> Iterator[tuple[float, float]]:
    ceiling = rng.uniform(0.90, 0.98)
    for epoch in range(1, epochs + 1):
        share = ceiling - 0.4 * 0.6**epoch + rng.gauss(0, 0.004)
        accuracy = round(min(share, 0.9999) * IMAGES) / IMAGES
        yield accuracy, 1.2 * (1 - accuracy) + rng.uniform(0, 0.02)


def fill(home: Path, curves: list[Curve]) -> None:
    """Makes a store in a home and fills it, one run a curve."""
    with RunStore.open(home, create=True):
        pass
    engine = open_engine(home)
    names = list(RECIPES)
    with writing(engine) as session:
        experiments = [
            {
                "id": number + 1,
                "name": name,
                "folded_name": name,
                "last_number": len(range(number, len(curves), len(names))),
                "created_at": _START,
            }
            for number, name in enumerate(names)
        ]
        session.execute(insert(ExperimentRow), experiments)
    for first in range(0, len(curves), _AT_ONCE):
        rows: dict[type, list[dict[str, Any]]] = {}
        for index in range(first, min(first + _AT_ONCE, len(curves))):
            for table, row in _make_rows(index, curves[index], len(curves), home):
                rows.setdefault(table, []).append(row)
        with writing(engine) as session:
            for row_class, values in rows.items():
                table = row_class.__table__  # type: ignore[attr-defined]
                assert isinstance(table, Table)
                session.execute(insert(table), values)


def _make_rows(
    index: int, curve: Curve, runs: int, home: Path
) -> Iterator[tuple[type, dict[str, Any]]]:
    """A run and all that hangs on it, in the order in which it can be inserted."""
    names = list(RECIPES)
    run_id, name, number = index + 1, names[index % len(names)], index // len(names) + 1
    config = ExperimentConfig().replace({**RECIPES[name], "train.seed": number})
    directory = f"{name}/{number}"
    validation = f"sha256:{index * VALIDATION_SETS // runs:064x}"
    began = _START + timedelta(minutes=10 * index)
    best = 0
    improved = []
    for epoch, (accuracy, _) in enumerate(curve, start=1):
        if not improved or accuracy > curve[best - 1][0]:
            best = epoch
            improved.append(epoch)
    yield (
        RunRow,
        {
            "id": run_id,
            "uuid": str(uuid.UUID(int=run_id)),
            "experiment_id": index % len(names) + 1,
            "number": number,
            "status": "completed",
            "message": None,
            "config": dump_config(config),
            "config_version": CONFIG_VERSION,
            "recipe_digest": config.recipe_digest(),
            "home": str(home),
            "directory": directory,
            "weights": {"source": "timm", "tag": f"{config.model.name}.ra2_in1k"},
            "validation_digest": validation,
            "validation_images": IMAGES,
            "best_epoch": best,
            "created_at": began,
            "note": None,
        },
    )
    for split, images in (("train", 100_000), ("val", IMAGES)):
        yield (
            SplitRow,
            {
                "run_id": run_id,
                "split": split,
                "digest": validation if split == "val" else f"sha256:{7:064x}",
                "content_digest": f"sha256:{index % 3:064x}",
                "real": images // 2,
                "deepfake": images - images // 2,
                "skipped": [],
            },
        )
    ended = began + timedelta(seconds=720 * len(curve))
    yield (
        AttemptRow,
        {
            "id": run_id,
            "run_id": run_id,
            "number": 1,
            "host": "workstation",
            "boot": "0f0e/pid:[4026531836]",
            "pid": 1000 + index,
            "process_started": str(index),
            "settings": {"data.root": "dataset", "data.workers": 4, "train.epochs": len(curve)},
            "environment": {"packages": {f"package-{n}": "1.2.3" for n in range(60)}},
            "start_step": 0,
            "started_at": began,
            "heartbeat_at": ended,
            "ended_at": ended,
            "outcome": "completed",
            "message": None,
        },
    )
    common = {"run_id": run_id, "superseded_by": None}
    for epoch, (accuracy, loss) in enumerate(curve, start=1):
        done = began + timedelta(seconds=720 * epoch)
        yield (
            EpochRow,
            {
                **common,
                "attempt_id": run_id,
                "epoch": epoch,
                "step": 3125 * epoch,
                "train_loss": loss + 0.01,
                "train_accuracy": accuracy - 0.01,
                "val_loss": loss,
                "val_accuracy": accuracy,
                "val_auc": 1 - (1 - accuracy) ** 1.5,
                "val_f1": accuracy,
                "lr": 1e-4,
                "seconds": 720.0,
                "images_per_second": 140.0,
                "finished_at": done,
            },
        )
        if epoch in improved:
            wrong = round((1 - accuracy) * IMAGES)
            yield (
                EvaluationRow,
                {
                    **common,
                    "epoch": epoch,
                    "split": "val",
                    "dataset_digest": validation,
                    "threshold": 0.5,
                    "accuracy": accuracy,
                    "precision": accuracy,
                    "recall": accuracy,
                    "f1": accuracy,
                    "auc": 1 - (1 - accuracy) ** 1.5,
                    "average_precision": 1 - (1 - accuracy) ** 1.4,
                    "loss": loss,
                    "tn": IMAGES // 2 - wrong // 2,
                    "fp": wrong // 2,
                    "fn": wrong - wrong // 2,
                    "tp": IMAGES // 2 - (wrong - wrong // 2),
                    "predictions": f"{directory}/predictions-{epoch}.csv",
                    "created_at": done,
                },
            )
    for kind, epoch in (("last", len(curve) - 1), ("last", len(curve)), ("best", best)):
        yield (
            CheckpointRow,
            {
                **common,
                "attempt_id": run_id,
                "kind": kind,
                "epoch": epoch,
                "step": 3125 * epoch,
                "path": f"{directory}/{kind}-{epoch}.pt",
                "bytes": 211_703_278,
                "sha256": f"sha256:{run_id * 100 + epoch:064x}",
                "recorded_at": began + timedelta(seconds=720 * epoch),
            },
        )


def scan_for_winner(home: Path) -> str:
    """The run that should lead, found without dfx: every epoch is read and compared in Python.

    It is the one with the most accurate epoch, among those on the validation set of the newest run;
    ties go to the lower loss at that epoch, then to the earlier run.
    """
    with closing(sqlite3.connect(home / DATABASE_NAME)) as connection:
        runs = connection.execute(
            "SELECT runs.id, name, number, validation_digest FROM runs, experiments"
            " WHERE experiment_id = experiments.id"
        ).fetchall()
        epochs = connection.execute(
            "SELECT run_id, epoch, val_accuracy, val_loss FROM epochs WHERE superseded_by IS NULL"
        ).fetchall()
    newest = max((run for run in runs if run[3]), key=lambda run: run[0])[3]
    names = {run[0]: f"{run[1]}/{run[2]}" for run in runs if run[3] == newest}
    best: dict[int, tuple[float, int, float]] = {}  # of equal epochs of a run, the first counts
    for run_id, epoch, accuracy, loss in epochs:
        candidate = (-accuracy, epoch, loss)
        if run_id in names:
            best[run_id] = min(best.get(run_id, candidate), candidate)
    return names[min(best, key=lambda run_id: (best[run_id][0], best[run_id][2], run_id))]
