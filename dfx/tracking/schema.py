"""Which revision a database has, and making it the one this dfx works with.

The tables are in `dfx.tracking.tables`, the steps between revisions in `migrations/`. A fresh
database is made from the tables at once; Alembic is imported only where there is a step to take.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.orm import Session

import dfx
from dfx.errors import NotFoundError, RecordLost, SchemaError, StoreError
from dfx.records import ProcessIdentity
from dfx.tracking import engine as database
from dfx.tracking.backup import back_up_beside
from dfx.tracking.process import is_process_alive
from dfx.tracking.tables import AttemptRow, Base, RunRow

REVISIONS = ("0001", "0002", "0003")
"""Every revision there has been, oldest first, as in `migrations/versions`."""

HEAD = REVISIONS[-1]
"""The revision this dfx works with."""

_AGAIN_SECONDS = 0.02

VERSION_TABLE = "dfx_alembic_version"

_versions = Table(
    VERSION_TABLE,
    MetaData(),
    # As Alembic makes it.
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


@dataclass(frozen=True, slots=True)
class State:
    """What is found in a database.

    Attributes:
        tables: Names of all its tables, ours or not.
        revision: Of our tables; None where there are none.
    """

    tables: frozenset[str]
    revision: str | None

    @property
    def is_ours(self) -> bool:
        """Whether a dfx has been here."""
        return VERSION_TABLE in self.tables


def prepare(engine: Engine, home: Path, *, create: bool, here: ProcessIdentity) -> None:
    """Sees to it that the database has the revision this dfx works with.

    Args:
        engine: The store's.
        home: Made as well, where `create` says so.
        create: Make what is not there.
        here: Any process of this machine, to tell whether attempts are alive.

    Raises:
        NotFoundError: Where there is no store, and none is to be made.
        SchemaError: Where its revision is newer, or older and not to be upgraded now.
        StoreError: Where the database cannot be used, or belongs to something else.
    """
    if create:
        _make_home(home)
    elif database.is_sqlite(engine) and not database.get_database_path(engine).exists():
        raise no_store(home)
    state = find_state(engine)
    if not state.is_ours:
        refuse_foreign(engine, state)
        if not create:
            raise no_store(home)
        _create(engine)
    elif state.revision != HEAD:
        refuse_newer(engine, state)
        if not database.is_sqlite(engine):
            raise SchemaError(
                f"the database {database.describe(engine)} has revision {state.revision or 'base'};"
                f" this dfx works with {HEAD}",
                hint="upgrade it when no run is working: dfx db upgrade",
            )
        upgrade(engine, here=here)
    elif missing := find_missing_tables(state):
        reason = f"its tables {', '.join(missing)} are missing"
        raise database.damaged(database.describe(engine), reason)
    if database.is_sqlite(engine) and not database.is_read_only(database.get_database_path(engine)):
        _ensure_wal(engine)


def find_state(engine: Engine) -> State:
    """Looks at a database without changing it.

    Raises:
        StoreError: Where it cannot be read, or is no database.
    """
    with database.reading(engine) as session:
        return _read_state(session.connection())


def find_missing_tables(state: State) -> list[str]:
    """The tables that a database of revision `HEAD` should have and has not."""
    return sorted(Base.metadata.tables.keys() - state.tables)


def upgrade(engine: Engine, *, here: ProcessIdentity) -> Path | None:
    """Takes a database to `HEAD` in one transaction, a SQLite one after backing it up.

    Args:
        engine: The store's.
        here: Any process of this machine, to tell whether attempts are alive.

    Returns:
        The backup; None where none was made, since the server has its own or nothing was to do.

    Raises:
        SchemaError: Where it is newer, in use, or the upgrade fails; then it is as it was.
        StoreError: Where the database cannot be used.
    """
    with (
        database.translated(engine),
        engine.execution_options(**database.WRITING).connect() as connection,
    ):
        if database.is_sqlite(engine):
            # Batch mode drops and renames tables. Only outside a transaction can this be said.
            _execute_outside(connection, "PRAGMA foreign_keys=OFF")
        with connection.begin(), Session(connection) as session:
            database.exclude_writers(session)
            state = _read_state(connection)
            if state.revision == HEAD:
                return None
            refuse_newer(engine, state)
            if not database.is_sqlite(engine):
                _hold_still(session, state)
            _refuse_busy(session, engine, state, here)
            copy = None
            if database.is_sqlite(engine):
                copy = back_up_beside(database.get_database_path(engine), state.revision)
            _migrate(connection, engine, copy)
            return copy


def find_migrations() -> Path:
    """The folder of the migrations: inside the package in a wheel, beside it in a checkout."""
    package = Path(dfx.__file__).parent
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def _make_home(home: Path) -> None:
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the home {home} cannot be made: {error.strerror}",
            hint="name another one with --home, or free the way",
        ) from None


def no_store(home: Path) -> NotFoundError:
    """What is said where there is no store, or nothing in it."""
    if next(home.glob("*/*/checkpoints/*.pt"), None):
        return RecordLost(
            f"there are files of runs in {home}, but there is no record of them",
            hint="put a backup of the database in its place, or make the record anew from the"
            " files: dfx db check --adopt",
        )
    return NotFoundError(
        f"there are no runs in {home}",
        hint="start one with `dfx run`, or name another home with --home",
    )


def _read_state(connection: Connection) -> State:
    tables = frozenset(inspect(connection).get_table_names())
    found = connection.scalar(select(_versions)) if VERSION_TABLE in tables else None
    return State(tables, found)


def refuse_foreign(engine: Engine, state: State) -> None:
    """Accepts a database that nothing else lives in.

    Raises:
        StoreError: Naming what it holds.
    """
    # A PostgreSQL database may be shared with others, as long as no name is taken.
    taken = state.tables if database.is_sqlite(engine) else state.tables & set(Base.metadata.tables)
    if taken:
        raise StoreError(
            f"the database {database.describe(engine)} belongs to something else:"
            f" it holds {', '.join(sorted(taken)[:5])}",
            hint="name another home with --home, or another database in DFX_DATABASE_URL",
        )


def refuse_newer(engine: Engine, state: State) -> None:
    """Accepts a revision that this dfx knows.

    Raises:
        SchemaError: With what to do.
    """
    if state.revision is not None and state.revision not in REVISIONS:
        raise SchemaError(
            f"the database {database.describe(engine)} has revision {state.revision};"
            f" this dfx {dfx.__version__} knows up to {HEAD}",
            hint="a newer dfx has written it; upgrade this one: pip install --upgrade dfx",
        )


def _hold_still(session: Session, state: State) -> None:
    """Waits for whoever is beginning an attempt, and lets nobody else begin one meanwhile.

    An attempt is begun without the lock of `exclude_writers`, so it could begin unseen.
    """
    found = [row.__tablename__ for row in (RunRow, AttemptRow) if row.__tablename__ in state.tables]
    if found:
        # Weaker locks let others lock rows, and would end in a deadlock with them.
        session.execute(text(f"LOCK TABLE {', '.join(found)} IN EXCLUSIVE MODE"))


def _refuse_busy(session: Session, engine: Engine, state: State, here: ProcessIdentity) -> None:
    if AttemptRow.__tablename__ not in state.tables:
        return
    now = database.clock(session)
    opened = session.execute(
        select(
            AttemptRow.host,
            AttemptRow.boot,
            AttemptRow.pid,
            AttemptRow.process_started,
            AttemptRow.heartbeat_at,
        ).where(AttemptRow.outcome.is_(None))
    )
    for host, boot, pid, started, heartbeat_at in opened:
        process = ProcessIdentity(host, boot, pid, started)
        if is_process_alive(process, heartbeat_at, here=here, now=now):
            raise SchemaError(
                f"the database {database.describe(engine)} must be upgraded from revision"
                f" {state.revision or 'base'} to {HEAD}, but process {pid} on {host} is working"
                " with it",
                hint="wait until its run is done, or stop it first",
            )


def _create(engine: Engine) -> None:
    if database.is_sqlite(engine):
        _ensure_wal(engine)
    with database.writing(engine) as session:
        database.exclude_writers(session)
        connection = session.connection()
        # Another first start may have been quicker.
        if _read_state(connection).is_ours:
            return
        Base.metadata.create_all(connection, checkfirst=False)
        _versions.create(connection)
        connection.execute(insert(_versions).values(version_num=HEAD))


def _ensure_wal(engine: Engine) -> None:
    until = time.monotonic() + database.BUSY_SECONDS
    with database.translated(engine), engine.connect() as connection:
        while True:
            try:
                _execute_outside(connection, "PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                # SQLite does not wait here itself, when several processes start at one moment.
                is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return


def _execute_outside(connection: Connection, statement: str) -> None:
    """Executes a statement where no transaction has begun, which SQLAlchemy would do first."""
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(statement)


def _migrate(connection: Connection, engine: Engine, copy: Path | None) -> None:
    # Ordinary commands must not pay for Alembic.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(find_migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
        if database.is_sqlite(engine):
            _check_references(connection)
    except Exception as error:
        # Whatever went wrong in a migration, the person must learn where the copy is.
        raise SchemaError(
            f"the upgrade of {database.describe(engine)} to revision {HEAD} failed, and nothing"
            f" was changed: {error}",
            hint=None if copy is None else f"a backup made just before is in {copy}",
        ) from error


def _check_references(connection: Connection) -> None:
    broken = connection.execute(text("PRAGMA foreign_key_check")).first()
    if broken is not None:
        raise SchemaError(f"row {broken[1]} of {broken[0]} would point at nothing")
