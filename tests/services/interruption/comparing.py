"""A run with its home, and what can be checked of it: soundness, and equality with another."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from dfx.digests import hash_file
from dfx.records import EpochRecord, RunDetail, Status
from dfx.tracking.store import RunStore

from .marks import Marks

TIMES = {"seconds", "images_per_second", "finished_at", "attempt", "created_at"}
"""What may differ between a run and its equal: times, speeds, and which attempt finished it."""


@dataclass(frozen=True)
class Found:
    """What a look at a home after an interruption found.

    Attributes:
        runs: How many runs are recorded.
        epochs: Finished epochs.
        step: Of the newest checkpoint; -1 where there is none.
        torn: Drafts that are shorter than what they should have become.
    """

    runs: int
    epochs: int
    step: int
    torn: int


class Place:
    """A working folder whose `runs/` holds one run, `one/1`.

    Attributes:
        marks: Of the process that did it, where that is of use.
    """

    def __init__(self, folder: Path, *, home: Path | None = None) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.home = home or folder / "runs"
        self.run = self.home / "one" / "1"
        self.marks: Marks | None = None
        self._checked: set[tuple[Path, int, str]] = set()

    def inspect(self, *, writing: int = 0) -> Found:
        """Checks what must hold at any instant, without touching what the next process will find.

        The database is sound, no epoch stands twice, none is missing, and every checkpoint that a
        row names is there as it was written.

        Args:
            writing: Bytes of the file that was being written.
        """
        with closing(self._open_copy()) as connection:

            def ask(question: str) -> list[tuple[Any, ...]]:
                return connection.execute(question).fetchall()

            assert ask("PRAGMA integrity_check") == [("ok",)]
            assert ask("PRAGMA foreign_key_check") == []
            if not ask("SELECT 1 FROM sqlite_master WHERE name = 'runs'"):
                return Found(0, 0, -1, 0)
            epochs = [epoch for (epoch,) in ask("SELECT epoch FROM epochs ORDER BY epoch")]
            assert epochs == list(range(1, len(epochs) + 1))
            evaluated = ask("SELECT epoch FROM evaluations ORDER BY epoch")
            assert len(evaluated) == len(set(evaluated)) <= len(epochs)
            files = ask("SELECT kind, step, path, bytes, sha256 FROM checkpoints ORDER BY id")
            (runs,) = ask("SELECT count(*) FROM runs")[0]
        for _, _, path, size, sha256 in files:
            self._check_file(self.home / path, size, sha256)
        drafts = self.run.rglob(".*.draft")
        torn = sum(draft.stat().st_size < writing for draft in drafts)
        step = max((step for kind, step, *_ in files if kind == "last"), default=-1)
        return Found(runs, len(epochs), step, torn)

    def _check_file(self, path: Path, size: int, sha256: str) -> None:
        """Checks that a file is what its row says; one that has not changed since is not reread."""
        status = path.stat()
        assert status.st_size == size
        if (path, status.st_mtime_ns, sha256) not in self._checked:
            assert hash_file(path) == sha256
            self._checked.add((path, status.st_mtime_ns, sha256))

    def _open_copy(self) -> sqlite3.Connection:
        """Whoever opens a database repairs it; what is left to repair is for the next process."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for name in ("dfx.db", "dfx.db-wal"):
            if (self.home / name).exists():
                shutil.copyfile(self.home / name, copy / name)
        return sqlite3.connect(copy / "dfx.db")

    def read(self) -> RunDetail:
        """The record of its run."""
        with RunStore.open(self.home, create=False) as store:
            return store.get_detail(1)


def assert_equal(one: Place, other: Place) -> None:
    """Two completed runs are the same to the bit, but for times and for who did what."""
    __tracebackhide__ = True
    first, second = one.read(), other.read()
    assert (first.run.status, second.run.status) == (Status.COMPLETED, Status.COMPLETED)
    assert _without_times(first.epochs) == _without_times(second.epochs)
    assert first.run.best_epoch == second.run.best_epoch
    assert first.run.data == second.run.data
    assert _evaluations(one, first) == _evaluations(other, second)
    for place, detail in ((one, first), (other, second)):
        assert read_log(place.run) == [_as_text(epoch) for epoch in detail.epochs]
    for kind in ("last", "best"):
        mine, theirs = (_tensors(p, d, kind) for p, d in ((one, first), (other, second)))
        assert mine.keys() == theirs.keys()
        assert [name for name in mine if mine[name] != theirs[name]] == []


def read_log(folder: Path) -> list[dict[str, str]]:
    """The lines of `log.csv`."""
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def _without_times(records: tuple[Any, ...]) -> list[dict[str, Any]]:
    return [{k: v for k, v in asdict(record).items() if k not in TIMES} for record in records]


def _as_text(epoch: EpochRecord) -> dict[str, str]:
    values = {**asdict(epoch), "finished_at": epoch.finished_at.isoformat()}
    return {name: "" if value is None else str(value) for name, value in values.items()}


def _evaluations(place: Place, detail: RunDetail) -> list[dict[str, Any]]:
    """With the content of their predictions in place of the path, which names the attempt."""
    found = _without_times(detail.evaluations)
    for values in found:
        values["predictions"] = (place.home / values["predictions"]).read_bytes()
    return found


def _tensors(place: Place, detail: RunDetail, kind: str) -> dict[str, Any]:
    """All that the newest file of a kind holds, by its path within; tensors as bytes."""
    newest = next(file for file in detail.checkpoints if file.kind == kind)
    content = torch.load(place.home / newest.path, weights_only=True)
    for name in ("about", "run", "run_uuid", "config"):
        content.pop(name, None)
    for name in ("seconds", "training_seconds"):
        content.get("position", {}).pop(name, None)
    return dict(_flatten(content, kind))


def _flatten(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, torch.Tensor):
        # Bytes, for which 0.0 and -0.0 differ, and what is not a number equals itself.
        return [(path, (str(value.dtype), tuple(value.shape), value.numpy().tobytes()))]
    if isinstance(value, dict):
        return [pair for key, each in value.items() for pair in _flatten(each, f"{path}.{key}")]
    if isinstance(value, list):
        return [pair for n, each in enumerate(value) for pair in _flatten(each, f"{path}.{n}")]
    return [(path, value)]
