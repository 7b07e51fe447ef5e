"""What a person has written on runs: tags, notes and names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from dfx.display.console import printable
from dfx.display.table import Column, FoldingTable
from dfx.records import Run

TAGS_COLUMNS = ("tag", "run")
"""The columns of CSV and Markdown: a line for each pair."""

RUN_TAGS_COLUMNS = ("run", "tag")
"""The same for the tags of one run."""

NOTE_COLUMNS = ("run", "note")
"""The columns of CSV and Markdown, and the keys in JSON."""


def tags_table(tags: Mapping[str, Sequence[str]]) -> RenderableType:
    """Every tag with its runs; a word on how to give one where there are none."""
    if not tags:
        return Text("No tags yet.  Give one:  dfx tag RUN TAG")
    columns = (Column("tag"), Column("runs", fold=True))
    return FoldingTable(columns, [(tag, ", ".join(runs)) for tag, runs in tags.items()])


def tags_rows(tags: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Tag and run, a row for each pair."""
    return [{"tag": tag, "run": run} for tag, runs in tags.items() for run in runs]


def tags_document(tags: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """`{"tags": [{tag, runs: […]}]}`."""
    return {"tags": [{"tag": tag, "runs": list(runs)} for tag, runs in tags.items()]}


def run_tags_table(run: Run) -> RenderableType:
    """The tags of one run; a word on how to give one where there are none."""
    if not run.tags:
        return Text(f"{run.name} has no tags.  Give one:  dfx tag {run.name} TAG")
    return FoldingTable(
        (Column("run"), Column("tags", fold=True)), [(run.name, ", ".join(run.tags))]
    )


def run_tags_rows(run: Run) -> list[dict[str, Any]]:
    """Run and tag, a row for each tag."""
    return [{"run": run.name, "tag": tag} for tag in run.tags]


def run_tags_document(run: Run) -> dict[str, Any]:
    """`{"run": …, "tags": […]}`."""
    return {"run": run.name, "tags": list(run.tags)}


def note_text(run: Run) -> RenderableType:
    """The note as it was written; lines are not broken. Nothing where there is none."""
    if run.note is None:
        return Group()
    # By itself, a text would lose that it is not to be wrapped.
    return Group(Text(printable(run.note, lines=True), no_wrap=True, overflow="ignore"))


def note_document(run: Run) -> dict[str, Any]:
    """`{"run": …, "note": …}`; null where there is none."""
    return {"run": run.name, "note": run.note}


def describe_renaming(
    *, before: str, after: str, runs: int, folders: Sequence[str], recipe: Path | None
) -> str:
    """What is called otherwise now, and what is not.

    Args:
        before: Experiment, or `experiment/number` of a run.
        after: The same now.
        runs: How many are meant.
        folders: Where their files still are, relative to the home.
        recipe: The configuration file that still bears the old name, where that matters.
    """
    count = "" if "/" in after else f", with {'1 run' if runs == 1 else f'{runs} runs'}"
    lines = [f"{before} is now {after}{count}"]
    if folders:
        where = "folder" if len(folders) == 1 else "folders"
        lines.append(f"files stay where they are, in the {where} {', '.join(folders)}")
    if recipe is not None:
        lines.append(
            f"its recipe is {recipe}: for the next run of {after}, name it with --config, or"
            f" copy it to experiments/{after}.toml"
        )
    return "\n".join(lines)
