"""`RunCurator`: what a person does to the record by hand: tags, notes, names, removal.

Files are not touched here: whoever removes a run's files does it after its rows are gone, so that
no row ever points at nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select

from dfx.errors import ConfigError, NotFoundError, RunBusy
from dfx.records import Run, Status
from dfx.records.condition import Adopted, FoundRun
from dfx.tracking import adoption, changes, inventory, queries
from dfx.tracking import engine as database
from dfx.tracking.reader import RunReader
from dfx.tracking.tables import ExperimentRow, RunRow, TagRow


class RunCurator(RunReader):
    """The part of `RunStore` that works on runs by hand; it shares its contract."""

    def add_tags(self, run_id: int, tags: Sequence[str]) -> Run:
        """Adds tags; those it has already stay.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.writing(self._engine) as session:
            row = queries.get_run_row(session, run_id, lock=True)
            known = queries.list_tags(session, run_id)
            session.add_all(
                TagRow(run_id=run_id, tag=tag) for tag in dict.fromkeys(tags) if tag not in known
            )
            session.flush()
            return queries.build_run(session, row, self._here)

    def remove_tags(self, run_id: int, tags: Sequence[str]) -> Run:
        """Takes tags away.

        Raises:
            NotFoundError: Where there is no such run, or it does not have one of them; then all
                stay.
        """
        with database.writing(self._engine) as session:
            row = queries.get_run_row(session, run_id, lock=True)
            known = queries.list_tags(session, run_id)
            for tag in tags:
                if tag not in known:
                    raise NotFoundError(
                        f"{queries.get_run_name(session, row)} has no tag {tag!r}",
                        hint=f"its tags are {', '.join(known)}" if known else "it has no tags",
                    )
            session.execute(
                delete(TagRow).where(TagRow.run_id == run_id, TagRow.tag.in_(list(tags)))
            )
            return queries.build_run(session, row, self._here)

    def set_note(self, run_id: int, note: str | None) -> Run:
        """Writes the note of a run; None takes it away.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.writing(self._engine) as session:
            row = queries.get_run_row(session, run_id, lock=True)
            row.note = note
            return queries.build_run(session, row, self._here)

    def rename_experiment(self, name: str, new_name: str) -> None:
        """Gives an experiment another name; its runs keep their numbers, ids and folders.

        The name of an experiment whose runs were all removed may be taken; its numbers still never
        come back.

        Args:
            name: As it is called now.
            new_name: The caller has checked that it is fit for one.

        Raises:
            NotFoundError: Where there is no such experiment.
            ConfigError: Where the new name is taken.
            RunBusy: Where a process is working on one of its runs.
        """
        with database.writing(self._engine) as session:
            database.exclude_writers(session)
            row = session.scalar(select(ExperimentRow).where(ExperimentRow.name == name))
            if row is None:
                raise NotFoundError(
                    f"there is no experiment {name!r}", hint="dfx compare lists the runs"
                )
            own = select(RunRow).where(RunRow.experiment_id == row.id).order_by(RunRow.id)
            for run in session.scalars(own.with_for_update()).all():
                self._refuse_running(queries.build_run(session, run, self._here))
            folded = new_name.casefold()
            other = session.scalar(
                select(ExperimentRow).where(
                    ExperimentRow.folded_name == folded, ExperimentRow.id != row.id
                )
            )
            if other is not None:
                if session.scalar(select(RunRow.id).where(RunRow.experiment_id == other.id)):
                    raise ConfigError(
                        f"there is an experiment {other.name!r} already",
                        hint=f"to move a run into it: dfx rename {name}/NUMBER {other.name}",
                    )
                row.last_number = max(row.last_number, other.last_number)
                session.delete(other)
                session.flush()
            row.name, row.folded_name = new_name, folded
            changes.pass_over_folders(session, row)

    def move_run(self, run_id: int, experiment: str, *, at_least_number: int = 1) -> Run:
        """Moves a run into another experiment, where it gets the next number; its folder stays.

        Args:
            run_id: Which.
            experiment: Made where there is none of that name; the caller has checked it.
            at_least_number: Passes over numbers whose folders are already there.

        Raises:
            NotFoundError: Where there is no such run.
            ConfigError: Where another experiment has that name in other letters' case.
            RunBusy: Where a process is working on it.
        """
        with database.writing(self._engine) as session:
            database.exclude_writers(session)
            row = queries.get_run_row(session, run_id, lock=True)
            self._refuse_running(queries.build_run(session, row, self._here))
            target = changes.get_or_add_experiment(session, experiment)
            target.last_number = max(target.last_number + 1, at_least_number)
            row.experiment_id, row.number = target.id, target.last_number
            session.flush()
            return queries.build_run(session, row, self._here)

    def remove_run(self, run_id: int) -> Run:
        """Removes the record of a run, all that hangs on it; its number never comes back.

        Returns:
            The run as it was, for whoever removes its files.

        Raises:
            NotFoundError: Where there is no such run.
            RunBusy: Where a process is working on it.
        """
        with database.writing(self._engine) as session:
            row = queries.get_run_row(session, run_id, lock=True)
            run = queries.build_run(session, row, self._here)
            self._refuse_running(run)
            changes.drop_run(session, row)
            return run

    def forget_files(self, run_id: int, paths: Collection[str]) -> None:
        """Drops rows of checkpoints, and where evaluations are, for files that go or are gone.

        Raises:
            NotFoundError: Where there is no such run.
            RunBusy: Where a process is working on it.
        """
        with database.writing(self._engine) as session:
            row = queries.get_run_row(session, run_id, lock=True)
            self._refuse_running(queries.build_run(session, row, self._here))
            inventory.forget_files(session, row, paths)

    def adopt_run(self, found: FoundRun, *, gone: Collection[str]) -> Adopted | None:
        """Makes the rows of a run from what its files tell, or brings them up to the files.

        Args:
            found: What they tell.
            gone: Paths that rows may name, and that are not there.

        Returns:
            None where the record knows as much as the files, or more.

        Raises:
            ConfigError: Where another experiment has its name in other letters' case, or another
                run its folder.
            RunBusy: Where a process is working on it.
        """
        with database.writing(self._engine) as session:
            database.exclude_writers(session)
            return adoption.adopt(session, found, self.home.absolute(), gone=gone, here=self._here)

    def _refuse_running(self, run: Run) -> None:
        if run.status is Status.RUNNING:
            raise RunBusy(
                f"a process is working on {run.name}",
                hint=f"wait until it ends, or stop it first; see `dfx show {run.name}`",
            )
