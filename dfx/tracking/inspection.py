"""Checking a database for what contradicts itself, and telling which files its rows name.

As in `dfx.tracking.survey`, any revision will do, and nothing is changed. Whether the files are
there is not looked at here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from sqlalchemy import Engine, Row, inspect, select, text
from sqlalchemy.orm import Session

from dfx.errors import DfxError, StoreError
from dfx.records import Status
from dfx.records.condition import Observation, RecordedFile, RecordedRun
from dfx.tracking import engine as database
from dfx.tracking import extracts, inventory, queries, schema, summaries
from dfx.tracking.process import this_process
from dfx.tracking.survey import STORED
from dfx.tracking.tables import (
    AttemptRow,
    Base,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    ExperimentRow,
    RunRow,
)

_SHOWN = 20
_RESTORE = (
    "put a backup in its place, or move it away and rebuild it from the runs' files:"
    " dfx db check --adopt"
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the rows of all runs say, by the id of the run."""

    attempts: Mapping[int, list[tuple[int, str, bool]]]
    epochs: Mapping[int, list[int]]
    best: Mapping[int, set[int]]
    files: Mapping[int, list[RecordedFile]]


def inspect_store(
    engine: Engine, state: schema.State
) -> tuple[list[RecordedRun], list[Observation]]:
    """All runs with the files that they name, and what is wrong with the record itself.

    Raises:
        StoreError: Where it cannot be read at all.
    """
    findings = check_file(engine)
    try:
        findings += check_content(engine, state)
        with database.reading(engine) as session:
            runs, contradictions = _read_runs(session)
    except StoreError as error:
        if not findings:
            raise
        # What is left of it cannot be read; the first findings say why.
        findings.append(Observation("damaged", None, None, error.message, error.hint))
        return [], findings
    return runs, findings + contradictions


def check_file(engine: Engine) -> list[Observation]:
    """What SQLite itself complains of in its file; nothing on a server.

    Raises:
        StoreError: Where it cannot be read at all.
    """
    if not database.is_sqlite(engine):
        return []
    with database.reading(engine) as session:
        return list(_check_file(session, database.describe(engine)))


def check_content(engine: Engine, state: schema.State) -> list[Observation]:
    """What cannot be read of the tables and rows, although SQLite itself finds nothing wrong.

    Everything that a command could ask for is asked for once; only of the revision that this dfx
    works with, since it can read no other.
    """
    if state.revision != schema.HEAD:
        return []
    with database.reading(engine) as session:
        findings = [*_check_tables(session, state)]
    if findings:
        return findings
    here = this_process()
    with database.reading(engine) as session:
        runs = session.scalars(select(RunRow.id).order_by(RunRow.id)).all()

    def read_run(session: Session, run_id: int) -> None:
        queries.get_detail(session, run_id, here)
        queries.get_history(session, run_id, here)
        queries.list_checkpoints(session, run_id, None, include_superseded=True)

    for run_id in runs:
        findings += _try(engine, f"run {run_id}", partial(read_run, run_id=run_id))
    if findings:
        return findings
    together = (
        partial(summaries.list_summaries, here=here, run_ids=None),
        partial(summaries.read_settings, run_ids=None),
        partial(extracts.read_extracts, here=here),
        partial(inventory.list_run_files, here=here, run_id=None),
        inventory.list_digests,
    )
    return [found for read in together for found in _try(engine, "the runs together", read)][:1]


def list_recorded_runs(engine: Engine) -> list[RecordedRun]:
    """All runs with the files that they name.

    Raises:
        StoreError: Where the database cannot be read.
    """
    with database.reading(engine) as session:
        return _read_runs(session)[0]


def check_revision(engine: Engine, state: schema.State) -> list[Observation]:
    """What there is to say about the revision of a database that is ours."""
    if state.revision == schema.HEAD:
        return []
    return [
        Observation(
            "revision",
            None,
            None,
            f"revision {state.revision or 'base'}; this dfx works with {schema.HEAD}",
            "upgrade it when no run is working: dfx db upgrade",
            # One on a server is refused until somebody asks for it; a file is upgraded when opened.
            is_fault=not database.is_sqlite(engine),
        )
    ]


def _check_tables(session: Session, state: schema.State) -> Iterator[Observation]:
    """Tables and columns that are not there, or not under their names."""
    for name in schema.find_missing_tables(state):
        yield Observation("damaged", None, None, f"the table {name} is missing", _RESTORE)
    inspector = inspect(session.connection())
    for table in Base.metadata.sorted_tables:
        if table.name in state.tables:
            there = {found["name"] for found in inspector.get_columns(table.name)}
            for column in sorted({*table.columns.keys()} - there):
                message = f"the table {table.name} has no column {column}"
                yield Observation("damaged", None, None, message, _RESTORE)


def _try(engine: Engine, what: str, read: Callable[[Session], object]) -> Iterator[Observation]:
    """What is said where something cannot be read."""
    try:
        with database.reading(engine) as session:
            read(session)
    except DfxError as error:
        yield Observation("damaged", None, None, f"{what}: {error.message}", _RESTORE)


def _check_file(session: Session, where: str) -> Iterator[Observation]:
    for (line,) in session.execute(text(f"PRAGMA integrity_check({_SHOWN})")):
        if line != "ok":
            yield Observation("damaged", None, None, f"{where}: {line}", _RESTORE)
    for table, row, parent, _ in session.execute(text("PRAGMA foreign_key_check")).fetchmany(
        _SHOWN
    ):
        yield Observation(
            "reference",
            None,
            None,
            f"row {row} of {table} points at a row of {parent} that is not there",
            _RESTORE,
        )


def _read_runs(session: Session) -> tuple[list[RecordedRun], list[Observation]]:
    facts = _read_facts(session)
    runs: list[RecordedRun] = []
    findings: list[Observation] = []
    for row in session.execute(
        select(
            RunRow.id,
            RunRow.uuid,
            RunRow.number,
            RunRow.status,
            RunRow.home,
            RunRow.directory,
            RunRow.best_epoch,
            ExperimentRow.name,
        )
        .join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id)
        .order_by(RunRow.id)
    ):
        attempts = facts.attempts[row.id]
        name = f"{row.name}/{row.number}"
        runs.append(
            RecordedRun(
                name=name,
                uuid=row.uuid,
                home=row.home,
                directory=row.directory,
                host=attempts[0][1] if attempts else "unknown",
                is_open=any(is_open for _, _, is_open in attempts),
                files=tuple(facts.files[row.id]),
            )
        )
        findings += [
            Observation(kind, name, None, message, hint)
            for kind, message, hint in _contradictions(row, name, facts)
        ]
    return runs, findings


def _read_facts(session: Session) -> _Facts:
    attempts: dict[int, list[tuple[int, str, bool]]] = defaultdict(list)
    for run, number, host, outcome in session.execute(
        select(AttemptRow.run_id, AttemptRow.number, AttemptRow.host, AttemptRow.outcome).order_by(
            AttemptRow.number
        )
    ):
        attempts[run].append((number, host, outcome is None))
    epochs: dict[int, list[int]] = defaultdict(list)
    for run, epoch in session.execute(
        select(EpochRow.run_id, EpochRow.epoch)
        .where(EpochRow.superseded_by.is_(None))
        .order_by(EpochRow.epoch)
    ):
        epochs[run].append(epoch)
    best: dict[int, set[int]] = defaultdict(set)
    files: dict[int, list[RecordedFile]] = defaultdict(list)
    for row in session.execute(
        select(
            CheckpointRow.run_id,
            CheckpointRow.kind,
            CheckpointRow.epoch,
            CheckpointRow.path,
            CheckpointRow.bytes,
            CheckpointRow.sha256,
            CheckpointRow.superseded_by,
        ).order_by(CheckpointRow.id)
    ):
        files[row.run_id].append(RecordedFile(row.kind, row.path, row.bytes, row.sha256))
        if row.kind == "best" and row.superseded_by is None:
            best[row.run_id].add(row.epoch)
    # Of what no longer stands, tidying may have removed the scores.
    for run, path in session.execute(
        select(EvaluationRow.run_id, EvaluationRow.predictions).where(
            EvaluationRow.predictions.is_not(None), EvaluationRow.superseded_by.is_(None)
        )
    ):
        if not any(file.path == path for file in files[run]):
            files[run].append(RecordedFile("predictions", str(path), None, None))
    return _Facts(attempts, epochs, best, files)


def _contradictions(
    row: Row[*tuple[object, ...]], name: str, facts: _Facts
) -> Iterator[tuple[str, str, str]]:
    """Kind, message and way out of whatever the rows of a run say against each other."""
    attempts, epochs = facts.attempts[row.id], facts.epochs[row.id]
    opened = [number for number, _, is_open in attempts if is_open]
    if not attempts:
        yield "attempts", "no attempt of it is recorded, as if it had never begun", _RESTORE
    if row.status not in STORED:
        yield "status", f"its status {row.status!r} is none", _RESTORE
    if row.status == Status.RUNNING and attempts and not opened:
        message = "it is recorded as running, but every attempt has ended"
        yield "status", message, f"go on with it: dfx resume {name}"
    if row.status != Status.RUNNING and opened:
        message = f"it is recorded as {row.status}, but attempt {opened[0]} has not ended"
        yield "status", message, f"go on with it: dfx resume {name}"
    if epochs != list(range(1, len(epochs) + 1)):
        missing = sorted(set(range(1, epochs[-1] + 1)) - set(epochs))
        message = f"epochs {', '.join(map(str, missing[:5]))} are missing among its epochs"
        yield "epochs", message, _RESTORE
    if row.best_epoch is None:
        if facts.best[row.id]:
            message = f"no best epoch is recorded, but weights of epoch {max(facts.best[row.id])}"
            yield "best epoch", message, f"go on with it: dfx resume {name}"
        return
    if row.best_epoch not in epochs:
        message = f"its best epoch {row.best_epoch} is not among its epochs"
        yield "best epoch", message, _RESTORE
    elif row.best_epoch not in facts.best[row.id]:
        message = f"its best epoch is {row.best_epoch}, but no weights of it are recorded"
        yield "best epoch", message, _RESTORE
