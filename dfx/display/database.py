"""What `dfx db` prints: how a database is, what a check has found, what was copied or upgraded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_count, format_size, format_time
from dfx.display.status import status_text
from dfx.display.table import Cell, facts
from dfx.messages import counted
from dfx.records import Status
from dfx.records.condition import (
    Adopted,
    BackupReport,
    CheckReport,
    Observation,
    StoreCondition,
    UpgradeReport,
)

FINDING_COLUMNS = ("kind", "run", "path", "message", "hint", "is_fault")
"""The columns of CSV and Markdown of a check."""

_STATES = {
    "older": "upgrade it: dfx db upgrade",
    "newer": "a newer dfx has written it",
    "foreign": "it belongs to something else",
    "empty": "it holds nothing yet",
    "absent": "there is none",
    "damaged": "it cannot be read",
}


def condition_page(found: StoreCondition) -> RenderableType:
    """A database as a list of facts."""
    pairs: list[tuple[str, Cell]] = [
        ("database", found.database),
        ("kind", found.version or found.kind),
        ("revision", _revision(found)),
        ("size", _size(found)),
    ]
    if found.counts:
        counts = found.counts
        pairs += [
            ("experiments", format_count(counts.experiments)),
            ("runs", _runs(found)),
            ("epochs", format_count(counts.epochs)),
            (
                "checkpoints",
                f"{format_count(counts.checkpoints)}, {format_size(counts.checkpoint_bytes)}",
            ),
            ("evaluations", format_count(counts.evaluations)),
        ]
        pairs += [("working", _live(found))]
    return facts(pairs)


def condition_document(found: StoreCondition) -> dict[str, Any]:
    """`{database, kind, version, state, revision, expected_revision, bytes, wal_bytes, …}`.

    Then `experiments`, `runs` (an object: how many by status), `epochs`, `checkpoints`,
    `checkpoint_bytes` and `evaluations`, null where they cannot be counted; `live`, a list of
    `{run, attempt, host, pid, heartbeat_at}`; `problem` and `hint`, null where it can be used.
    """
    document = asdict(found)
    counts = document.pop("counts") or dict.fromkeys(
        ("experiments", "runs", "epochs", "checkpoints", "checkpoint_bytes", "evaluations")
    )
    ending = {name: document.pop(name) for name in ("live", "problem", "hint")}
    if counts["runs"] is not None:
        counts["runs"] = {status.value: count for status, count in counts["runs"].items()}
    return {**document, **counts, **ending}


def condition_row(found: StoreCondition) -> dict[str, Any]:
    """The document flat: a column for each status, and how many attempts are live."""
    row: dict[str, Any] = {}
    for name, value in condition_document(found).items():
        if name == "runs":
            row |= {status.value: None if value is None else value[status] for status in Status}
        else:
            row[name] = len(value) if name == "live" else value
    return row


def check_page(report: CheckReport) -> RenderableType:
    """What was looked at, what was adopted, what is wrong, and what is worth knowing."""
    looked_at = f"{format_count(report.runs)} runs, {format_count(report.checked_files)} files"
    parts: list[RenderableType] = [
        facts(
            [
                ("database", report.database),
                ("revision", report.revision or ABSENT),
                ("checked", f"{looked_at}, {format_size(report.checked_bytes)} read"),
            ]
        )
    ]
    if report.adopted:
        parts += [Text(), Text("Adopted", style="bold underline")]
        parts += [line for run in report.adopted for line in _adopted(run)]
    faults = [finding for finding in report.findings if finding.is_fault]
    notes = [finding for finding in report.findings if not finding.is_fault]
    for title, findings in (("Faults", faults), ("Notes", notes)):
        if findings:
            parts += [Text(), Text(title, style="bold underline")]
            parts += [line for finding in findings for line in _finding(finding)]
    if not faults:
        parts += [Text(), Text("Nothing is wrong.", style="green")]
    return Group(*parts)


def check_document(report: CheckReport) -> dict[str, Any]:
    """`{database, revision, runs, checked_files, checked_bytes, faults, adopted, findings}`.

    `adopted` is a list of `{run, id, directory, status, epochs, checkpoints, evaluations, is_new,
    gaps}`, `findings` one of `{kind, run, path, message, hint, is_fault}`.
    """
    document = asdict(report)
    lists = {name: document.pop(name) for name in ("adopted", "findings")}
    return {**document, "faults": report.faults, **lists}


def check_rows(report: CheckReport) -> list[dict[str, Any]]:
    """A row for each finding."""
    return [asdict(finding) for finding in report.findings]


def backup_page(report: BackupReport) -> RenderableType:
    """Where the copy is, and how much is in it."""
    files = "1 file" if report.files == 1 else f"{format_count(report.files)} files"
    return facts(
        [
            ("copy", str(report.target)),
            ("holds", f"{format_count(report.runs)} runs, {files}, {format_size(report.bytes)}"),
        ]
    )


def backup_document(report: BackupReport) -> dict[str, Any]:
    """`{target, files, bytes, runs, left_out}`, the last a list of lines."""
    return asdict(report)


def upgrade_page(report: UpgradeReport) -> RenderableType:
    """From which revision to which, and where the copy is."""
    if report.before == report.after:
        return Text(
            f"{printable(report.database)} has revision {report.after} already; nothing to do",
            overflow="fold",
        )
    pairs = [
        ("database", report.database),
        ("revision", f"{report.before or 'base'} → {report.after}"),
    ]
    if report.backup:
        pairs.append(("backup", str(report.backup)))
    return facts(pairs)


def upgrade_document(report: UpgradeReport) -> dict[str, Any]:
    """`{database, before, after, backup}`, the last null where none was made."""
    return asdict(report)


def _revision(found: StoreCondition) -> str:
    if found.state == "current":
        return f"{found.revision}, up to date"
    words = _STATES[found.state]
    if found.revision is None:
        return f"{ABSENT}; {words}"
    return f"{found.revision}; this dfx works with {found.expected_revision}; {words}"


def _size(found: StoreCondition) -> str:
    if found.bytes is None:
        return ABSENT
    log = f", and {format_size(found.wal_bytes)} of log" if found.wal_bytes else ""
    return format_size(found.bytes) + log


def _runs(found: StoreCondition) -> Text:
    runs = found.counts.runs if found.counts else {}
    text = Text(format_count(sum(runs.values())))
    for number, status in enumerate(status for status in Status if runs.get(status)):
        text.append(": " if number == 0 else ", ").append(f"{format_count(runs[status])} ")
        text.append_text(status_text(status))
    return text


def _live(found: StoreCondition) -> Cell:
    if not found.live:
        return "nobody"
    return "\n".join(
        f"{printable(one.run)}, attempt {one.attempt}: process {one.pid} on {printable(one.host)},"
        f" heard of {format_time(one.heartbeat_at)}"
        for one in found.live
    )


def _adopted(run: Adopted) -> Iterator[RenderableType]:
    how = "recorded anew" if run.is_new else "brought up to its files"
    yield _line(
        Text.assemble(
            (printable(run.run), "bold"),
            f" (id {run.id}, {printable(run.directory)}) {how}: ",
            status_text(run.status),
            f", {counted(run.epochs, 'epoch')}, {counted(run.checkpoints, 'checkpoint')},"
            f" {counted(run.evaluations, 'evaluation')}",
        )
    )
    for gap in run.gaps:
        yield _line(Text(f"not recovered: {printable(gap)}"), deep=True)


def _finding(finding: Observation) -> Iterator[RenderableType]:
    about = [finding.run, finding.path]
    if finding.run and finding.path:
        about = [finding.path]
    subject = " ".join(printable(part) for part in about if part)
    style = "red" if finding.is_fault else "yellow"
    yield _line(
        Text.assemble(
            (finding.kind, style),
            f"  {subject}" if subject else "",
            f": {printable(finding.message)}",
        )
    )
    if finding.hint:
        yield _line(Text(printable(finding.hint), style="dim"), deep=True)


def _line(text: Text, *, deep: bool = False) -> RenderableType:
    text.overflow = "fold"
    return Padding(text, (0, 0, 0, 4 if deep else 2), expand=False)
