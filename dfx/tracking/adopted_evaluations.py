"""Making the rows of evaluations by hand anew, and those of the uses of test splits they came of.

A use of which nothing came leaves no file. Numbers tell which it is only within one life of a
database: after an older copy was put back, they come again for other uses.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dfx.records import Evaluation
from dfx.records.condition import FoundRun
from dfx.records.evaluation import TestUse
from dfx.tracking import changes, mapping
from dfx.tracking.tables import AttemptRow, EpochRow, EvaluationRow, RunRow, TestUseRow


def bring_by_hand(session: Session, run: RunRow, found: FoundRun) -> bool:
    """Adds what is missing; whose weights the run has gone back behind no longer stands.

    Returns:
        Whether there was anything to add.
    """
    uses = _Uses(session, run)
    brought = [uses.bring(use) for use in found.test_uses]
    is_changed = any(brought)
    for evaluation in found.by_hand:
        row = session.scalar(
            select(EvaluationRow).where(
                EvaluationRow.run_id == run.id,
                EvaluationRow.origin == "evaluate",
                EvaluationRow.created_at == evaluation.created_at,
            )
        )
        if row is None:
            _add(session, run, replace(evaluation, test_use=uses.find_number(evaluation)))
        elif not _complete(row, evaluation):
            continue
        is_changed = True
    return is_changed


def _add(session: Session, run: RunRow, evaluation: Evaluation) -> None:
    ended = session.scalar(
        select(EpochRow.finished_at).where(
            EpochRow.run_id == run.id,
            EpochRow.epoch == evaluation.epoch,
            EpochRow.superseded_by.is_(None),
        )
    )
    row = changes.add_evaluation(session, run, evaluation)
    if ended is None or ended > evaluation.created_at:
        row.superseded_by = session.scalar(
            select(AttemptRow.id)
            .where(AttemptRow.run_id == run.id)
            .order_by(AttemptRow.number.desc())
            .limit(1)
        )
    session.flush()


def _complete(row: EvaluationRow, evaluation: Evaluation) -> bool:
    """Gives a row back what it has lost, as far as it is found again."""
    is_changed = False
    if row.folder is None and evaluation.folder is not None:
        row.folder, row.predictions = evaluation.folder, evaluation.predictions
        is_changed = True
    if row.detail is None and evaluation.detail is not None:
        row.detail = mapping.detail_column(evaluation.detail)
        is_changed = True
    return is_changed


class _Uses:
    """The uses of test splits by one run, while what was found is joined to what is recorded."""

    def __init__(self, session: Session, run: RunRow) -> None:
        self._session = session
        self._run = run
        self._numbers: dict[int, int] = {}  # as recorded here, of those that checkpoints tell of

    def bring(self, use: TestUse) -> bool:
        """Adds one that a checkpoint tells of; gives whether it was not recorded."""
        known = self._session.scalar(
            select(TestUseRow.number).where(
                TestUseRow.run_id == self._run.id, TestUseRow.used_at == use.used_at
            )
        )
        self._numbers[use.number] = known if known is not None else self._add(use)
        return known is None

    def find_number(self, evaluation: Evaluation) -> int | None:
        """Which use an evaluation came of; it is added where it is not recorded."""
        told = evaluation.test_use
        if told is None:
            return None
        number = self._numbers.get(told, told)
        row = self._get(number)
        is_taken = self._session.scalar(
            select(func.count()).where(
                EvaluationRow.run_id == self._run.id, EvaluationRow.test_use == number
            )
        )
        if (
            row is not None
            and not is_taken
            and (row.epoch, row.dataset_digest) == (evaluation.epoch, evaluation.dataset_digest)
            and row.used_at <= evaluation.created_at
        ):
            return number
        return self._add(
            TestUse(
                number=told,
                epoch=evaluation.epoch,
                dataset=evaluation.dataset or "",
                dataset_digest=evaluation.dataset_digest,
                used_at=evaluation.created_at,
                is_recorded=True,
            )
        )

    def _add(self, use: TestUse) -> int:
        """Under its own number, or where that is taken under the next one."""
        number = use.number
        if self._get(number) is not None:
            last = select(func.max(TestUseRow.number)).where(TestUseRow.run_id == self._run.id)
            number = self._session.execute(last).scalar_one() + 1
        self._session.add(
            TestUseRow(
                run_id=self._run.id,
                number=number,
                epoch=use.epoch,
                dataset=mapping.to_text(use.dataset),
                dataset_digest=use.dataset_digest,
                used_at=use.used_at,
            )
        )
        self._session.flush()
        return number

    def _get(self, number: int) -> TestUseRow | None:
        return self._session.scalar(
            select(TestUseRow).where(TestUseRow.run_id == self._run.id, TestUseRow.number == number)
        )
