"""The part of `dfx doctor` about the home: its database, its file system and its disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from dfx.errors import DfxError
from dfx.findings import Finding, Level
from dfx.services.home import warn_of_network
from dfx.tracking.examination import Examination, examine_database
from dfx.tracking.filesystem import find_file_system

DEFAULT_RUN_BYTES = 900_000_000
"""What the checkpoints of a default run take: three of each kind, of EfficientNet-B4."""


def examine(home: Path) -> Iterator[Finding]:
    """The home, the database that its runs are recorded in, and the disk."""
    url = os.environ.get("DFX_DATABASE_URL")
    yield _examine_folder(home)
    try:
        examination = examine_database(home, url=url)
    except DfxError as error:
        yield Finding("database", Level.PROBLEM, error.message, error.hint)
    else:
        yield _judge_database(examination)
    yield from _examine_file_system(home, holds_database=url is None)
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


def _judge_database(found: Examination) -> Finding:
    values = {
        "where": found.where,
        "standing": found.standing,
        "revision": found.revision,
        "head": found.head,
        "runs": found.runs,
        "bytes": found.bytes,
        "journal": found.journal,
        "damage": list(found.damage),
    }
    level, text, advice = _explain_database(found)
    return Finding("database", level, text, advice, values)


def _explain_database(found: Examination) -> tuple[Level, str, str | None]:
    if found.damage:
        advice = "put a copy made earlier in its place; what stands in it is still there to read"
        return Level.PROBLEM, f"{found.where} is damaged: {found.damage[0]}", advice
    if found.standing == "current":
        return _explain_current(found)
    revision = f"{found.where} has revision {found.revision}"
    where_else = "name another home with --home, or another database in DFX_DATABASE_URL"
    return {
        "absent": (Level.OK, "none yet, made by the first run", None),
        "foreign": (Level.PROBLEM, f"{found.where} belongs to something else", where_else),
        "newer": (
            Level.PROBLEM,
            f"{revision}, newer than this dfx knows",
            "pip install --upgrade dfx",
        ),
        "older": (
            (Level.OK, f"{revision}; the next command upgrades it to {found.head}", None)
            if found.bytes is not None
            else (
                Level.PROBLEM,
                f"{revision}; this dfx works with {found.head}",
                "when no run is working: dfx db upgrade",
            )
        ),
    }[found.standing]


def _explain_current(found: Examination) -> tuple[Level, str, str | None]:
    size = "" if found.bytes is None else f", {found.bytes / 1e6:,.1f} MB"
    text = f"{found.where}, revision {found.revision}, sound, {found.runs:,} run(s){size}"
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
