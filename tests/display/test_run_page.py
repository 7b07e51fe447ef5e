from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import RenderableType

from dfx.config import KINDS
from dfx.display.run_page import run_page
from dfx.records import RunDetail, Status

FOLDER = Path("/srv/faces/runs/b4-baseline/2")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_page_looks_as_kept(
    detail: RunDetail,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    width: int,
) -> None:
    sizes = {file.path: file.bytes for file in detail.checkpoints}
    sizes |= {"b4-baseline/2/log.csv": 512, "b4-baseline/2/predictions-val.csv": None}
    text = render(run_page(detail, FOLDER, sizes=sizes), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"show-{width}", text)


def test_a_run_of_which_there_is_nothing_yet_has_a_page(
    empty_detail: RunDetail,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    golden("show-empty", render(run_page(empty_detail, FOLDER), 80))


def test_every_key_is_there_and_only_what_differs_is_marked(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(run_page(detail, FOLDER), 140)

    for key in KINDS:
        assert f"{key.partition('.')[2]}=" in text
    assert text.count("*") - text.count("* best") == 4
    assert "*seed=7" in text
    assert "*root='my faces'" in text
    assert "*pretrained=false" in text


def test_an_attempt_says_what_it_ran_with_where_that_is_another_thing(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(run_page(detail, FOLDER), 80)

    assert "attempt 2 with data.workers=2\n" in text
    assert "attempt 1 with" not in text


def test_without_sizes_the_checkpoints_are_listed_as_recorded(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    text = render(run_page(detail, FOLDER), 100)

    assert "last-s1500.pt" in text
    assert "211 MB" in text


def test_a_few_of_many_skipped_images_are_named(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    split = replace(
        detail.run.data[1], skipped=tuple((f"real/{i}.jpg", "torn") for i in range(1234))
    )
    run = replace(detail.run, data=(split,))
    text = render(run_page(replace(detail, run=run), FOLDER), 100)

    assert text.count(": torn") == 5
    assert "and 1 229 more in val" in text


def test_names_and_messages_are_shown_verbatim(
    detail: RunDetail, render: Callable[[RenderableType, int], str]
) -> None:
    run = replace(
        detail.run,
        status=Status.FAILED,
        message="[bold]cannot[/bold] write \x1b[31m/d/[a]\x1b[0m",
        weights={"path": "/w/[b4].pth"},
    )
    text = render(run_page(replace(detail, run=run), Path("/srv/[runs]/ü")), 100)

    assert r"[bold]cannot[/bold] write \x1b[31m/d/[a]\x1b[0m" in text
    assert "/w/[b4].pth" in text
    assert "/srv/[runs]/ü" in text
