"""Looking at a database as it is: of whatever revision, whoever made it, and without changing it.

What `RunStore.open` would mend on the way (an old revision) is only told here. The queries name the
columns that there have been since the first revision, and no others. Files are not looked at.
"""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from dfx.errors import DfxError, NotFoundError, StoreError
from dfx.records import ProcessIdentity, Status
from dfx.records.condition import Counts, LiveAttempt, StoreCondition
from dfx.tracking import engine as database
from dfx.tracking import schema
from dfx.tracking.process import is_process_alive
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EpochRow,
    EvaluationRow,
    ExperimentRow,
    RunRow,
)

_NEEDED = frozenset(
    row.__tablename__
    for row in (ExperimentRow, RunRow, AttemptRow, EpochRow, CheckpointRow, EvaluationRow)
)

STORED = frozenset(Status) - {Status.LOST}
"""What a run's status may be as it is stored."""


def survey(engine: Engine, home: Path, here: ProcessIdentity) -> StoreCondition:
    """The condition of a store's database.

    Args:
        engine: As `open_engine` gave it.
        home: For the words about a store that is not there.
        here: Any process of this machine, to tell whether attempts are alive.
    """
    found = StoreCondition(
        database=database.describe(engine),
        kind="sqlite" if database.is_sqlite(engine) else "postgresql",
        version=f"SQLite {sqlite3.sqlite_version}" if database.is_sqlite(engine) else None,
        state="damaged",
        revision=None,
        expected_revision=schema.HEAD,
        bytes=_size(engine, ""),
        wal_bytes=_size(engine, "-wal"),
        counts=None,
        live=(),
        problem=None,
        hint=None,
    )
    if database.is_sqlite(engine) and found.bytes is None:
        return _with_problem(replace(found, state="absent"), schema.no_store(home))
    try:
        return _look(engine, home, here, found)
    except StoreError as error:
        return _with_problem(found, error)


def require_ours(engine: Engine, home: Path) -> schema.State:
    """The state of a database that a dfx has made, of whatever revision.

    Raises:
        NotFoundError: Where there is none.
        StoreError: Where it cannot be read, or belongs to something else.
    """
    if database.is_sqlite(engine) and not database.get_database_path(engine).exists():
        raise schema.no_store(home)
    state = schema.find_state(engine)
    if not state.is_ours:
        schema.refuse_foreign(engine, state)
        raise schema.no_store(home)
    return state


def _look(
    engine: Engine, home: Path, here: ProcessIdentity, found: StoreCondition
) -> StoreCondition:
    if found.kind == "postgresql":
        with database.reading(engine) as session:
            version = session.scalar(text("SHOW server_version"))
            size = session.scalar(text("SELECT pg_database_size(current_database())"))
        found = replace(found, version=f"PostgreSQL {version}", bytes=size)
    else:
        with database.reading(engine) as session:
            journal = session.scalar(text("PRAGMA journal_mode"))
        # What cannot be written is read from memory, which has a mode of its own.
        is_read_only = database.is_read_only(database.get_database_path(engine))
        found = replace(found, journal=None if is_read_only else journal)
    state = schema.find_state(engine)
    found = replace(found, revision=state.revision)
    try:
        require_ours(engine, home)
    except NotFoundError as error:
        return _with_problem(replace(found, state="empty"), error)
    except StoreError as error:
        return _with_problem(replace(found, state="foreign"), error)
    try:
        schema.refuse_newer(engine, state)
    except StoreError as error:
        return _with_problem(replace(found, state="newer"), error)
    if missing := sorted(_NEEDED - state.tables):
        problem = StoreError(
            f"the database {found.database} lacks {', '.join(missing)}",
            hint="put a backup in its place, or move it away and rebuild it from the runs' files:"
            " dfx db check --adopt",
        )
        return _with_problem(found, problem)
    with database.reading(engine) as session:
        counts, live = _count(session, here)
    is_older = state.revision != schema.HEAD
    return replace(found, state="older" if is_older else "current", counts=counts, live=live)


def _with_problem(found: StoreCondition, error: DfxError) -> StoreCondition:
    return replace(found, problem=error.message, hint=error.hint)


def _size(engine: Engine, suffix: str) -> int | None:
    if not database.is_sqlite(engine):
        return None
    path = database.get_database_path(engine)
    path = path.with_name(path.name + suffix)
    return path.stat().st_size if path.is_file() else None


def _count(session: Session, here: ProcessIdentity) -> tuple[Counts, tuple[LiveAttempt, ...]]:
    live = find_live(session, here)
    runs: dict[Status, int] = dict.fromkeys(Status, 0)
    for name, count in session.execute(select(RunRow.status, func.count()).group_by(RunRow.status)):
        if name not in STORED:
            raise StoreError(
                f"{count} runs have the status {name!r}, which is none",
                hint="`dfx db check` names them; put a backup of the database in its place",
            )
        runs[Status(name)] = count
    lost = max(0, runs[Status.RUNNING] - len(live))
    runs[Status.RUNNING] -= lost
    runs[Status.LOST] = lost
    files, size = session.execute(
        select(func.count(), func.coalesce(func.sum(CheckpointRow.bytes), 0))
    ).one()
    standing = [
        session.execute(select(func.count()).where(table.superseded_by.is_(None))).scalar_one()
        for table in (EpochRow, EvaluationRow)
    ]
    experiments = session.execute(select(func.count(ExperimentRow.id))).scalar_one()
    counts = Counts(
        experiments=experiments,
        runs=runs,
        epochs=standing[0],
        checkpoints=files,
        checkpoint_bytes=int(size),
        evaluations=standing[1],
    )
    return counts, live


def find_live(session: Session, here: ProcessIdentity) -> tuple[LiveAttempt, ...]:
    """The attempts whose processes are working now."""
    now = database.clock(session)
    opened = session.execute(
        select(
            ExperimentRow.name,
            RunRow.number,
            AttemptRow.number.label("attempt"),
            AttemptRow.host,
            AttemptRow.boot,
            AttemptRow.pid,
            AttemptRow.process_started,
            AttemptRow.heartbeat_at,
        )
        .join(RunRow, RunRow.id == AttemptRow.run_id)
        .join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id)
        .where(AttemptRow.outcome.is_(None))
        .order_by(AttemptRow.id)
    )
    return tuple(
        LiveAttempt(f"{row.name}/{row.number}", row.attempt, row.host, row.pid, row.heartbeat_at)
        for row in opened
        if is_process_alive(
            ProcessIdentity(row.host, row.boot, row.pid, row.process_started),
            row.heartbeat_at,
            here=here,
            now=now,
        )
    )
