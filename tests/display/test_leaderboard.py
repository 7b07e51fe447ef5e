from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from rich.console import RenderableType

from dfx.display.leaderboard import LeaderboardTable, RecipeTable, leaderboard_table
from dfx.records import Status
from dfx.records.leaderboard import (
    METRICS,
    AucDifference,
    Leaderboard,
    LeaderboardGroup,
    PairedTest,
    RecipeGroup,
)

Render = Callable[[RenderableType, int], str]


def _headings(leaderboard: Leaderboard, width: int) -> list[str]:
    table = LeaderboardTable(leaderboard, leaderboard.groups[0]).table(commands=False)
    return [table.columns[i].heading for i in table.fitting(width)]


def _with(leaderboard: Leaderboard, **changes: object) -> Leaderboard:
    """The first group alone, with something changed."""
    return replace(leaderboard, groups=(replace(leaderboard.groups[0], **changes),))  # type: ignore[arg-type]


@pytest.fixture
def recipes(leaderboard: Leaderboard) -> Leaderboard:
    """Two recipes, one of them of a single run."""
    found = (
        RecipeGroup(
            rank=1,
            experiments=("b4-robust",),
            runs=("b4-robust/1", "b4-robust/3"),
            seeds=(0, 1),
            mean=0.98631,
            std=0.00141,
            best=0.98731,
            settings={"augment.jpeg": 0.5},
            differs={"augment.jpeg": 0.5},
        ),
        RecipeGroup(
            rank=2,
            experiments=("b4-baseline", "old"),
            runs=("b4-baseline/2",),
            seeds=(1,),
            mean=0.9861,
            std=None,
            best=0.9861,
            settings={"augment.jpeg": 0.0},
            differs={},
        ),
    )
    return _with(leaderboard, recipes=found, common={"augment.jpeg": 0.0}, test=None)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_leaderboard_looks_as_kept(
    leaderboard: Leaderboard, render: Render, golden: Callable[[str, str], None], width: int
) -> None:
    text = render(leaderboard_table(leaderboard), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"leaderboard-{width}", text)


def test_recipes_look_as_kept(
    recipes: Leaderboard, render: Render, golden: Callable[[str, str], None]
) -> None:
    golden("recipes", render(leaderboard_table(recipes), 80))


def test_columns_go_in_the_stated_order(leaderboard: Leaderboard) -> None:
    """As the terminal narrows, columns leave in the docstring's order and none comes back."""
    by_loss = replace(leaderboard, metric=METRICS["val_f1"])
    order = ["val loss", "val AUC", "time", "epoch", "val acc", "95 %"]
    left = []
    for wide, narrow in pairwise(_headings(by_loss, width) for width in range(140, 20, -1)):
        assert set(narrow) <= set(wide)
        left += [heading for heading in wide if heading not in narrow]

    assert order == left
    assert _headings(by_loss, 20) == ["#", "run", "val F1", "differs", "status"]


def test_recipe_columns_go_in_the_stated_order(recipes: Leaderboard) -> None:
    table = RecipeTable(recipes, recipes.groups[0]).table()
    shown = [[table.columns[i].heading for i in table.fitting(w)] for w in range(140, 20, -1)]
    left = [gone for wide, narrow in pairwise(shown) for gone in wide if gone not in narrow]

    assert left == ["seeds", "best", "runs"]
    assert shown[-1] == ["#", "recipe", "mean val acc", "std", "differs"]


def test_what_differs_is_wrapped_before_a_column_goes(
    leaderboard: Leaderboard, render: Render
) -> None:
    """And a name is not broken while there is room for it."""
    long = {"augment.jpeg": 0.5, "augment.blur": 0.25, "augment.noise": 0.25}
    group = leaderboard.groups[0]
    first = replace(group.ranked[0], differs=long)
    text = render(leaderboard_table(_with(leaderboard, ranked=(first, *group.ranked[1:]))), 118)

    assert "val loss" in text
    assert "augment.jpeg=0.5" in text
    assert "augment.jpeg=0.5 augment.blur=0.25 augment.noise=0.25" not in text
    assert "b4-robust/1 " in text


def test_the_metric_comes_first_and_is_not_repeated(
    leaderboard: Leaderboard, render: Render
) -> None:
    by_auc = replace(leaderboard, metric=METRICS["val_auc"])
    head = render(leaderboard_table(by_auc), 140).splitlines()[0].split("  ")
    words = [word.strip() for word in head if word.strip()]

    assert words[:6] == ["#", "run", "val AUC", "val acc", "95 %", "epoch"]
    assert words.count("val AUC") == 1


def test_nothing_differs_needs_no_column(leaderboard: Leaderboard, render: Render) -> None:
    runs = tuple(replace(run, differs={}) for run in leaderboard.groups[0].ranked)
    text = render(leaderboard_table(_with(leaderboard, ranked=runs, common={})), 140)

    assert "differs" not in text


def test_the_command_that_continues_stands_in_the_status_where_there_is_room(
    leaderboard: Leaderboard, render: Render
) -> None:
    text = render(leaderboard_table(leaderboard), 140)

    assert "lost, `dfx resume b4-frozen/1`" in text
    assert "Continue the" not in text


def test_the_command_that_continues_is_whole_on_a_narrow_terminal(
    leaderboard: Leaderboard, render: Render
) -> None:
    text = render(leaderboard_table(leaderboard), 60)

    assert "Continue the lost run:  dfx resume b4-frozen/1\n" in text


@pytest.mark.parametrize("status", [Status.RUNNING, Status.COMPLETED, Status.FAILED])
def test_other_runs_are_not_said_to_wait(
    leaderboard: Leaderboard, render: Render, status: Status
) -> None:
    run = leaderboard.groups[0].ranked[0]
    only = (replace(run, summary=replace(run.summary, status=status)),)

    assert "resume" not in render(leaderboard_table(_with(leaderboard, ranked=only)), 140)


def test_runs_on_different_validation_sets_are_ranked_apart(
    leaderboard: Leaderboard, render: Render
) -> None:
    """The one run of the second set is first there, however it compares with the first set."""
    text = render(leaderboard_table(leaderboard), 140)

    assert sum(line.lstrip().startswith("1 ") for line in text.splitlines()) == 2
    assert "sha256:9f2c… (10 000 real, 10 000 deepfake)" in text
    assert "sha256:77ab… (1 200 images)" in text
    assert "17 more are not shown" in text
    assert "chosen on this same set, hence optimistic" in text


def test_a_run_without_an_epoch_has_no_rank_and_no_zero(
    leaderboard: Leaderboard, render: Render
) -> None:
    (line,) = [
        line
        for line in render(leaderboard_table(leaderboard), 140).splitlines()
        if "b4-frozen/2" in line
    ]

    assert line.split() == ["b4-frozen/2", "–", "–", "–/0", "–", "–", "12.3s", "running"]


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (0.3417, "No difference shown between 1 and 2 (McNemar p = 0.34)."),
        (0.05, "No difference shown between 1 and 2 (McNemar p = 0.05)."),
        (0.0123, "1 and 2 differ (McNemar p = 0.012)."),
        (1e-9, "1 and 2 differ (McNemar p = < 0.0001)."),
    ],
)
def test_footnote_says_what_the_test_shows(
    leaderboard: Leaderboard, render: Render, p: float, words: str
) -> None:
    text = render(
        leaderboard_table(_with(leaderboard, test=PairedTest("a/1", "b/1", 3, 9, p))), 200
    )

    assert words.replace("= <", "<") in text
    assert "two checkpoints, not of two recipes" in text


def test_footnote_names_the_test_of_aucs(leaderboard: Leaderboard, render: Render) -> None:
    test = AucDifference("a/1", "b/1", 0.02, 0.01, 0.03, 0.0123)
    text = render(leaderboard_table(_with(leaderboard, test=test)), 200)

    assert "1 and 2 differ (DeLong p = 0.012)." in text


def test_footnote_says_why_there_is_no_test(leaderboard: Leaderboard, render: Render) -> None:
    test = PairedTest("a/1", "b/1", None, None, None, "the predictions of a/1 are damaged")
    text = render(leaderboard_table(_with(leaderboard, test=test)), 200)

    assert "1 and 2 were not tested: the predictions of a/1 are damaged." in text
    assert "two checkpoints" not in text


def test_other_training_images_are_told(leaderboard: Leaderboard, render: Render) -> None:
    first, *others = leaderboard.groups[0].ranked
    other = replace(first, summary=replace(first.summary, train_digest="sha256:other"))
    text = render(leaderboard_table(_with(leaderboard, ranked=(other, *others))), 140)

    assert "They were trained on 2 different sets of images." in text
    assert "They were trained on" not in render(leaderboard_table(leaderboard), 140)


def test_columns_asked_for_take_the_place_of_the_usual(
    leaderboard: Leaderboard, render: Render
) -> None:
    """Where they have no room, those alike for all runs go first, and it is said how many."""
    names = ("val_f1", "optim.lr", "train.seed", "status", "tags")
    asked = replace(leaderboard, columns=names, groups=leaderboard.groups[:1])
    wide = render(leaderboard_table(asked), 140)
    narrow = render(leaderboard_table(asked), 44)

    assert wide.splitlines()[0].split() == ["#", "run", *names]
    assert wide.splitlines()[1].split() == [
        "1",
        "b4-robust/1",
        "0.9872",
        "0.0001",
        "0",
        "completed",
    ]
    assert narrow.splitlines()[0].split() == ["#", "run", "val_f1", "train.seed"]
    assert "3 columns have no room here; --format csv has them all." in " ".join(narrow.split())
    assert "differs from" not in wide


def test_no_runs_is_a_word_on_how_to_start(render: Render) -> None:
    nothing = Leaderboard(METRICS["val_accuracy"], None, ())

    assert render(leaderboard_table(nothing), 80) == (
        "No runs yet.  Start one:  dfx run --name NAME\n"
    )
    assert render(leaderboard_table(replace(nothing, is_filtered=True)), 80) == (
        "No run meets the condition.\n"
    )


def test_names_are_never_taken_for_markup_or_cut(leaderboard: Leaderboard, render: Render) -> None:
    name = "größe-試験-[red]" + "x" * 60 + "/1"
    run = leaderboard.groups[0].ranked[0]
    named = replace(run, summary=replace(run.summary, run=name), differs={})
    only = LeaderboardGroup("sha256:aa", 1, None, (named,), (), 0, {}, None, None)
    text = render(leaderboard_table(replace(leaderboard, groups=(only,))), 60)

    assert "[red]" in text
    assert "…" not in text
    assert text.count("x") == 60
