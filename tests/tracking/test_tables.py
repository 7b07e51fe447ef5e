"""What every table must have."""

from __future__ import annotations

import pytest
from sqlalchemy import Table

from dfx.tracking.tables import Base

TABLES = sorted(Base.metadata.tables.values(), key=lambda table: table.name)


def test_there_are_the_tables_of_the_design() -> None:
    expected = {"experiments", "runs", "attempts", "epochs", "checkpoints", "evaluations"}

    assert expected <= set(Base.metadata.tables)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_every_constraint_and_index_is_named(table: Table) -> None:
    """SQLite can only change a table through names."""
    assert all(constraint.name for constraint in table.constraints)
    assert all(index.name for index in table.indexes)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_ids_are_never_reused(table: Table) -> None:
    assert table.dialect_options["sqlite"]["autoincrement"] is True


@pytest.mark.parametrize("table", [each for each in TABLES if "run_id" in each.columns], ids=str)
def test_what_belongs_to_a_run_goes_with_it(table: Table) -> None:
    """Removing a run's row removes all that hangs on it."""
    (key,) = table.columns["run_id"].foreign_keys

    assert key.ondelete == "CASCADE"
