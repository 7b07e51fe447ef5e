"""Words that boards by data sets share: what a set is called, and who has not been scored on it."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import format_count, format_digest
from dfx.display.table import unbroken
from dfx.records import Split

NAMED = 5
"""Runs that are named in a line; of more, their number is told."""


MARKS = {
    "°": "the run's own data",
    "*": "chosen or fitted on these very images, hence optimistic",
    "!": "trained or validated on some of these images, hence optimistic",
}
"""What stands after a value, and why."""


def mark_optimistic(*, is_fitted: bool, seen: int | None) -> str:
    """One of `MARKS` or nothing.

    Args:
        is_fitted: Whether something of the run was chosen or fitted on these images.
        seen: Images of the set that the run has trained or validated on; None where not known.
    """
    # What was seen of images that a run was chosen on is all of them, and said already.
    return "*" if is_fitted else "!" if seen else ""


def explain_marks(used: Collection[str]) -> list[str]:
    """A sentence for each of the marks that stand somewhere."""
    return [f"{mark} {words}." for mark, words in MARKS.items() if mark in used]


def set_title(
    dataset: str | None, split: Split, digest: str, classes: tuple[int, int], *, note: str = ""
) -> Text:
    """The heading of a set's table: name and split, and in what it cannot be mistaken."""
    real, deepfake = map(format_count, classes)
    name = printable(dataset or "unnamed")
    about = f"{format_digest(digest)} ({real} real, {deepfake} deepfake){note}"
    return Text.assemble((f"{name}, {split}", "bold"), "  ", (about, "dim"), overflow="fold")


def format_interval(low: float, high: float) -> str:
    """The ends of an interval, with four decimals.

    >>> format_interval(0.98571, 0.98889)
    '0.9857–0.9889'
    """
    return f"{low:.4f}–{high:.4f}"


def name_few(runs: Sequence[str]) -> str:
    """Names of runs, or the first of many and how many more there are.

    >>> name_few(["b4/1", "b4/2"]), name_few([f"b4/{i}" for i in range(1, 8)])
    ('b4/1, b4/2', 'b4/1, b4/2, b4/3, b4/4, b4/5 and 2 more')
    """
    shown = ", ".join(map(printable, runs[:NAMED]))
    more = len(runs) - NAMED
    return f"{shown} and {format_count(more)} more" if more > 0 else shown


def unscored_lines(
    what: str, runs: Sequence[str], how: str, options: str, home: Path | None
) -> tuple[Text, Text]:
    """Who lacks something, and in a line that is never wrapped the command that makes it.

    Args:
        what: They lack, as a beginning: `Not scored on it`.
        runs: Their names.
        how: Begins the line with the command: `To score one`.
        options: Of `dfx evaluate`, after the run.
        home: As given on the command line.
    """
    run = runs[0] if len(runs) == 1 else "RUN"
    command = evaluate_command(run, options, home)
    return Text(f"{what}: {name_few(runs)}."), unbroken(f"{how}:  {command}")


def evaluate_command(run: str, options: str, home: Path | None) -> str:
    """What a person types to have a run scored.

    >>> evaluate_command("b4/1", "--split test", Path("my runs"))
    "dfx evaluate b4/1 --split test --home 'my runs'"
    """
    words = ["dfx evaluate", run, options, f"--home {shlex.quote(str(home))}" if home else ""]
    return " ".join(word for word in words if word)


def say_nothing(text: str) -> RenderableType:
    """What is said in place of a board, with the command at its end on a line that is not wrapped.

    Args:
        text: A command stands after the last two spaces, where there is one.
    """
    words, gap, command = text.rpartition("  ")
    if not gap:
        return Text(printable(text))
    return Group(Text(printable(words)), unbroken(f"  {printable(command)}"))
