"""The part of `dfx doctor` about the home: its database, its file system and its disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from dfx.errors import DfxError
from dfx.records.condition import Observation, StoreCondition
from dfx.records.findings import Finding, Level
from dfx.services.home import open_database, warn_of_network
from dfx.tracking.filesystem import find_file_system
from dfx.tracking.inspection import check_file
from dfx.tracking.process import this_process
from dfx.tracking.survey import survey

DEFAULT_RUN_BYTES = 900_000_000
"""What the checkpoints of a default run take: three of each kind, of EfficientNet-B4."""


def examine(home: Path) -> Iterator[Finding]:
    """The home, the database that its runs are recorded in, and the disk."""
    yield _examine_folder(home)
    try:
        with open_database(home) as engine:
            condition = survey(engine, home, this_process())
            is_readable = condition.state in {"current", "older"}
            damage = check_file(engine) if is_readable else []
    except DfxError as error:
        yield Finding("database", Level.PROBLEM, error.message, error.hint)
        holds_database = True
    else:
        yield _judge_database(condition, damage)
        holds_database = condition.kind == "sqlite"
    yield from _examine_file_system(home, holds_database=holds_database)
    yield _examine_disk(home)


def _examine_folder(home: Path) -> Finding:
    existing = _nearest(home)
    values = {"path": str(home), "exists": home.is_dir()}
    if existing.is_dir() and not os.access(existing, os.W_OK | os.X_OK):
        advice = "make it writable, or name another one with --home or DFX_HOME"
        return Finding("home", Level.PROBLEM, f"{existing} cannot be written", advice, values)
    if not existing.is_dir():
        advice = "move it away, or name another home with --home or DFX_HOME"
        return Finding("home", Level.PROBLEM, f"{existing} is no folder", advice, values)
    text = str(home) if home.is_dir() else f"{home}, made by the first run"
    return Finding("home", Level.OK, text, values=values)


def _judge_database(found: StoreCondition, damage: Sequence[Observation]) -> Finding:
    values = {
        "where": found.database,
        "state": found.state,
        "revision": found.revision,
        "expected_revision": found.expected_revision,
        "runs": None if found.counts is None else sum(found.counts.runs.values()),
        "bytes": found.bytes,
        "journal": found.journal,
        "damage": [observation.message for observation in damage],
    }
    level, text, advice = _explain_database(found, damage)
    return Finding("database", level, text, advice, values)


def _explain_database(
    found: StoreCondition, damage: Sequence[Observation]
) -> tuple[Level, str, str | None]:
    if damage:
        return Level.PROBLEM, damage[0].message, damage[0].hint
    if found.state in {"absent", "empty"}:
        return Level.OK, "none yet, made by the first run", None
    if found.state == "current":
        return _explain_current(found)
    if found.state == "older":
        text = f"{found.database} has revision {found.revision or 'base'}"
        if found.kind == "sqlite":
            return (
                Level.OK,
                f"{text}; the next command upgrades it to {found.expected_revision}",
                None,
            )
        text += f"; this dfx works with {found.expected_revision}"
        return Level.PROBLEM, text, "when no run is working: dfx db upgrade"
    return Level.PROBLEM, str(found.problem), found.hint


def _explain_current(found: StoreCondition) -> tuple[Level, str, str | None]:
    runs = 0 if found.counts is None else sum(found.counts.runs.values())
    is_file = found.kind == "sqlite" and found.bytes is not None
    size = f", {found.bytes / 1e6:,.1f} MB" if is_file and found.bytes else ""
    text = f"{found.database}, revision {found.revision}, sound, {runs:,} run(s){size}"
    if found.journal in {None, "wal"}:
        return Level.OK, text, None
    text += f"; its journal mode is {found.journal}, not wal"
    return Level.WARNING, text, "the next command sets it, where the file system allows it"


def _examine_file_system(home: Path, *, holds_database: bool) -> Iterator[Finding]:
    kind = find_file_system(home)
    values = {"type": kind}
    warning = warn_of_network(home)
    if warning and holds_database:
        advice = "move the home to a local disk, and name it with --home"
        yield Finding("file system", Level.WARNING, warning.partition(":")[0], advice, values)
    elif kind:
        yield Finding("file system", Level.OK, kind, values=values)


def _examine_disk(home: Path) -> Finding:
    usage = shutil.disk_usage(_nearest(home))
    text = f"{usage.free / 1e9:,.1f} GB free; a default run keeps {DEFAULT_RUN_BYTES / 1e9:.1f} GB"
    values = {
        "free_bytes": usage.free,
        "total_bytes": usage.total,
        "needed_bytes": DEFAULT_RUN_BYTES,
    }
    if usage.free < DEFAULT_RUN_BYTES:
        advice = "free some space: dfx gc --dry-run says what old runs could give back"
        return Finding("disk", Level.PROBLEM, text, advice, values)
    if usage.free < 3 * DEFAULT_RUN_BYTES:
        return Finding("disk", Level.WARNING, text, "enough for a run or two", values)
    return Finding("disk", Level.OK, text, values=values)


def _nearest(path: Path) -> Path:
    """The path, or the nearest above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())
