"""Values to put into a store, and processes that use one."""

from __future__ import annotations

import subprocess
import sys
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfx.config import ExperimentConfig
from dfx.records import (
    Attempt,
    CheckpointFile,
    Confusion,
    EpochRecord,
    Evaluation,
    ProcessIdentity,
    Run,
    SplitSummary,
    Status,
)
from dfx.records.condition import FoundAttempt, FoundRun
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

BEGUN = datetime(2025, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where a store is."""

    home: Path
    url: str | None = None

    def open(self, *, create: bool = True) -> RunStore:
        return RunStore.open(self.home, url=self.url, create=create)

    def start(self, script: str, *arguments: object) -> subprocess.Popen[str]:
        """A Python process that has this module's names, this `place` and the `arguments`."""
        head = (
            "import os, sys, time\n"
            "from pathlib import Path\n"
            f"sys.path[:0] = {[str(folder) for folder in Path(__file__).parents[:2]]!r}\n"
            "from tracking_samples import *\n"
            f"place = Place(Path({str(self.home)!r}), {self.url!r})\n"
            f"arguments = {[str(each) for each in arguments]!r}\n"
        )
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-c", head + script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def begin_run(store: RunStore, **changes: Any) -> tuple[Run, Attempt]:
    """A run of this process, unless told otherwise."""
    values: dict[str, Any] = {
        "experiment": "b4",
        "config": ExperimentConfig(),
        "home": store.home,
        "uuid": str(uuid.uuid4()),
        "process": this_process(),
        "settings": {"data.workers": 4},
        "environment": {"python": "3.12"},
    }
    return store.create_run(**{**values, **changes})


def continue_run(store: RunStore, run_id: int, **changes: Any) -> Attempt:
    """The next attempt of this process."""
    values: dict[str, Any] = {
        "process": this_process(),
        "settings": {},
        "environment": {},
        "start_step": 0,
    }
    return store.begin_attempt(run_id, **{**values, **changes})


def make_epoch(epoch: int = 1, **changes: Any) -> EpochRecord:
    """An epoch of ten steps."""
    record = EpochRecord(
        epoch=epoch,
        step=10 * epoch,
        train_loss=0.7 / epoch,
        train_accuracy=0.5,
        val_loss=0.8 / epoch,
        val_accuracy=1 - 0.5 / epoch,
        val_auc=0.75,
        val_f1=None,
        lr=1e-4,
        seconds=12.5,
        images_per_second=320.0,
        attempt=1,
        finished_at=datetime(2025, 3, 4, 5, 6, 7, 891011, tzinfo=UTC),
    )
    return replace(record, **changes)


def make_checkpoint(kind: Any = "last", step: int = 10, **changes: Any) -> CheckpointFile:
    """A checkpoint, at the end of an epoch of ten steps where the step says so."""
    file = CheckpointFile(
        kind=kind,
        epoch=-(-step // 10),
        step=step,
        path=f"b4/1/{kind}-{step}.pt",
        bytes=5_000_000_000,
        sha256="sha256:" + "0" * 64,
    )
    return replace(file, **changes)


def make_evaluation(epoch: int = 1, **changes: Any) -> Evaluation:
    """An evaluation on the validation split."""
    evaluation = Evaluation(
        epoch=epoch,
        split="val",
        dataset_digest="sha256:val",
        threshold=0.5,
        accuracy=0.75,
        precision=0.8,
        recall=2 / 3,
        f1=0.7,
        auc=0.9,
        average_precision=None,
        loss=0.4,
        confusion=Confusion(tn=1, fp=2, fn=3, tp=4),
        predictions="b4/1/val.csv",
        created_at=datetime(2025, 3, 4, 5, 6, 8, tzinfo=UTC),
    )
    return replace(evaluation, **changes)


def make_split(split: Any = "val", **changes: Any) -> SplitSummary:
    """A split of 30 images, one more being unreadable."""
    summary = SplitSummary(
        split=split,
        digest=f"sha256:{split}",
        content_digest=f"sha256:{split}-content",
        real=10,
        deepfake=20,
        skipped=(("real/é.jpg", "truncated"),),
    )
    return replace(summary, **changes)


def find_run(**changes: Any) -> FoundRun:
    """What the files of an interrupted run of one epoch tell."""
    config = ExperimentConfig()
    attempt = FoundAttempt(
        number=1,
        process=gone(),
        settings={},
        environment={},
        start_step=0,
        started_at=BEGUN,
        heartbeat_at=BEGUN,
        ended_at=BEGUN,
        outcome=Status.INTERRUPTED,
        message=None,
    )
    values: dict[str, Any] = {
        "uuid": str(uuid.uuid4()),
        "experiment": "b4",
        "number": 1,
        "directory": "b4/1",
        "created_at": BEGUN,
        "config": config,
        "recipe_digest": config.recipe_digest(),
        "weights": {},
        "splits": (make_split(),),
        "attempts": (attempt,),
        "epochs": (make_epoch(),),
        "checkpoints": ((make_checkpoint(path="b4/1/checkpoints/last.pt"), 1),),
        "evaluations": (),
        "best_epoch": None,
        "status": Status.INTERRUPTED,
        "message": None,
        "tags": (),
        "note": None,
        "gaps": (),
    }
    return FoundRun(**{**values, **changes})


def record_epoch(store: RunStore, attempt: Attempt, epoch: int, *, improved: bool = True) -> None:
    """An epoch with its *last* checkpoint, and with *best* and its report where it improved."""
    files = [make_checkpoint("last", 10 * epoch)]
    if improved:
        files.append(make_checkpoint("best", 10 * epoch))
    store.record_epoch(
        attempt.id,
        make_epoch(epoch, attempt=attempt.number),
        checkpoints=files,
        evaluation=make_evaluation(epoch) if improved else None,
        improved=improved,
    )


def list_names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def gone() -> ProcessIdentity:
    """A process of this boot that has ended, and whose id this process has now."""
    return replace(this_process(), started="0")
