"""Migrations from zero make what the models say."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from tracking_samples import begin_run, record_epoch

from dfx.tracking.engine import open_engine, reading
from dfx.tracking.process import this_process
from dfx.tracking.schema import HEAD, REVISIONS, VERSION_TABLE, find_migrations, upgrade
from dfx.tracking.store import RunStore
from dfx.tracking.tables import Base

MigratedPair = tuple[Engine, Engine]


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> MigratedPair:
    """One database made from the models, one by all migrations from nothing."""
    homes = tmp_path / "made", tmp_path / "migrated"
    urls: tuple[str | None, ...] = (None, None)
    if request.param == "postgresql":
        make: Callable[[], str] = request.getfixturevalue("make_database")
        urls = (make(), make())
    homes[1].mkdir()
    with RunStore.open(homes[0], url=urls[0], create=True):
        pass
    made, migrated = (open_engine(home, url=url) for home, url in zip(homes, urls, strict=True))
    upgrade(migrated, here=this_process())
    return made, migrated


def test_revisions_are_those_of_the_scripts() -> None:
    """The list in the program is the scripts' own, from base to head, without a fork."""
    config = Config()
    config.set_main_option("script_location", str(find_migrations()))
    scripts = ScriptDirectory.from_config(config)
    walked = [script.revision for script in scripts.walk_revisions()]

    assert list(REVISIONS) == walked[::-1]
    assert scripts.get_heads() == [HEAD]


def test_migrated_database_is_what_models_say(pair: MigratedPair) -> None:
    """Alembic finds no difference, in types neither, and compares all tables."""
    for engine in pair:
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={"compare_type": True, "version_table": VERSION_TABLE},
            )

            assert compare_metadata(context, Base.metadata) == []


def test_migrated_database_is_the_made_one(pair: MigratedPair) -> None:
    """Down to the names of constraints and the conditions of partial indexes."""
    dumps = []
    for engine in pair:
        with reading(engine) as session:
            dumps.append(dump(session.connection()))

    assert dumps[0] == dumps[1]
    assert len(dumps[0]) > 10
    assert len([line for line in dumps[0] if re.search("where.*is null", line, re.I)]) == 2


def dump(connection: Connection) -> list[str]:
    """All tables, constraints and indexes as sorted lines."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT name, sql FROM sqlite_master")).all()
        # Columns have an order; the constraints after them have none.
        return sorted(
            f"{name}: {clause.rstrip(' )')}"
            for name, sql in rows
            for clause in re.split(r", (?=CONSTRAINT)", re.sub(r"\s+", " ", sql or ""))
        )
    columns = "table_name, column_name, ordinal_position, data_type, is_nullable, column_default"
    here = "current_schema()"
    in_schema = f"WHERE connamespace = {here}::regnamespace"
    questions = (
        f"SELECT {columns} FROM information_schema.columns WHERE table_schema = {here}",
        f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = {here}",
        f"SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint {in_schema}",
    )
    place = connection.execute(text("SELECT current_schema()")).scalar_one()
    return sorted(
        " ".join(str(value) for value in row).replace(place, "PLACE")
        for question in questions
        for row in connection.execute(text(question))
    )


def test_migrated_database_is_used(tmp_path: Path) -> None:
    engine = open_engine(tmp_path)
    upgrade(engine, here=this_process())
    with RunStore.open(tmp_path, create=False) as store:
        run, attempt = begin_run(store)
        record_epoch(store, attempt, 1)

        assert store.get_run(run.id).best_epoch == 1
