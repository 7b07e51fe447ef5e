from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import pairwise

import pytest
from rich.console import RenderableType

from dfx.display.formats import to_csv, to_json, to_markdown
from dfx.display.leaderboard import (
    LEADERBOARD_COLUMNS,
    LeaderboardTable,
    leaderboard_document,
    leaderboard_rows,
    leaderboard_table,
)
from dfx.records import LeaderboardGroup, RunSummary, Status


def _headings(groups: list[LeaderboardGroup], width: int) -> list[str]:
    table = LeaderboardTable(groups[0]).table(commands=False)
    return [table.columns[i].heading for i in table.fitting(width)]


@pytest.mark.parametrize("width", [80, 100, 140])
def test_leaderboard_looks_as_kept(
    groups: list[LeaderboardGroup],
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
    width: int,
) -> None:
    text = render(leaderboard_table(groups), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"leaderboard-{width}", text)


def test_columns_go_in_the_stated_order(groups: list[LeaderboardGroup]) -> None:
    """As the terminal narrows, columns leave in the docstring's order and none comes back."""
    order = ["F1", "val loss", "val AUC", "time", "95 %", "epoch"]
    left = []
    for wide, narrow in pairwise(_headings(groups, width) for width in range(140, 20, -1)):
        assert set(narrow) <= set(wide)
        left += [heading for heading in wide if heading not in narrow]

    assert order == left
    assert _headings(groups, 20) == ["#", "run", "val acc", "status"]


def test_the_command_that_continues_stands_in_the_status_where_there_is_room(
    groups: list[LeaderboardGroup], render: Callable[[RenderableType, int], str]
) -> None:
    text = render(leaderboard_table(groups), 140)

    assert "lost, `dfx resume b4-frozen/1`" in text
    assert "Continue the" not in text


def test_the_command_that_continues_is_whole_on_a_narrow_terminal(
    groups: list[LeaderboardGroup], render: Callable[[RenderableType, int], str]
) -> None:
    text = render(leaderboard_table(groups), 60)

    assert "Continue the lost run:  dfx resume b4-frozen/1\n" in text


@pytest.mark.parametrize("status", [Status.RUNNING, Status.COMPLETED, Status.FAILED])
def test_other_runs_are_not_said_to_wait(
    groups: list[LeaderboardGroup], render: Callable[[RenderableType, int], str], status: Status
) -> None:
    run = replace(groups[0].ranked[0], status=status)

    assert "resume" not in render(leaderboard_table([LeaderboardGroup(None, 1, (run,), ())]), 140)


def test_runs_on_different_validation_sets_are_ranked_apart(
    groups: list[LeaderboardGroup], render: Callable[[RenderableType, int], str]
) -> None:
    """The one run of the second set is first there, however it compares with the first set."""
    text = render(leaderboard_table(groups), 140)

    assert sum(line.lstrip().startswith("1 ") for line in text.splitlines()) == 2
    assert "sha256:9f2c… (20 000 images)" in text
    assert "sha256:77ab… (1 200 images)" in text
    assert "chosen on this same set, hence optimistic" in text


def test_a_run_without_an_epoch_has_no_rank_and_no_zero(
    groups: list[LeaderboardGroup], render: Callable[[RenderableType, int], str]
) -> None:
    (line,) = [
        line
        for line in render(leaderboard_table(groups), 140).splitlines()
        if "b4-frozen/2" in line
    ]

    assert line.split() == ["b4-frozen/2", "–", "–", "–/0", "–", "–", "–", "12.3s", "running"]


def test_no_runs_is_a_word_on_how_to_start(render: Callable[[RenderableType, int], str]) -> None:
    assert render(leaderboard_table([]), 80) == "No runs yet.  Start one:  dfx run --name NAME\n"
    assert leaderboard_document([]) == {"runs": []}


def test_names_are_never_taken_for_markup_or_cut(
    groups: list[LeaderboardGroup], render: Callable[[RenderableType, int], str]
) -> None:
    name = "größe-試験-[red]" + "x" * 60 + "/1"
    run = replace(groups[0].ranked[0], run=name)
    text = render(leaderboard_table([LeaderboardGroup("sha256:aa", 1, (run,), ())]), 60)

    assert "[red]" in text
    assert "…" not in text
    assert text.count("x") == 60


def test_rows_have_the_documented_names_in_full_precision(groups: list[LeaderboardGroup]) -> None:
    document = json.loads(to_json(leaderboard_document(groups)))

    assert [field.name for field in fields(RunSummary)] == list(LEADERBOARD_COLUMNS)
    assert [run["run"] for run in document["runs"]] == [
        "b4-robust/1",
        "b4-baseline/2",
        "b4-frozen/1",
        "b4-frozen/2",
        "small/1",
        "b4-gone/1",
    ]
    assert list(LEADERBOARD_COLUMNS) == list(document["runs"][0])
    assert document["runs"][0]["val_loss"] == 0.0412345678
    assert document["runs"][0]["created_at"] == "2026-01-02T03:04:05Z"
    assert document["runs"][2]["status"] == "lost"
    assert document["runs"][1]["val_auc"] is None


def test_csv_and_markdown_have_a_line_a_run(groups: list[LeaderboardGroup]) -> None:
    rows = leaderboard_rows(groups)

    assert len(to_csv(rows, LEADERBOARD_COLUMNS).splitlines()) == 7
    assert len(to_markdown(rows, LEADERBOARD_COLUMNS).splitlines()) == 8
    assert ",".join(LEADERBOARD_COLUMNS) + "\n" == to_csv([], LEADERBOARD_COLUMNS)
