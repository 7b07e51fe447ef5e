"""`RunStore`: the record of runs, and everything that changes it.

Every method opens one transaction and hands the work on: who may write is decided in
`dfx.tracking.fencing`, what changes is in `dfx.tracking.changes`. What can be asked is in
`dfx.tracking.reader`, what is done by hand in `dfx.tracking.curation`. No file is touched here,
except for the database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dfx.config import CONFIG_VERSION, ExperimentConfig, dump_config
from dfx.records import (
    Attempt,
    CheckpointFile,
    EpochRecord,
    Evaluation,
    ProcessIdentity,
    Run,
    SplitSummary,
    Status,
)
from dfx.tracking import changes, fencing, mapping, queries
from dfx.tracking import engine as database
from dfx.tracking.curation import RunCurator
from dfx.tracking.tables import RunRow


class RunStore(RunCurator):
    """The record of runs in one home, or of several homes on one PostgreSQL server.

    What callers may rely on:

    - One method is one transaction. It is done as a whole and safe on disk when the method returns,
      or nothing of it is, where it raises or the process dies.
    - What is returned is a value: it does not change, and holds nothing open.
    - Threads may share a store. Several processes may open one home at a time, each with a store of
      its own. A store must not be used in a forked child, though it does no harm there unused.
    - A run belongs to one attempt at a time. Whatever a training writes names its attempt, and
      raises `AttemptSuperseded` once another attempt has taken over, or this one has ended.
      `record_evaluation`, tags and notes alone add to a run that others may be working on.
    - Files come first: a checkpoint is recorded after it is safe on disk, and forgotten before it
      is removed. Paths are relative to the home of the run.
    - History stays: what a run leaves behind when it goes back is marked as superseded and no
      longer shown, but not deleted.
    - Any method raises `StoreError`, with a hint, where the database cannot be used.

    Attributes:
        home: The home it was opened for.
    """

    # Beginning and ending.

    def create_run(
        self,
        *,
        experiment: str,
        config: ExperimentConfig,
        home: Path,
        uuid: str,
        process: ProcessIdentity,
        settings: Mapping[str, Any],
        environment: Mapping[str, Any],
        at_least_number: int = 1,
    ) -> tuple[Run, Attempt]:
        """Makes a run with its first attempt, and its experiment where that is new.

        Args:
            experiment: A name that is fit for a folder; the caller has checked it.
            config: Frozen from here on.
            home: Where the run's files are, in the folder `experiment/number`.
            uuid: The run's identity everywhere.
            process: Who works on it.
            settings: Machine and plan values, by dotted key.
            environment: Code revision, packages, hardware and command line.
            at_least_number: Passes over numbers whose folders are already there.

        Raises:
            ConfigError: Where another experiment has that name in other letters' case.
        """
        with database.writing(self._engine) as session:
            database.exclude_writers(session)
            row = changes.get_or_add_experiment(session, experiment)
            row.last_number = max(row.last_number + 1, at_least_number)
            run = RunRow(
                uuid=uuid,
                experiment_id=row.id,
                number=row.last_number,
                status=Status.RUNNING,
                config=dump_config(config),
                config_version=CONFIG_VERSION,
                recipe_digest=config.recipe_digest(),
                home=str(home.absolute()),
                directory=f"{experiment}/{row.last_number}",
                weights={},
                created_at=database.clock(session),
            )
            session.add(run)
            session.flush()
            attempt = changes.add_attempt(
                session,
                run,
                process=process,
                settings=settings,
                environment=environment,
                start_step=0,
            )
            return queries.build_run(session, run, self._here), mapping.to_attempt(attempt)

    def begin_attempt(
        self,
        run_id: int,
        *,
        process: ProcessIdentity,
        settings: Mapping[str, Any],
        environment: Mapping[str, Any],
        start_step: int,
        at_least_number: int = 1,
    ) -> Attempt:
        """Takes a run over, whatever its status; an attempt whose process is gone ends as lost.

        Args:
            run_id: Which run.
            process: Who works on it.
            settings: Machine and plan values, by dotted key.
            environment: Code revision, packages, hardware and command line.
            start_step: Optimiser steps that were done.
            at_least_number: Passes over numbers that files bear which no row knows.

        Raises:
            NotFoundError: Where there is no such run.
            RunBusy: Naming the process that is working on it.
        """
        with database.writing(self._engine) as session:
            run = queries.get_run_row(session, run_id, lock=True)
            fencing.take_over(session, run, here=self._here, now=database.clock(session))
            run.status = Status.RUNNING
            run.message = None
            attempt = changes.add_attempt(
                session,
                run,
                process=process,
                settings=settings,
                environment=environment,
                start_step=start_step,
                at_least_number=at_least_number,
            )
            return mapping.to_attempt(attempt)

    def finish_attempt(self, attempt_id: int, *, status: Status, message: str | None) -> None:
        """Ends an attempt; its status and message become the run's.

        Args:
            attempt_id: Who writes.
            status: Completed, interrupted or failed.
            message: Why it stopped early or failed; None clears what the run said before.

        Raises:
            AttemptSuperseded: As for every write.
        """
        if status in {Status.RUNNING, Status.LOST}:
            raise ValueError(f"an attempt cannot end as {status}")
        with database.writing(self._engine) as session:
            run, attempt = fencing.hold(session, attempt_id)
            attempt.ended_at = attempt.heartbeat_at = database.clock(session)
            attempt.outcome = run.status = status
            attempt.message = run.message = message

    # What an attempt records.

    def beat(self, attempt_id: int) -> None:
        """Says that the attempt's process is there, every `HEARTBEAT_SECONDS`.

        Raises:
            AttemptSuperseded: As for every write.
        """
        with database.writing(self._engine) as session:
            fencing.hold(session, attempt_id)

    def check_attempt(self, attempt_id: int) -> None:
        """Accepts an attempt that may still write; to be asked before a file is written.

        It only reads, so another writer does not make it wait.

        Raises:
            AttemptSuperseded: As for every write.
            NotFoundError: Where the run was removed.
        """
        with database.reading(self._engine) as session:
            fencing.hold(session, attempt_id, lock=False)

    def record_data(self, attempt_id: int, splits: Sequence[SplitSummary]) -> None:
        """Stores what the splits hold; a split that is known already must have the same digests.

        Raises:
            AttemptSuperseded: As for every write.
            DataError: Where a split differs from what the run has read before.
        """
        with database.writing(self._engine) as session:
            run, _ = fencing.hold(session, attempt_id)
            changes.store_data(session, run, splits)

    def record_weights(self, attempt_id: int, weights: Mapping[str, Any]) -> None:
        """Stores where the initial weights came from.

        Raises:
            AttemptSuperseded: As for every write.
        """
        with database.writing(self._engine) as session:
            run, _ = fencing.hold(session, attempt_id)
            run.weights = dict(weights)

    def record_checkpoint(self, attempt_id: int, file: CheckpointFile) -> None:
        """Makes a checkpoint current; what its path held before is no longer listed.

        Raises:
            AttemptSuperseded: As for every write.
        """
        with database.writing(self._engine) as session:
            run, attempt = fencing.hold(session, attempt_id)
            changes.add_checkpoints(session, run, attempt, [file])

    def record_epoch(
        self,
        attempt_id: int,
        record: EpochRecord,
        *,
        checkpoints: Sequence[CheckpointFile],
        evaluation: Evaluation | None,
        improved: bool,
    ) -> None:
        """Stores a finished epoch together with what was written at its end.

        Args:
            attempt_id: Who writes; `record.attempt` is its number.
            record: The epoch; none of that number may stand already.
            checkpoints: Files that are safe on disk; a *best* one just where it improved.
            evaluation: The validation report, where there is one.
            improved: This epoch's weights are the best so far.

        Raises:
            AttemptSuperseded: As for every write.
            StoreError: For a value that is not finite, or an epoch that is recorded already.
        """
        if improved != any(file.kind == "best" for file in checkpoints):
            raise ValueError(f"epoch {record.epoch}: improvement and a best checkpoint go together")
        with database.writing(self._engine) as session:
            run, attempt = fencing.hold(session, attempt_id)
            changes.add_epoch(session, run, attempt, record)
            changes.add_checkpoints(session, run, attempt, checkpoints)
            if evaluation is not None:
                changes.add_evaluation(session, run, evaluation)
            if improved:
                run.best_epoch = record.epoch

    def supersede_after(self, attempt_id: int, *, finished_epochs: int, step: int) -> None:
        """Goes back to a point: epochs, checkpoints and evaluations after it no longer stand.

        Args:
            attempt_id: Who writes.
            finished_epochs: Epochs that were over at that point.
            step: Optimiser steps that were done.

        The best epoch becomes that of the newest *best* checkpoint which still stands.

        Raises:
            AttemptSuperseded: As for every write.
        """
        with database.writing(self._engine) as session:
            run, attempt = fencing.hold(session, attempt_id)
            changes.go_back(session, run, attempt, finished_epochs=finished_epochs, step=step)

    def forget_checkpoints(self, attempt_id: int, paths: Sequence[str]) -> None:
        """Drops the rows of checkpoints whose files were removed.

        Raises:
            AttemptSuperseded: As for every write.
        """
        with database.writing(self._engine) as session:
            run, _ = fencing.hold(session, attempt_id)
            changes.drop_checkpoints(session, run, paths)

    def record_test_use(self, run_id: int, *, epoch: int, dataset: str, dataset_digest: str) -> int:
        """Counts a use of a test split; to be called before any of its images is opened.

        Args:
            run_id: Whose weights are to be scored.
            epoch: Of the weights.
            dataset: What the data set is called.
            dataset_digest: Of its test split.

        Returns:
            Which use of a test split by this run it is, from 1.

        Raises:
            NotFoundError: Where there is no such run.
        """
        with database.writing(self._engine) as session:
            run = queries.get_run_row(session, run_id, lock=True)
            return changes.add_test_use(
                session, run, epoch=epoch, dataset=dataset, dataset_digest=dataset_digest
            )

    def record_evaluation(self, run_id: int, evaluation: Evaluation) -> None:
        """Adds an evaluation made outside a training.

        Raises:
            NotFoundError: Where there is no such run.
            StoreError: For a value that is not finite.
        """
        with database.writing(self._engine) as session:
            run = queries.get_run_row(session, run_id, lock=True)
            changes.add_evaluation(session, run, evaluation)
