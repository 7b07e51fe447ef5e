"""What the rows say of files, for whoever tidies up: of all runs at a time, in few queries.

Each function takes a session that is in a transaction. Files are not looked at here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import cast

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.orm import InstrumentedAttribute, Session, load_only

from dfx.records import CheckpointKind, ProcessIdentity, Status
from dfx.records.inventory import NamedFile, RunFiles
from dfx.tracking import mapping
from dfx.tracking.engine import clock
from dfx.tracking.process import is_process_alive
from dfx.tracking.tables import (
    AttemptRow,
    CheckpointRow,
    EvaluationRow,
    ExperimentRow,
    RunRow,
    SplitRow,
)


def list_run_files(session: Session, here: ProcessIdentity, run_id: int | None) -> list[RunFiles]:
    """Runs, or one, with the files that their rows name, in the order of their creation."""
    files = _list_named_files(session, run_id)
    folders = _list_folders(session, run_id)
    attempts = _list_attempts(session, run_id)
    now = clock(session)
    found = []
    rows = session.execute(
        select(
            RunRow.id,
            RunRow.uuid,
            RunRow.number,
            RunRow.status,
            RunRow.home,
            RunRow.directory,
            ExperimentRow.name,
        )
        .join(ExperimentRow, ExperimentRow.id == RunRow.experiment_id)
        .where(_is_wanted(RunRow.id, run_id))
        .order_by(RunRow.id)
    )
    for row in rows:
        tried = attempts[row.id]
        opened = next((one for one in tried if one.outcome is None), None)
        status = Status(row.status)
        if opened is not None and not is_process_alive(
            mapping.to_process(opened), opened.heartbeat_at, here=here, now=now
        ):
            status = Status.LOST
        found.append(
            RunFiles(
                id=row.id,
                uuid=row.uuid,
                name=f"{row.name}/{row.number}",
                status=status,
                home=row.home,
                directory=row.directory,
                host=tried[0].host,
                worker_host=tried[-1].host,
                files=tuple(files[row.id]),
                folders=tuple(folders[row.id]),
            )
        )
    return found


def list_digests(session: Session) -> set[str]:
    """Digests that any run refers to: of image lists, and of uncommitted patches."""
    patches = session.scalars(
        select(AttemptRow.environment["code"]["patch"].as_string()).distinct()
    )
    return {*session.scalars(select(SplitRow.content_digest).distinct()), *filter(None, patches)}


def list_directories(session: Session) -> set[str]:
    """Folders of all runs, of other homes too, as a disk that ignores case sees them.

    Also those that no run has as its own, and in which rows name files all the same.
    """
    folders = set(session.scalars(select(RunRow.directory)))
    for column in (CheckpointRow.path, EvaluationRow.predictions, EvaluationRow.folder):
        paths = session.scalars(select(column).where(column.is_not(None)).distinct())
        folders |= {"/".join(str(path).split("/")[:2]) for path in paths}
    return {folder.casefold() for folder in folders}


def forget_files(session: Session, run: RunRow, paths: Collection[str]) -> None:
    """Drops rows of checkpoints, and what evaluations say of where their files are."""
    wanted = set(paths)
    for row in session.scalars(select(CheckpointRow).where(CheckpointRow.run_id == run.id)):
        if row.path in wanted:
            session.delete(row)
    for scored in session.scalars(select(EvaluationRow).where(EvaluationRow.run_id == run.id)):
        if scored.folder in wanted:
            scored.folder = scored.predictions = None
        elif scored.predictions in wanted:
            scored.predictions = None


def _is_wanted(column: InstrumentedAttribute[int], run_id: int | None) -> ColumnElement[bool]:
    return true() if run_id is None else column == run_id


def _list_named_files(session: Session, run_id: int | None) -> dict[int, list[NamedFile]]:
    files: dict[int, list[NamedFile]] = defaultdict(list)
    checkpoints = session.execute(
        select(
            CheckpointRow.run_id,
            CheckpointRow.kind,
            CheckpointRow.path,
            CheckpointRow.epoch,
            CheckpointRow.step,
            CheckpointRow.superseded_by.is_(None).label("stands"),
            CheckpointRow.bytes,
            CheckpointRow.sha256,
        )
        .where(_is_wanted(CheckpointRow.run_id, run_id))
        .order_by(CheckpointRow.id.desc())
    )
    for row in checkpoints:
        kind = cast("CheckpointKind", row.kind)
        files[row.run_id].append(
            NamedFile(kind, row.path, row.epoch, row.step, row.stands, row.bytes, row.sha256)
        )
    predictions = session.execute(
        select(
            EvaluationRow.run_id,
            EvaluationRow.predictions,
            EvaluationRow.epoch,
            EvaluationRow.superseded_by.is_(None),
        )
        .where(EvaluationRow.predictions.is_not(None), _is_wanted(EvaluationRow.run_id, run_id))
        .order_by(EvaluationRow.id.desc())
    )
    for owner, where, scored, stands in predictions:
        if where is not None:
            files[owner].append(NamedFile("predictions", where, scored, 0, stands))
    return files


def _list_folders(session: Session, run_id: int | None) -> dict[int, list[str]]:
    folders: dict[int, list[str]] = defaultdict(list)
    found = session.execute(
        select(EvaluationRow.run_id, EvaluationRow.folder)
        .where(EvaluationRow.folder.is_not(None), _is_wanted(EvaluationRow.run_id, run_id))
        .order_by(EvaluationRow.id)
    )
    for owner, folder in found:
        if folder is not None:
            folders[owner].append(folder)
    return folders


def _list_attempts(session: Session, run_id: int | None) -> dict[int, list[AttemptRow]]:
    """Attempts by run, in their order; what they ran on is not read."""
    attempts: dict[int, list[AttemptRow]] = defaultdict(list)
    columns = (
        AttemptRow.run_id,
        AttemptRow.number,
        AttemptRow.host,
        AttemptRow.boot,
        AttemptRow.pid,
        AttemptRow.process_started,
        AttemptRow.heartbeat_at,
        AttemptRow.outcome,
    )
    found = select(AttemptRow).where(_is_wanted(AttemptRow.run_id, run_id))
    for row in session.scalars(found.options(load_only(*columns)).order_by(AttemptRow.number)):
        attempts[row.run_id].append(row)
    return attempts
