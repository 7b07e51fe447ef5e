"""How a run's status looks, and what to type to go on with it."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from dfx.display.console import printable
from dfx.messages import resume_command
from dfx.records import Status

_STYLES = {
    Status.RUNNING: "cyan",
    Status.COMPLETED: "green",
    Status.INTERRUPTED: "yellow",
    Status.FAILED: "red",
    Status.LOST: "yellow",
}


def status_text(status: Status, *, note: str = "") -> Text:
    """The status in its colour, with a note after a comma."""
    text = Text(status.value, style=_STYLES[status])
    if note:
        text = Text.assemble(text, f", {printable(note)}")
    return text


def continuation(run: str, status: Status, home: Path | None) -> str | None:
    """The command that continues the run; None where nothing waits to be continued."""
    if status not in (Status.INTERRUPTED, Status.LOST):
        return None
    return resume_command(run, home)
