"""`RunReader`: opening a store, and everything that can be asked of it.

Every method opens one transaction and hands the work on to `dfx.tracking.queries`. What changes the
record is in `dfx.tracking.store`.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Engine, select

from dfx.records import (
    CheckpointFile,
    CheckpointKind,
    ProcessIdentity,
    Run,
    RunDetail,
    RunSummary,
    Standing,
)
from dfx.records.history import RunHistory
from dfx.records.inventory import RunFiles
from dfx.tracking import engine as database
from dfx.tracking import extracts, inventory, queries, schema, summaries
from dfx.tracking.process import this_process
from dfx.tracking.tables import ExperimentRow

if TYPE_CHECKING:
    from dfx.tracking.evaluations import EvaluationReader


class RunReader:
    """The reading half of `RunStore`, whose contract it shares.

    Attributes:
        home: The home it was opened for.
    """

    def __init__(self, engine: Engine, home: Path, *, here: ProcessIdentity) -> None:
        self.home = home
        self._engine = engine
        self._here = here

    @classmethod
    def open(cls, home: Path, *, url: str | None = None, create: bool) -> Self:
        """Opens the store of a home, creating or upgrading it where that is needed.

        Args:
            home: The folder of the runs.
            url: A database on a PostgreSQL server instead of `dfx.db` in the home.
            create: Make the home and its database where there is none.

        Raises:
            NotFoundError: Where there is no database yet, and none is to be made.
            SchemaError: Where the database has a revision that cannot be used or upgraded now.
            StoreError: Where it is damaged, unreachable, or belongs to something else.
        """
        here = this_process()
        engine = database.open_engine(home, url=url)
        try:
            schema.prepare(engine, home, create=create, here=here)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, home, here=here)

    @property
    def is_shared(self) -> bool:
        """Whether it is on a server, where other homes may have runs too."""
        return not database.is_sqlite(self._engine)

    @property
    def evaluations(self) -> EvaluationReader:
        """What can be asked of the evaluations of many runs at once."""
        # Only boards of evaluations do, and the records of these are not loaded for nothing.
        from dfx.tracking.evaluations import EvaluationReader  # noqa: PLC0415

        return EvaluationReader(self._engine)

    def close(self) -> None:
        """Gives back what the store holds; it can no longer be used."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def list_summaries(self, run_ids: Collection[int] | None = None) -> list[RunSummary]:
        """Runs at their best epochs, in the order of creation; without the Wilson interval.

        Args:
            run_ids: Which; all where None.
        """
        with database.reading(self._engine) as session:
            return summaries.list_summaries(session, self._here, run_ids)

    def list_standings(self, metric: str) -> list[Standing]:
        """Every run with one metric at its best epoch, in the order of creation.

        Args:
            metric: One of `summaries.METRICS`.
        """
        with database.reading(self._engine) as session:
            return summaries.list_standings(session, metric)

    def count_classes(self, digest: str) -> tuple[int, int] | None:
        """Real and deepfake images of the split with a digest, or None where no run knows it."""
        with database.reading(self._engine) as session:
            return summaries.count_classes(session, digest)

    def read_settings(self, run_ids: Collection[int] | None = None) -> dict[int, dict[str, Any]]:
        """The configurations of runs by their ids, flat, with machine and plan as used last.

        Args:
            run_ids: Which; all where None.
        """
        with database.reading(self._engine) as session:
            return summaries.read_settings(session, run_ids)

    def read_extracts(self) -> list[extracts.Extract]:
        """The whole record as plain tables: what stands of all runs, at one moment."""
        with database.reading(self._engine) as session:
            return extracts.read_extracts(session, self._here)

    def get_run(self, run_id: int) -> Run:
        """One run.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.reading(self._engine) as session:
            return queries.get_run(session, run_id, self._here)

    def get_detail(self, run_id: int) -> RunDetail:
        """One run with all that stands: epochs in order, attempts, checkpoints newest first.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.reading(self._engine) as session:
            return queries.get_detail(session, run_id, self._here)

    def get_history(self, run_id: int) -> RunHistory:
        """One run with all that ever happened to it, also what no longer stands.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.reading(self._engine) as session:
            return queries.get_history(session, run_id, self._here)

    def list_checkpoints(
        self,
        run_id: int,
        kind: CheckpointKind | None = None,
        *,
        include_superseded: bool = False,
    ) -> list[CheckpointFile]:
        """Checkpoints of a run, newest first.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.reading(self._engine) as session:
            return queries.list_checkpoints(
                session, run_id, kind, include_superseded=include_superseded
            )

    def list_experiments(self) -> list[str]:
        """Names of all experiments, in the order of creation."""
        with database.reading(self._engine) as session:
            return list(session.scalars(select(ExperimentRow.name).order_by(ExperimentRow.id)))

    def list_run_files(self, run_id: int | None = None) -> list[RunFiles]:
        """Runs with the files that their rows name, in the order of their creation.

        Args:
            run_id: Which; all where None.
        """
        with database.reading(self._engine) as session:
            return inventory.list_run_files(session, self._here, run_id)

    def list_digests(self) -> set[str]:
        """Digests that any run refers to: of image lists, and of uncommitted patches."""
        with database.reading(self._engine) as session:
            return inventory.list_digests(session)

    def list_directories(self) -> set[str]:
        """Folders of all runs, of other homes too, as a disk that ignores case sees them."""
        with database.reading(self._engine) as session:
            return inventory.list_directories(session)
