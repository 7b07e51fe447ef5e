"""The log of a run, line by line as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.text import Text

from dfx.display.bars import epoch_line
from dfx.display.console import printable, stdout_console, write_stdout
from dfx.display.epochs import EPOCH_COLUMNS
from dfx.display.figures import as_utc, format_count
from dfx.display.formats import csv_line, dump_json, markdown_line, to_json
from dfx.formats import Format
from dfx.messages import EpochFinished
from dfx.records.history import LogEntry

_EPOCH_VALUES = tuple(name for name in EPOCH_COLUMNS if name not in {"step", "attempt"})

LOG_COLUMNS = (
    *("at", "event", "attempt", "host", "pid", "step", "message", *_EPOCH_VALUES),
    *("planned_epochs", "is_best", "superseded_by"),
)
"""The columns of CSV and Markdown, and the keys of each event in JSON."""

_STYLES = {
    "started": "bold",
    "completed": "bold green",
    "interrupted": "bold yellow",
    "failed": "bold red",
    "lost": "bold yellow",
}
_TIME_WIDTH = 21
_MARK_WIDTH = len("  * best")


def log_line(entry: LogEntry, width: int) -> Text:
    """One event as a line: when it was, and as much of an epoch as the width allows."""
    when = f"{as_utc(entry.at):%Y-%m-%d %H:%M:%S}  "
    if entry.epoch is None:
        return Text.assemble((when, "dim"), (_describe(entry), _STYLES[entry.event]))
    message = EpochFinished(entry.epoch, entry.epochs, improved=entry.is_best)
    if entry.superseded_by is None:
        # Lines that are not the best leave its mark free, so that all of a log look alike.
        room = width - _TIME_WIDTH - (0 if entry.is_best else _MARK_WIDTH)
        line = epoch_line(message, room)
        return Text.assemble((when, "dim"), (line, "green" if entry.is_best else ""))
    note = f"  (superseded by attempt {entry.superseded_by})"
    return Text(when + epoch_line(message, width - _TIME_WIDTH - len(note)) + note, style="dim")


def log_row(entry: LogEntry) -> dict[str, Any]:
    """One event flat, in the order of `LOG_COLUMNS`."""
    epoch = entry.epoch
    return {
        "at": entry.at,
        "event": entry.event,
        "attempt": entry.attempt,
        "host": entry.host,
        "pid": entry.pid,
        "step": entry.step,
        "message": entry.message,
        **{name: getattr(epoch, name) if epoch else None for name in _EPOCH_VALUES},
        "planned_epochs": entry.epochs,
        "is_best": entry.is_best,
        "superseded_by": entry.superseded_by,
    }


def log_document(run_name: str, entries: Sequence[LogEntry]) -> dict[str, Any]:
    """`{"run": …, "events": [{at, event, attempt, host, pid, step, message, epoch, …}]}`.

    An event is `started`, `epoch`, `completed`, `interrupted`, `failed` or `lost`; the values of an
    epoch are null where it is another one.
    """
    return {"run": run_name, "events": [log_row(entry) for entry in entries]}


def print_log(fmt: Format, run_name: str, entries: Sequence[LogEntry]) -> None:
    """Writes a log that is complete; as JSON it is one document."""
    if fmt is Format.JSON:
        write_stdout(to_json(log_document(run_name, entries)))
    else:
        print_lines(fmt, entries)


def print_lines(fmt: Format, entries: Iterable[LogEntry]) -> None:
    """Writes each event as it comes; as JSON it is one object a line."""
    if fmt is Format.CSV:
        write_stdout(csv_line(LOG_COLUMNS))
    elif fmt is Format.MD:
        write_stdout(markdown_line(LOG_COLUMNS) + "|" + " --- |" * len(LOG_COLUMNS) + "\n")
    for entry in entries:
        _print_entry(fmt, entry)


def _print_entry(fmt: Format, entry: LogEntry) -> None:
    row = log_row(entry)
    match fmt:
        case Format.TABLE:
            console = stdout_console()
            console.print(log_line(entry, console.width), soft_wrap=True)
            console.file.flush()
        case Format.JSON:
            write_stdout(dump_json(row) + "\n")
        case Format.CSV:
            write_stdout(csv_line(list(row.values())))
        case Format.MD:
            write_stdout(markdown_line(list(row.values())))


def _describe(entry: LogEntry) -> str:
    attempt = f"attempt {entry.attempt}"
    reason = f": {printable(entry.message)}" if entry.message else ""
    match entry.event:
        case "started":
            step = format_count((entry.step or 0) + 1)
            verb = "starts" if entry.attempt == 1 else "goes on"
            return (
                f"{attempt} {verb} at step {step}: process {entry.pid} on {printable(entry.host)}"
            )
        case "lost":
            return f"{attempt} lost: last heard of then"
        case event:
            return f"{attempt} {event}{reason}"
