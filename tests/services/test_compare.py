"""The leaderboard of a real store: which runs, in which order, and what is said of them."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from statistics import mean, stdev

import numpy as np
import pytest
from leaderboard_samples import add_run, write_predictions, write_scores

from dfx.errors import ConfigError
from dfx.evaluation.delong import compare_aucs
from dfx.records import Status
from dfx.records.leaderboard import AucDifference, Leaderboard, LeaderboardGroup, PairedTest
from dfx.services.compare import ask, compare_runs
from dfx.tracking.store import RunStore


def compare(store: RunStore, **words: object) -> Leaderboard:
    return compare_runs(store.home, ask(**words))  # type: ignore[arg-type]


def names(group: LeaderboardGroup) -> list[str]:
    return [run.summary.run for run in group.runs]


def test_no_home_has_no_tables(tmp_path: Path) -> None:
    assert compare_runs(tmp_path / "nothing").groups == ()


def test_runs_rank_by_their_best_epoch(store: RunStore) -> None:
    """Not by the last, and as an independent scan of all epochs does."""
    rng = random.Random(4)
    curves = [[rng.random() for _ in range(rng.randint(1, 6))] for _ in range(30)]
    for curve in curves:
        add_run(store, accuracies=curve)
    scan = sorted(range(30), key=lambda i: -max(curves[i]))
    (group,) = compare(store).groups

    assert names(group) == [f"b4/{i + 1}" for i in scan]
    assert [run.rank for run in group.runs] == list(range(1, 31))


@pytest.mark.parametrize(
    ("metric", "order"),
    [
        ("val_accuracy", ["b4/2", "b4/1", "b4/3"]),
        ("loss", ["b4/3", "b4/1", "b4/2"]),
        ("auc", ["b4/2", "b4/1", "b4/3"]),
    ],
)
def test_another_metric_ranks_at_the_same_checkpoint(
    store: RunStore, metric: str, order: list[str]
) -> None:
    """The weights one would use, so also where a worse epoch has the better loss."""
    add_run(store, accuracies=[0.5, 0.8], losses=[0.01, 0.4])
    add_run(store, accuracies=[0.9], losses=[0.5])
    add_run(store, accuracies=[0.7], losses=[0.3])
    (group,) = compare(store, metric=metric).groups

    assert names(group) == order


def test_validation_sets_come_in_tables_of_their_own(store: RunStore) -> None:
    add_run(store, accuracies=[0.7], digest="sha256:old")
    add_run(store, accuracies=[0.6])
    add_run(store, accuracies=[0.9], digest="sha256:old")
    add_run(store, accuracies=[0.5])
    add_run(store, accuracies=[], digest=None, status=Status.FAILED)
    groups = compare(store).groups

    assert [group.validation_digest for group in groups] == ["sha256:val", "sha256:old", None]
    assert [names(group) for group in groups] == [["b4/2", "b4/4"], ["b4/3", "b4/1"], ["b4/5"]]
    assert groups[0].classes == (4, 6)


def test_limit_is_for_each_table(store: RunStore) -> None:
    """What is left out is counted, and ranks stay what they are."""
    for digest in ("sha256:a", "sha256:b"):
        for accuracy in (0.6, 0.8, 0.7):
            add_run(store, accuracies=[accuracy], digest=digest)
    groups = compare(store, limit=2).groups

    assert [names(group) for group in groups] == [["b4/5", "b4/6"], ["b4/2", "b4/3"]]
    assert [group.omitted for group in groups] == [1, 1]


def test_where_leaves_the_others_out(store: RunStore) -> None:
    add_run(store, accuracies=[0.9], settings={"optim.lr": 3e-4})
    add_run(store, accuracies=[0.8], settings={"optim.lr": 1e-3})
    add_run(store, "other", accuracies=[0.7], settings={"optim.lr": 3e-4})
    found = compare(store, where="optim.lr < 5e-4 and experiment = 'b*'")

    assert [names(group) for group in found.groups] == [["b4/1"]]
    assert found.is_filtered
    assert compare(store, where="id > 99").groups == ()


def test_sorting_keeps_the_ranks(store: RunStore) -> None:
    """Runs without a finished epoch stay last; a value that is none is after all others."""
    for accuracy, lr in ((0.9, 1e-3), (0.8, 1e-4), (0.7, 3e-4)):
        add_run(store, accuracies=[accuracy], settings={"optim.lr": lr})
    add_run(store, accuracies=[], settings={"optim.lr": 1e-5}, status=Status.FAILED)
    (group,) = compare(store, sort="lr").groups
    (mixed,) = compare(store, sort="weights_file", limit=3).groups

    assert names(group) == ["b4/2", "b4/3", "b4/1", "b4/4"]
    assert [run.rank for run in group.runs] == [2, 3, 1, None]
    assert names(mixed) == ["b4/1", "b4/2", "b4/3"]


def test_only_settings_that_differ_are_told(store: RunStore) -> None:
    """Against the commonest value, with the default where values are as common as each other."""
    add_run(store, settings={"optim.lr": 3e-4, "data.workers": 1})
    add_run(store, settings={"optim.lr": 3e-4, "train.seed": 1})
    add_run(store, settings={"optim.lr": 3e-4, "train.seed": 2})
    add_run(store, settings={"train.epochs": 20})
    (group,) = compare(store).groups
    differs = {run.summary.run: dict(run.differs) for run in group.runs}

    assert group.common == {"optim.lr": 3e-4, "train.epochs": 15, "train.seed": 0}
    assert differs == {
        "b4/1": {},
        "b4/2": {"train.seed": 1},
        "b4/3": {"train.seed": 2},
        "b4/4": {"optim.lr": 1e-4, "train.epochs": 20},
    }


def test_differences_are_those_of_the_runs_shown(store: RunStore) -> None:
    add_run(store, accuracies=[0.9])
    add_run(store, accuracies=[0.8], settings={"optim.lr": 3e-4})
    add_run(store, accuracies=[0.7], settings={"augment.jpeg": 0.5})
    (group,) = compare(store, limit=2).groups

    assert group.common == {"optim.lr": 1e-4}


def test_grouped_runs_are_those_that_differ_in_the_seed_alone(store: RunStore) -> None:
    """Of one recipe, plan and training set, and completed."""
    seeds = {0: 0.91, 1: 0.93, 2: 0.95}
    for seed, accuracy in seeds.items():
        add_run(store, accuracies=[accuracy], settings={"train.seed": seed})
    add_run(store, "jpeg", accuracies=[0.94], settings={"augment.jpeg": 0.5})
    add_run(store, accuracies=[0.99], status=Status.INTERRUPTED)
    add_run(store, "more", accuracies=[0.5], train_digest="sha256:more")
    add_run(store, "long", accuracies=[0.6], settings={"train.epochs": 30})
    add_run(store, accuracies=[0.92], settings={"data.workers": 1, "train.seed": 3})
    (group,) = compare(store, by_recipe=True).groups
    assert group.recipes is not None
    found = {recipe.experiments: recipe for recipe in group.recipes}
    scores = [*seeds.values(), 0.92]

    assert [recipe.experiments for recipe in group.recipes] == [
        ("jpeg",),
        ("b4",),
        ("long",),
        ("more",),
    ]
    assert found[("b4",)].mean == pytest.approx(mean(scores))
    assert found[("b4",)].std == pytest.approx(stdev(scores))
    assert found[("b4",)].best == 0.95
    assert found[("b4",)].seeds == (0, 1, 2, 3)
    assert found[("b4",)].runs == ("b4/3", "b4/2", "b4/5", "b4/1")
    assert found[("jpeg",)].std is None
    assert found[("jpeg",)].differs == {"augment.jpeg": 0.5}
    assert found[("long",)].differs == {"train.epochs": 30}
    (one,) = compare(store, by_recipe=True, limit=1).groups
    assert one.recipes is not None
    assert len(one.recipes) == 1


@pytest.mark.parametrize("option", [{"columns": "lr"}, {"all_settings": True}, {"sort": "lr"}])
def test_options_that_contradict_are_refused(option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="--group and --"):
        ask(by_recipe=True, **option)  # type: ignore[arg-type]


def test_all_settings_come_after_the_columns_named() -> None:
    columns = ask(columns="val_auc", all_settings=True).columns
    assert columns is not None

    assert columns[:2] == ("val_auc", "data.root")
    assert "evaluate.threshold" in columns


def test_the_two_best_are_tested_on_the_same_images(store: RunStore) -> None:
    """Counted by hand: the first alone is right on two, the second alone on one."""
    add_run(store, accuracies=[0.7], verdicts="1110100111")
    add_run(store, accuracies=[0.9], verdicts="1111110001")
    add_run(store, accuracies=[0.1], verdicts="0000000000")
    (group,) = compare(store).groups
    test = group.test
    assert isinstance(test, PairedTest)

    assert (test.first, test.second) == ("b4/2", "b4/1")
    assert (test.only_first, test.only_second) == (2, 2)
    assert test.p == 1.0
    assert not test.shows_difference


def test_a_clear_difference_is_shown(store: RunStore) -> None:
    """Ten images to none: p = 2 / 2^10."""
    add_run(store, accuracies=[0.9], verdicts="1" * 20)
    add_run(store, accuracies=[0.8], verdicts="1" * 10 + "0" * 10)
    (group,) = compare(store).groups
    assert group.test is not None

    assert group.test.p == pytest.approx(2 / 2**10)
    assert group.test.shows_difference


def test_sorting_does_not_change_what_is_tested(store: RunStore) -> None:
    for accuracy in (0.7, 0.9, 0.8):
        add_run(store, accuracies=[accuracy], verdicts="1111")
    (group,) = compare(store, sort="val_accuracy:asc").groups
    assert group.test is not None

    assert (group.test.first, group.test.second) == ("b4/2", "b4/3")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "the predictions of b4/2 cannot be read"),
        (lambda path: path.write_text("path,truth\n"), "the predictions of b4/2 are damaged"),
        (lambda path: path.write_text(""), "the predictions of b4/2 are damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:45]), "of b4/2 are damaged"),
        (lambda path: write_predictions(path, "111"), "name different images"),
    ],
    ids=["gone", "without a column", "empty", "cut off", "of other images"],
)
def test_without_predictions_it_is_said_why(
    store: RunStore, spoil: Callable[[Path], object], reason: str
) -> None:
    add_run(store, accuracies=[0.9], verdicts="11110000")
    run = add_run(store, accuracies=[0.8], verdicts="11110000")
    spoil(store.home / run.directory / "val-e0001-a1.csv")
    (group,) = compare(store).groups
    assert group.test is not None

    assert group.test.p is None
    assert reason in str(group.test.reason)


@pytest.mark.parametrize("metric", ["accuracy", "auc"])
def test_runs_are_not_paired_where_the_pictures_differ(store: RunStore, metric: str) -> None:
    """Though they have the same names and sizes, and so stand in one table."""
    for content in ("sha256:drawn", "sha256:redrawn"):
        add_run(store, content=content, verdicts="1100")
    (group,) = compare(store, metric=metric).groups

    assert group.test is not None and group.test.p is None
    assert "b4/1 and b4/2 differ" in str(group.test.reason)


def test_aucs_are_tested_where_they_rank(store: RunStore) -> None:
    """By DeLong's test of the stored scores, matched by image; only their order matters."""
    rng = np.random.default_rng(3)
    better, worse = ((rng.normal(0, 1, 60), rng.normal(gap, 1, 50)) for gap in (2.5, 0.7))
    for (real, deepfake), accuracy in ((worse, 0.7), (better, 0.9)):
        run = add_run(store, accuracies=[accuracy])
        write_scores(store.home / run.directory / "val-e0001-a1.csv", real / 9, deepfake / 9)
    (group,) = compare(store, metric="auc").groups
    expected = compare_aucs(
        np.repeat([0, 1], (60, 50)), np.concatenate(better), np.concatenate(worse)
    )
    assert expected.p is not None and expected.p < 0.05

    assert group.test == AucDifference(
        "b4/2", "b4/1", expected.difference, expected.low, expected.high, expected.p
    )
    (usual,) = compare(store).groups
    assert isinstance(usual.test, PairedTest)


def test_aucs_of_one_class_are_not_tested(store: RunStore) -> None:
    for accuracy in (0.7, 0.9):
        add_run(store, accuracies=[accuracy], verdicts="1101")
    (group,) = compare(store, metric="auc").groups

    assert group.test == AucDifference(
        "b4/2", "b4/1", None, None, None, None, "there are images of one class only"
    )


def test_reading_a_few_of_many_runs_takes_few_queries(store: RunStore) -> None:
    """A limit is not paid for with the details of all runs."""
    for _ in range(8):
        add_run(store)
    asked: list[object] = []
    original = store.list_summaries
    store.list_summaries = lambda ids=None: asked.append(ids) or original(ids)  # type: ignore[method-assign,func-returns-value]
    from dfx.services.compare import _build_groups

    _build_groups(store, ask(limit=2))

    assert [len(ids) for ids in asked if isinstance(ids, list)] == [2]
    assert len(asked) == 1
