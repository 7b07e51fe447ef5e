"""Leftovers as a table, folded where it is narrow, and as data."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import RenderableType

from dfx.display.cleanup import (
    LEFTOVER_COLUMNS,
    describe_kept,
    describe_swept,
    leftovers_document,
    leftovers_page,
    leftovers_rows,
)
from dfx.display.formats import to_csv, to_json
from dfx.records.inventory import Leftover, LeftoverKind, Leftovers, Swept

FOLDER = "b4-baseline/2/checkpoints"


@pytest.fixture
def found() -> Leftovers:
    """Three items that go, of two reasons, one that stays, and a run that was not looked at."""
    passed = "no row names it, and the run has passed it"
    return Leftovers(
        Path("/data/runs"),
        (
            Leftover(
                LeftoverKind.CHECKPOINT,
                f"{FOLDER}/last-e0002-b000120-s00000745-a1.pt",
                210_400_000,
                "b4-baseline/2",
                removable=True,
                why=passed,
                run_id=2,
            ),
            Leftover(
                LeftoverKind.CHECKPOINT,
                f"{FOLDER}/best-e0001-a1.pt",
                70_100_000,
                "b4-baseline/2",
                removable=True,
                why=passed,
                run_id=2,
            ),
            Leftover(
                LeftoverKind.DRAFT,
                ".images/checked.tsv.4711",
                12_345,
                None,
                removable=True,
                why="left by a process that was cut off",
            ),
            Leftover(
                LeftoverKind.UNKNOWN_RUN,
                "lost/3",
                280_500_000,
                None,
                removable=False,
                why="no run has this folder, but it holds 2 checkpoints: `dfx db check --adopt`"
                " takes the run up, --unknown removes it",
            ),
        ),
        (("b4-robust/1", "a process on desk is working on it"),),
    )


@pytest.mark.parametrize("width", [80, 140])
def test_page(
    found: Leftovers,
    width: int,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    golden(f"gc-{width}", render(leftovers_page(found), width))


def test_nothing_to_remove_is_said(render: Callable[[RenderableType, int], str]) -> None:
    page = leftovers_page(Leftovers(Path("/data/runs"), (), ()))

    assert render(page, 80) == "Nothing to remove in /data/runs\n"


def test_path_is_neither_cut_nor_taken_for_markup(
    render: Callable[[RenderableType, int], str],
) -> None:
    path = "[red]" + "x" * 100
    item = Leftover(LeftoverKind.DRAFT, path, 1, None, removable=True, why="why")
    text = render(leftovers_page(Leftovers(Path("runs"), (item,), ())), 60)

    assert "[red]" in text
    assert text.count("x") == 100
    assert "…" not in text


def test_rows_have_the_documented_names_in_full_precision(found: Leftovers) -> None:
    document = json.loads(to_json(leftovers_document(found)))
    rows = leftovers_rows(found)

    assert list(document) == ["home", "bytes", "items", "skipped"]
    assert document["bytes"] == 280_512_345
    assert [list(item) for item in document["items"]] == [list(LEFTOVER_COLUMNS)] * 4
    assert document["items"][3]["kind"] == "unknown run"
    assert document["skipped"] == [
        {"path": "b4-robust/1", "why": "a process on desk is working on it"}
    ]
    assert len(to_csv(rows, LEFTOVER_COLUMNS).splitlines()) == 5


def test_what_became_of_it_is_said(found: Leftovers) -> None:
    swept = Swept(found.removable[:2], (("a/1", "a run has it now"),))

    assert describe_swept(swept) == "removed 2 items, 280 MB"
    assert describe_kept(swept.kept) == "a/1: a run has it now"
