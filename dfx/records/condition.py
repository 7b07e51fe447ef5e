"""How a store is: what is in it, what is wrong with it, and what files tell that it has forgotten.

Frozen values that travel between rooms, as those of `dfx.records` do. Nothing is looked up here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from dfx.config import ExperimentConfig
from dfx.records import (
    CheckpointFile,
    EpochRecord,
    Evaluation,
    ProcessIdentity,
    SplitSummary,
    Status,
)
from dfx.records.evaluation import TestUse

StoreState = Literal["current", "older", "newer", "foreign", "empty", "absent", "damaged"]


@dataclass(frozen=True, slots=True)
class LiveAttempt:
    """A process that is working on a run now.

    Attributes:
        attempt: Its number.
    """

    run: str
    attempt: int
    host: str
    pid: int
    heartbeat_at: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """How much is recorded.

    Attributes:
        runs: By status, as derived now.
        epochs: Those that stand.
        checkpoints: Files that rows name, those that no longer stand included.
        checkpoint_bytes: Of these files, as recorded.
        evaluations: Those that stand.
    """

    experiments: int
    runs: Mapping[Status, int]
    epochs: int
    checkpoints: int
    checkpoint_bytes: int
    evaluations: int


@dataclass(frozen=True, slots=True)
class StoreCondition:
    """A database as it was found; looking changed nothing.

    Attributes:
        database: Its file, or its URL without the password.
        version: Of SQLite or of the server; None where it could not be asked.
        state: What this dfx can do with it: only *current* is used as it is.
        revision: Of its tables; None where there are none of ours.
        expected_revision: That this dfx works with.
        bytes: Size; None where it is not known.
        wal_bytes: Of the log beside a SQLite file.
        counts: None where the tables are not ours, or cannot be read.
        problem: Why it cannot be used as it is, else None.
        hint: The way out of the problem.
        journal: SQLite's journal mode, `wal` where it is as it should be; None on a server, and
            where the folder cannot be written.
    """

    database: str
    kind: Literal["sqlite", "postgresql"]
    version: str | None
    state: StoreState
    revision: str | None
    expected_revision: str
    bytes: int | None
    wal_bytes: int | None
    counts: Counts | None
    live: tuple[LiveAttempt, ...]
    problem: str | None
    hint: str | None
    journal: str | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """Something that a check has found.

    Attributes:
        kind: In a word or two, such as `missing file`.
        run: The run it is about, else None.
        path: The file or folder it is about, relative to the home, else None.
        hint: The way out; None where nothing needs to be done.
        is_fault: Whether it is wrong, or only worth knowing.
    """

    kind: str
    run: str | None
    path: str | None
    message: str
    hint: str | None
    is_fault: bool = True


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """A file that a row names.

    Attributes:
        kind: `last` or `best` for a checkpoint, else `predictions`.
        bytes: As recorded; None for predictions.
        sha256: As recorded; None for predictions.
    """

    kind: str
    path: str
    bytes: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run with the files that its rows name, at whatever revision.

    Attributes:
        is_open: Whether an attempt has not ended by the record; its process may be gone.
    """

    name: str
    uuid: str
    home: str
    directory: str
    host: str
    is_open: bool
    files: tuple[RecordedFile, ...]


@dataclass(frozen=True, slots=True)
class Adopted:
    """A run whose rows were made from its files.

    Attributes:
        is_new: Whether the store did not know it; else it was brought up to its files.
        gaps: What could not be recovered, in words.
    """

    run: str
    id: int
    directory: str
    status: Status
    epochs: int
    checkpoints: int
    evaluations: int
    is_new: bool
    gaps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check has looked at, and found.

    Attributes:
        revision: None where it could not be read.
        checked_files: Files that were looked at.
        checked_bytes: Bytes whose digest was compared.
    """

    database: str
    revision: str | None
    runs: int
    checked_files: int
    checked_bytes: int
    adopted: tuple[Adopted, ...]
    findings: tuple[Observation, ...]

    @property
    def faults(self) -> int:
        """How many of the findings are wrong."""
        return sum(finding.is_fault for finding in self.findings)


@dataclass(frozen=True, slots=True)
class UpgradeReport:
    """What an upgrade did.

    Attributes:
        before: The revision it found.
        after: The revision there is now.
        backup: The copy made before; None on a server, or where nothing was to do.
    """

    database: str
    before: str | None
    after: str
    backup: Path | None


@dataclass(frozen=True, slots=True)
class BackupReport:
    """A copy that was made.

    Attributes:
        target: The copy: a database file, or a home.
        files: Files in it, the database included.
        left_out: What is wrong with files that rows name and that are not in it, one line each.
    """

    target: Path
    files: int
    bytes: int
    runs: int
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundAttempt:
    """What files tell of an attempt; its process is None where they do not say."""

    number: int
    process: ProcessIdentity | None
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    start_step: int
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    outcome: Status
    message: str | None


@dataclass(frozen=True, slots=True)
class FoundRun:
    """What the files of a run tell of it, as far as its newest checkpoint goes.

    Attributes:
        directory: Where they were found, relative to the home.
        config: As the run was begun with.
        attempts: In order; at least one.
        checkpoints: With the number of the attempt that wrote each, in the order of writing.
        evaluations: Training's own.
        best_epoch: Epoch whose weights are there as best.
        status: Completed or interrupted.
        gaps: What they do not tell, in words.
        by_hand: Evaluations made by hand; whether their weights still stand is for the record.
        test_uses: Uses of test splits that its checkpoints tell of.
    """

    uuid: str
    experiment: str
    number: int
    directory: str
    created_at: datetime
    config: ExperimentConfig
    recipe_digest: str
    weights: Mapping[str, Any]
    splits: tuple[SplitSummary, ...]
    attempts: tuple[FoundAttempt, ...]
    epochs: tuple[EpochRecord, ...]
    checkpoints: tuple[tuple[CheckpointFile, int], ...]
    evaluations: tuple[Evaluation, ...]
    best_epoch: int | None
    status: Status
    message: str | None
    tags: tuple[str, ...]
    note: str | None
    gaps: tuple[str, ...]
    by_hand: tuple[Evaluation, ...] = ()
    test_uses: tuple[TestUse, ...] = ()
