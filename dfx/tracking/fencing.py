"""Who may write to a run: one attempt at a time, and nobody behind its back.

Here are the two checks and their words. What is written after them is `dfx.tracking.store`'s work.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from dfx.errors import AttemptSuperseded, NotFoundError, RunBusy
from dfx.records import ProcessIdentity, Status
from dfx.tracking import mapping, queries
from dfx.tracking.engine import clock
from dfx.tracking.process import is_process_alive
from dfx.tracking.tables import AttemptRow, RunRow


def hold(session: Session, attempt_id: int, *, lock: bool = True) -> tuple[RunRow, AttemptRow]:
    """The rows of an attempt that may write, and its run.

    Args:
        session: In a transaction.
        attempt_id: Who wants to write.
        lock: Whether they stay as they are until the transaction ends.

    Raises:
        AttemptSuperseded: Where another attempt has taken over, or this one has ended.
        NotFoundError: Where the run was removed.
    """
    # First the run, then the attempt: on PostgreSQL the lock makes a takeover wait, or us see it.
    found = select(RunRow).where(
        RunRow.id == select(AttemptRow.run_id).where(AttemptRow.id == attempt_id).scalar_subquery()
    )
    run = session.scalar(found.with_for_update() if lock else found)
    if run is None:
        raise NotFoundError(f"there is no attempt {attempt_id}: its run was removed")
    attempt = session.get_one(AttemptRow, attempt_id)
    if attempt.outcome is None:
        if lock:  # whoever writes is there: a heartbeat of its own need not have been due yet
            attempt.heartbeat_at = clock(session)
        return run, attempt
    name = queries.get_run_name(session, run)
    successor = session.scalar(
        select(AttemptRow)
        .where(AttemptRow.run_id == run.id, AttemptRow.number > attempt.number)
        .order_by(AttemptRow.number.desc())
        .limit(1)
    )
    if successor is None:
        raise AttemptSuperseded(
            f"attempt {attempt.number} of {name} has ended"
            f" ({attempt.outcome}, {_at(attempt.ended_at or attempt.heartbeat_at)})"
        )
    raise AttemptSuperseded(
        f"{name} was taken over by process {successor.pid} on {successor.host}"
        f" ({_at(successor.started_at)}); attempt {attempt.number} may no longer write",
        hint=f"look at it with: dfx show {name}",
    )


def take_over(session: Session, run: RunRow, *, here: ProcessIdentity, now: datetime) -> None:
    """Closes the attempt of a process that is gone, so that another one may begin.

    Raises:
        RunBusy: Where the process is still there.
    """
    attempt = session.scalar(
        select(AttemptRow).where(AttemptRow.run_id == run.id, AttemptRow.outcome.is_(None))
    )
    if attempt is None:
        return
    if is_process_alive(mapping.to_process(attempt), attempt.heartbeat_at, here=here, now=now):
        name = queries.get_run_name(session, run)
        raise RunBusy(
            f"process {attempt.pid} on {attempt.host} is working on {name}"
            f" since {_at(attempt.started_at)}",
            hint="wait until it is done, or stop it first",
        )
    attempt.outcome = Status.LOST
    # One attempt may be open: the old one must be closed before the new row arrives.
    session.flush()


def _at(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"
