"""Homes with runs whose files are a few bytes long, and no training."""

from __future__ import annotations

import os
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from by_hand_samples import make_evaluation_by_hand

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
from dfx.records.inventory import Leftover, Leftovers, Swept
from dfx.services.cleanup import find_leftovers, remove_leftovers
from dfx.services.evaluation_files import (
    EVALUATION_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    dump_evaluation,
)
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

PATCH = "a" * 64
IMAGES = "b" * 64
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def begin(
    store: RunStore, experiment: str = "b4", *, process: ProcessIdentity | None = None
) -> tuple[Run, Attempt]:
    """A run at work: this process's, unless told otherwise."""
    run, attempt = store.create_run(
        experiment=experiment,
        config=ExperimentConfig(),
        home=store.home,
        uuid=str(uuid.uuid4()),
        process=process or this_process(),
        settings={},
        environment={"code": {"revision": "1234", "patch": f"sha256:{PATCH}"}},
    )
    splits = [SplitSummary("val", "sha256:val", f"sha256:{IMAGES}", 1, 1)]
    store.record_data(attempt.id, splits)
    return run, attempt


def resume(store: RunStore, run: Run) -> Attempt:
    """The next attempt, of this process."""
    return store.begin_attempt(
        run.id, process=this_process(), settings={}, environment={"code": None}, start_step=0
    )


def keep_epoch(store: RunStore, run: Run, attempt: Attempt, epoch: int) -> list[str]:
    """An epoch of ten steps with its files on the disk; gives their paths: last, best, report."""
    folder, number = run.directory, attempt.number
    last = f"{folder}/checkpoints/last-e{epoch + 1:04d}-b000000-s{10 * epoch:08d}-a{number}.pt"
    best = f"{folder}/checkpoints/best-e{epoch:04d}-a{number}.pt"
    report = f"{folder}/val-e{epoch:04d}-a{number}.csv"
    for path in (last, best, report, f"{folder}/log.csv"):
        write(store.home / path)
    files = [
        CheckpointFile("last", epoch + 1, 10 * epoch, last, 10, "sha256:0"),
        CheckpointFile("best", epoch, 10 * epoch, best, 10, "sha256:0"),
    ]
    evaluation: dict[str, Any] = dict.fromkeys(
        ("precision", "recall", "f1", "auc", "average_precision")
    )
    store.record_epoch(
        attempt.id,
        EpochRecord(
            *(epoch, 10 * epoch, 0.5, 0.5, 0.5, 0.5, None, None, 1e-4, 1.0, 1.0, number, NOW)
        ),
        checkpoints=files,
        evaluation=Evaluation(
            epoch=epoch,
            split="val",
            dataset_digest="sha256:val",
            threshold=0.5,
            accuracy=0.5,
            loss=0.5,
            confusion=Confusion(1, 0, 1, 0),
            predictions=report,
            created_at=NOW,
            **evaluation,
        ),
        improved=True,
    )
    return [last, best, report]


def keep_evaluation(
    store: RunStore, run: Run, number: int = 1, *, is_recorded: bool = True, **changes: Any
) -> Evaluation:
    """An evaluation by hand of ten images, with some of its files on the disk, an hour old."""
    evaluation = make_evaluation_by_hand(run.directory, number, **changes)
    if evaluation.test_use is not None:
        store.record_test_use(
            run.id, epoch=evaluation.epoch, dataset="other_faces", dataset_digest="sha256:test"
        )
    folder = store.home / str(evaluation.folder)
    for name in (PREDICTIONS_FILE, REPORT_FILE, "roc.png"):
        write(folder / name)
    path = folder / EVALUATION_FILE
    path.write_bytes(dump_evaluation(evaluation, run_uuid=run.uuid))
    age(path, folder, folder.parent)
    if is_recorded:
        store.record_evaluation(run.id, evaluation)
    return evaluation


def end(store: RunStore, attempt: Attempt, status: Status = Status.COMPLETED) -> None:
    """Ends an attempt."""
    store.finish_attempt(attempt.id, status=status, message=None)


def finished(store: RunStore, experiment: str = "b4", *, epochs: int = 2) -> Run:
    """A completed run."""
    run, attempt = begin(store, experiment)
    for epoch in range(1, epochs + 1):
        keep_epoch(store, run, attempt, epoch)
    end(store, attempt)
    return store.get_run(run.id)


def write(path: Path, *, old: bool = True) -> Path:
    """A file of ten bytes, an hour old unless told otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"0123456789")
    if old:
        age(path)
    return path


def age(*paths: Path) -> None:
    """Makes files and folders an hour old."""
    for path in paths:
        then = path.stat().st_mtime - 3600
        os.utime(path, (then, then))


def gone() -> ProcessIdentity:
    """A process of this boot that has ended, and whose id this process has now."""
    return replace(this_process(), started="0")


def list_files(folder: Path) -> set[str]:
    """All files in a folder, the database's own apart."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith((".db", ".db-wal", ".db-shm"))
    }


def look(home: Path, *, unknown: bool = False, backups: bool = False) -> Leftovers:
    """What is found in a home."""
    return find_leftovers(home, unknown=unknown, backups=backups)


def sweep(home: Path, found: Leftovers, *, unknown: bool = False, backups: bool = False) -> Swept:
    """Removes what was found."""
    return remove_leftovers(found, home, unknown=unknown, backups=backups)


def paths(items: tuple[Leftover, ...]) -> set[str]:
    """Where leftovers are."""
    return {item.path for item in items}
