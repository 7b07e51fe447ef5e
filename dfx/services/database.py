"""The database of a home as a thing: how it is, and taking it to the revision of this dfx."""

from __future__ import annotations

from pathlib import Path

from dfx.errors import NotFoundError, StoreError
from dfx.records.condition import StoreCondition, UpgradeReport
from dfx.services.home import find_home, open_database
from dfx.tracking import engine as database
from dfx.tracking import schema
from dfx.tracking.process import this_process
from dfx.tracking.survey import require_ours, survey


def describe_store(home: Path | None) -> StoreCondition:
    """How the database is, of whatever revision and whoever made it; nothing is changed.

    Args:
        home: As given on the command line.
    """
    folder = find_home(home)
    with open_database(folder) as engine:
        return survey(engine, folder, this_process())


def require_usable(found: StoreCondition) -> None:
    """Accepts a database that commands can work with, if after an upgrade.

    Raises:
        NotFoundError: Where there is none.
        StoreError: Where it cannot be used.
    """
    if found.problem is None:
        return
    kind = NotFoundError if found.state in {"absent", "empty"} else StoreError
    raise kind(found.problem, hint=found.hint)


def upgrade_store(home: Path | None) -> UpgradeReport:
    """Takes the database to the revision that this dfx works with.

    Args:
        home: As given on the command line.

    Raises:
        NotFoundError: Where there is none.
        SchemaError: Where it is newer, in use, or the upgrade fails; then it is as it was.
        StoreError: Where it cannot be used, or belongs to something else.
    """
    folder = find_home(home)
    with open_database(folder) as engine:
        before = require_ours(engine, folder).revision
        # Taken only to write: what is up to date is also said where nothing can be written.
        copy = None if before == schema.HEAD else schema.upgrade(engine, here=this_process())
        return UpgradeReport(database.describe(engine), before, schema.HEAD, copy)
