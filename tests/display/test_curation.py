"""Tags, notes and names as they are shown; what they hold is never taken for markup."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import RenderableType

from dfx.display.curation import (
    describe_renaming,
    note_document,
    note_text,
    run_tags_document,
    run_tags_table,
    tags_document,
    tags_rows,
    tags_table,
)
from dfx.records import RunDetail

Render = Callable[[RenderableType, int], str]

TAGS = {"[red]": ["b4/1", "b4/2"], "größe": ["b4/2"]}


def test_tags_with_their_runs(render: Render) -> None:
    assert render(tags_table(TAGS), 80) == ("tag    runs\n[red]  b4/1, b4/2\ngröße  b4/2\n")
    assert render(tags_table({}), 80) == "No tags yet.  Give one:  dfx tag RUN TAG\n"
    assert tags_document(TAGS)["tags"][0] == {"tag": "[red]", "runs": ["b4/1", "b4/2"]}
    assert [tuple(row.values()) for row in tags_rows(TAGS)] == [
        ("[red]", "b4/1"),
        ("[red]", "b4/2"),
        ("größe", "b4/2"),
    ]


def test_tags_of_one_run(render: Render, detail: RunDetail) -> None:
    run = replace(detail.run, tags=("good", "paper"))
    none = replace(run, tags=())

    assert render(run_tags_table(run), 80).splitlines()[1].endswith("  good, paper")
    assert run_tags_document(run) == {"run": run.name, "tags": ["good", "paper"]}
    assert render(run_tags_table(none), 80).startswith(f"{run.name} has no tags.")


def test_note_is_shown_as_it_was_written(render: Render, detail: RunDetail) -> None:
    """Long lines are not broken, and nothing is shown where there is none."""
    note = "[red]" + "x" * 100 + "\n:smile:"
    run = replace(detail.run, note=note)

    assert render(note_text(run), 40) == note + "\n"
    assert note_document(run) == {"run": run.name, "note": note}
    assert render(note_text(replace(run, note=None)), 40) == ""


def test_new_names_are_said_with_what_stays() -> None:
    renamed = describe_renaming(
        before="b4", after="old", runs=2, folders=["b4", "x"], recipe=Path("experiments/b4.toml")
    )
    moved = describe_renaming(before="b4/1", after="x/2", runs=1, folders=["b4/1"], recipe=None)

    assert renamed.splitlines()[:2] == [
        "b4 is now old, with 2 runs",
        "files stay where they are, in the folders b4, x",
    ]
    assert "recipe is experiments/b4.toml: for the next run of old" in renamed.splitlines()[2]
    assert moved == "b4/1 is now x/2\nfiles stay where they are, in the folder b4/1"
