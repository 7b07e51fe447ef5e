"""How a run's status looks, and what to type to go on with it."""

from __future__ import annotations

from rich.text import Text

from dfx.display.console import printable
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


def resume_command(run: str, status: Status) -> str | None:
    """What continues the run; None where nothing waits to be continued."""
    if status not in (Status.INTERRUPTED, Status.LOST):
        return None
    return f"dfx resume {run}"
