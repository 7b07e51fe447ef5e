"""Looking at a database without making, upgrading or changing anything."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from sqlalchemy import URL, Engine, NullPool, create_engine, text

from dfx.tracking import engine as database
from dfx.tracking.schema import HEAD, REVISIONS, State, find_state
from dfx.tracking.tables import Base

Standing = Literal["absent", "current", "older", "newer", "foreign"]

_COMPLAINTS = 5


@dataclass(frozen=True, slots=True)
class Examination:
    """How a database stands.

    Attributes:
        where: Its path, or its URL without what may be secret.
        standing: `absent` where there is none, or a server's has none of our tables.
        revision: Of our tables, where there are any.
        head: The revision this dfx works with.
        runs: How many it holds; None where that cannot be asked.
        bytes: Size of the file and its log; None for one on a server.
        journal: SQLite's journal mode, `wal` where it is as it should be; None on a server.
        damage: What SQLite's own check complains of, at most a few lines.
    """

    where: str
    standing: Standing
    revision: str | None = None
    head: str = HEAD
    runs: int | None = None
    bytes: int | None = None
    journal: str | None = None
    damage: tuple[str, ...] = ()


def examine_database(home: Path, *, url: str | None = None) -> Examination:
    """Looks at the database of a home, or at the one that a URL names.

    Raises:
        ConfigError: For a URL that cannot be used.
        StoreError: Where the database cannot be read, or is none.
    """
    if url is not None:
        engine = database.open_engine(home, url=url)
        state = find_state(engine)
        standing = _judge(state, is_server=True)
        return Examination(
            where=database.describe(engine),
            standing=standing,
            revision=state.revision,
            runs=_count_runs(engine) if standing == "current" else None,
        )
    path = home.absolute() / database.DATABASE_NAME
    if not path.exists():
        return Examination(str(path), "absent")
    engine = _open_as_it_is(path)
    state = find_state(engine)
    standing = _judge(state, is_server=False)
    with database.reading(engine) as session:
        journal = session.execute(text("PRAGMA journal_mode")).scalar_one()
        answers = session.execute(text(f"PRAGMA integrity_check({_COMPLAINTS})")).scalars().all()
        # In a database of something else it may itself be an error.
        check = "PRAGMA foreign_key_check" if state.is_ours else "SELECT 1 WHERE FALSE"
        broken = session.execute(text(check)).all()
    damage = [str(answer) for answer in answers if answer != "ok"]
    damage += [f"row {row[1]} of {row[0]} points at nothing" for row in broken[:_COMPLAINTS]]
    log = path.with_name(f"{path.name}-wal")
    return Examination(
        where=str(path),
        standing=standing,
        revision=state.revision,
        runs=_count_runs(engine) if standing == "current" else None,
        bytes=path.stat().st_size + (log.stat().st_size if log.exists() else 0),
        journal=str(journal),
        damage=tuple(damage),
    )


def _open_as_it_is(path: Path) -> Engine:
    """An engine that neither makes a file nor writes to one.

    Not by SQLite's `mode=ro`, which leaves files of its own beside a database in WAL mode.
    """

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=database.BUSY_SECONDS,
        )
        connection.execute("PRAGMA query_only=ON")
        return connection

    url = URL.create("sqlite", database=str(path))
    return create_engine(url, creator=connect, poolclass=NullPool)


def _judge(state: State, *, is_server: bool) -> Standing:
    if not state.is_ours:
        ours = set(Base.metadata.tables)
        taken = state.tables & ours if is_server else state.tables
        return "foreign" if taken else "absent"
    if state.revision == HEAD:
        return "current"
    return "older" if state.revision is None or state.revision in REVISIONS else "newer"


def _count_runs(engine: Engine) -> int:
    with database.reading(engine) as session:
        return int(session.execute(text("SELECT COUNT(*) FROM runs")).scalar_one())
