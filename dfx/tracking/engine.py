"""Connections and transactions: how they are opened, begun, and what their failures are called.

This is the only place that knows the drivers. Which tables there are is `dfx.tracking.tables`'s
business, which revision they have `dfx.tracking.schema`'s. Environment variables are not read here.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, func, make_url
from sqlalchemy import select as sql_select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoResultFound, OperationalError
from sqlalchemy.orm import Session

from dfx.errors import ConfigError, NoSpaceLeft, StoreError

DATABASE_NAME = "dfx.db"
BUSY_SECONDS = 30.0
"""How long a transaction waits for another process before it gives up."""

WRITING = {"dfx_begin": "BEGIN IMMEDIATE"}
_ADVISORY_LOCK = 0x64667830
"""Key of the PostgreSQL lock that stands in for SQLite's single writer."""

_SQLITE_FAILURES = {
    "SQLITE_BUSY": (
        "another process kept {where} locked for too long",
        "wait until it is done and try again; `lsof` on the file names who holds it",
    ),
    "SQLITE_LOCKED": (
        "another process kept {where} locked for too long",
        "wait until it is done and try again; `lsof` on the file names who holds it",
    ),
    "SQLITE_CORRUPT": (
        "{where} is damaged ({reason})",
        "put a copy made earlier in its place, or move it away and `dfx db check --adopt`",
    ),
    "SQLITE_NOTADB": (
        "{where} is not a database",
        "move it away and `dfx db check --adopt`, or name another home with --home",
    ),
    "SQLITE_READONLY": (
        "{where} cannot be written ({reason})",
        "make the file and its folder writable, or name another home with --home",
    ),
    "SQLITE_CANTOPEN": (
        "{where} cannot be opened ({reason})",
        "make its folder readable and writable, or name another home with --home",
    ),
    "SQLITE_PERM": (
        "{where} cannot be opened ({reason})",
        "make its folder readable and writable, or name another home with --home",
    ),
    "SQLITE_IOERR": (
        "{where} cannot be read or written ({reason})",
        "check the disk and its free space; what was recorded stands",
    ),
    "SQLITE_PROTOCOL": (
        "the locks of {where} do not work",
        "keep the home on a local disk: SQLite is not safe on a network file system",
    ),
}
"""Message and hint by the first two words of SQLite's error name."""

_GARBLED = ("no such column", "malformed JSON", "foreign key mismatch", "Could not decode")
"""How SQLite or the driver begins where a schema or a value has changed behind its back. There is
no name of its own for it."""

_FREE = "free some space, then `dfx resume`; what was recorded stands"
_MAY_MEAN_FULL = ("SQLITE_IOERR", "SQLITE_CANTOPEN")
"""What SQLite says where even the files that it needs for reading cannot be made."""

_WAL_MODE, _NO_WAL_MODE = b"\2\2", b"\1\1"
"""Bytes 18 and 19 of a database file; memory has no log, and what is there must not ask for one."""
_STILL_TRIALS = 10

TRANSACTION_BYTES = 256 * 1024
"""What a transaction may need beside the database while it lasts: for its log and their index."""

_UNREADABLE = (
    "the database URL cannot be read; expected postgresql+psycopg://USER@HOST:PORT/DATABASE"
)
"""Without the URL: what is wrong with it may be the password."""

_POSTGRESQL_REFUSALS = ("25006", "42501")
"""SQLSTATE of a read-only server and of missing rights, which are no bugs of ours."""

_POSTGRESQL_FULL = "53100"
"""SQLSTATE of a server whose disk is full."""


def open_engine(home: Path, *, url: str | None = None) -> Engine:
    """An engine for the store of a home; nothing is opened yet.

    No connection outlives its transaction, so none is shared with a forked child, and closing the
    last one leaves a single file.

    Args:
        home: The folder whose `dfx.db` is used where there is no URL.
        url: A PostgreSQL server's database instead.

    Raises:
        ConfigError: For a URL that is not one of PostgreSQL.
        StoreError: Where the driver for it is not installed.
    """
    if url is not None:
        return _open_postgresql(url)
    return open_file(home.absolute() / DATABASE_NAME)


def open_file(path: Path) -> Engine:
    """An engine for a SQLite store of whatever name, as `open_engine` gives it."""
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        creator=partial(connect_file, path),
        json_serializer=_serialize,
    )
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _open_postgresql(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(_UNREADABLE) from None
    if "@" in (parsed.host or ""):
        # It is a part of the password, and must not be looked up as a host, nor shown.
        raise ConfigError(_UNREADABLE, hint="write an @ in a password as %40, a / as %2F")
    if isinstance(password := parsed.query.get("password"), str):
        # Where SQLAlchemy does not show it.
        parsed = parsed.set(password=password).difference_update_query(["password"])
    if parsed.drivername not in {"postgres", "postgresql", "postgresql+psycopg"}:
        raise ConfigError(
            f"the database URL starts with {parsed.drivername!r}; expected postgresql+psycopg",
            hint="without a URL the store is a SQLite file in the home",
        )
    try:
        return create_engine(
            parsed.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            connect_args={"connect_timeout": int(BUSY_SECONDS)},
            json_serializer=_serialize,
        )
    except ModuleNotFoundError as error:
        raise StoreError(
            f"PostgreSQL needs the package {error.name!r}, which is not installed",
            hint="pip install 'dfx[postgres]'",
        ) from None


def _serialize(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def connect_file(path: Path) -> sqlite3.Connection:
    """A connection to a database file, also to one whose folder cannot be written.

    SQLite keeps a log and its index beside a file in WAL mode, also to read it. Where it cannot
    make them, it cannot lock the file either: others may write to it meanwhile. So what is read
    then is a copy in memory, and it cannot be written.
    """
    still = _read_still(path) if is_read_only(path) else None
    # With isolation_level None the driver begins nothing of its own; _begin does.
    connection = sqlite3.connect(
        str(path) if still is None else ":memory:", isolation_level=None, timeout=BUSY_SECONDS
    )
    if still is not None:
        if still:
            connection.deserialize(still)
        connection.execute("PRAGMA query_only=ON")
    return connection


def _read_still(path: Path) -> bytes | None:
    """A database file as it was when nobody wrote to it; None where somebody always does."""
    for _ in range(_STILL_TRIALS):
        before = path.stat()
        content = bytearray(path.read_bytes())
        after = path.stat()
        # Whoever writes has a log until the file holds all of it.
        if _has_log(path):
            return None
        if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
            if content[18:20] == _WAL_MODE:
                content[18:20] = _NO_WAL_MODE
            return bytes(content)
    return None


def is_read_only(path: Path) -> bool:
    """Whether a database file is there, in a folder that this process cannot write in."""
    # Files are opened by the effective user, and access() asks about the real one.
    effectively = os.access in os.supports_effective_ids
    return path.is_file() and not os.access(path.parent, os.W_OK, effective_ids=effectively)


def _has_log(path: Path) -> bool:
    log = path.with_name(f"{path.name}-wal")
    return log.is_file() and log.stat().st_size > 0


def _prepare_connection(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA synchronous=FULL")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("dfx_begin", "BEGIN"))


def is_sqlite(engine: Engine) -> bool:
    """Whether the store is a file in the home."""
    return engine.dialect.name == "sqlite"


def get_database_path(engine: Engine) -> Path:
    """The file of a SQLite store."""
    return Path(str(engine.url.database))


def describe(engine: Engine) -> str:
    """The database in a message: its path, or its URL without whatever may be secret."""
    if is_sqlite(engine):
        return str(engine.url.database)
    return str(engine.url.difference_update_query(engine.url.query))


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A transaction that sees one state of the database, however many queries it makes.

    Raises:
        StoreError: Where the database cannot be used.
    """
    if not is_sqlite(engine):
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with translated(engine), understood(engine), Session(engine) as session, session.begin():
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A transaction that writes: all of it, or nothing where it is left by an exception.

    On SQLite it is the only writer from its start. A read that turns into a write would be refused
    at once in WAL mode, whatever the timeout.

    Raises:
        StoreError: Where the database cannot be used.
    """
    engine = engine.execution_options(**WRITING)
    with translated(engine), Session(engine) as session, session.begin():
        session.connection()  # a session begins only when it is used: what is read now is held
        yield session


def exclude_writers(session: Session) -> None:
    """Makes others who call this wait until this transaction ends; on SQLite they do already."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(sql_select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


def clock(session: Session) -> datetime:
    """The time that all who share the store agree on, in UTC."""
    if session.get_bind().dialect.name == "postgresql":
        now: datetime = session.execute(sql_select(func.clock_timestamp())).scalar_one()
        return now.astimezone(UTC)
    return datetime.now(UTC)


@contextmanager
def understood(engine: Engine) -> Iterator[None]:
    """Turns what makes no sense when it is read into `StoreError`: nothing of it was written by us.

    One changed byte in a file may leave a database that SQLite finds nothing wrong with, and a time
    that is none, a status that there is not, or a run without an experiment.

    Raises:
        StoreError: Saying that the database is damaged.
    """
    try:
        yield
    except (ValueError, LookupError, NoResultFound) as error:
        reason = f"what it holds makes no sense, {type(error).__name__}: {error}"
        raise damaged(describe(engine), reason) from error


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turns a driver's failures that a user can mend into `StoreError`; bugs stay as they are."""
    try:
        yield
    except DBAPIError as error:
        found = _explain(
            error.orig, describe(engine), operational=isinstance(error, OperationalError)
        )
        if found is None:
            raise
        raise found from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        # While a row was read, whatever for; none of ours are made in a transaction.
        reason = f"what it holds makes no sense, {type(error).__name__}: {error}"
        raise damaged(describe(engine), reason) from error
    except sqlite3.Error as error:  # from a connection's preparation, which SQLAlchemy does not see
        found = _explain(error, describe(engine), operational=True)
        if found is None:
            raise
        raise found from error


def _explain(error: BaseException | None, where: str, *, operational: bool) -> StoreError | None:
    if isinstance(error, sqlite3.Error):
        return _explain_sqlite(error, where)
    state = getattr(error, "sqlstate", None)
    # Whatever stands in the URL's query, psycopg looks at first.
    is_mistyped = state is None and "connection option" in str(error)
    if operational or is_mistyped or state in _POSTGRESQL_REFUSALS:
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        if state == _POSTGRESQL_FULL:
            return NoSpaceLeft(f"no space left to write the database {where}: {reason}", hint=_FREE)
        return StoreError(
            f"the database {where} cannot be used: {reason}",
            hint="is the server running, and is DFX_DATABASE_URL what you mean?",
        )
    return None


def _explain_sqlite(error: sqlite3.Error, where: str) -> StoreError | None:
    name = "_".join(getattr(error, "sqlite_errorname", "").split("_")[:2])
    if name == "SQLITE_FULL" or (name in _MAY_MEAN_FULL and _is_full(where)):
        return _explain_full(where)
    if name == "SQLITE_CANTOPEN" and is_read_only(Path(where)) and _has_log(Path(where)):
        return StoreError(
            f"{where} cannot be read: a log beside it holds what was written last, and its folder"
            " cannot be written",
            hint=f"copy it together with {Path(where).name}-wal to a folder that can be written,"
            " and name that one with --home",
        )
    if str(error).startswith(_GARBLED):
        name = "SQLITE_CORRUPT"
    if name not in _SQLITE_FAILURES:
        return None
    message, hint = _SQLITE_FAILURES[name]
    return StoreError(message.format(where=where, reason=error), hint=hint)


def damaged(where: str, reason: str) -> StoreError:
    """What is said of a database that is not as it was written."""
    message, hint = _SQLITE_FAILURES["SQLITE_CORRUPT"]
    return StoreError(message.format(where=where, reason=reason), hint=hint)


def _is_full(path: str) -> bool:
    folder = Path(path).parent
    return os.access(folder, os.W_OK) and _free_bytes(folder) < TRANSACTION_BYTES


def _explain_full(path: str) -> NoSpaceLeft:
    return NoSpaceLeft(
        f"no space left to write {path}: a record may need {TRANSACTION_BYTES:,} bytes for a"
        f" moment, and {_free_bytes(Path(path).parent):,} bytes are free",
        hint=_FREE,
    )


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
