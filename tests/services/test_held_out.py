"""The leaderboard by test images, of a real store with real predictions."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from evaluation_samples import add_scored, draw_scores, evaluate, predictions_of
from leaderboard_samples import add_run, write_scores

from dfx.evaluation.delong import compare_aucs
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.paired import mcnemar_p
from dfx.records.boards import HeldOutBoard, HeldOutSet, Unscored
from dfx.records.evaluation import METRIC_NAMES
from dfx.services.boards import ask_board
from dfx.services.held_out import compare_held_out
from dfx.tracking.store import RunStore

LOWER_IS_BETTER = {"eer", "loss", "brier_score", "ece"}


def compare(store: RunStore, **words: object) -> HeldOutBoard:
    return compare_held_out(store.home, ask_board("test", **words))  # type: ignore[arg-type]


def names(shown: HeldOutSet) -> list[str]:
    return [run.summary.run for run in shown.runs]


def test_no_home_has_no_tables(tmp_path: Path) -> None:
    board = compare_held_out(tmp_path / "nothing", ask_board("test"))

    assert (board.sets, board.waiting) == ((), None)


def test_runs_nobody_has_scored_are_no_table(store: RunStore) -> None:
    run = add_run(store)
    evaluate(store, run, draw_scores(1), split="val", digest="sha256:val")
    board = compare(store)

    assert (board.sets, board.waiting) == ((), "b4/1")


def test_order_is_that_of_a_plain_scan(store: RunStore) -> None:
    """Over all runs, with their newest evaluations; undefined ones last and without a rank."""
    rng = random.Random(7)
    found: dict[str, dict[str, float | None]] = {}
    for _ in range(12):
        run = add_run(store)
        for _ in range(rng.randint(1, 2)):
            values = {name: rng.choice([None, 0.25, 0.5, 0.75]) for name in METRIC_NAMES}
            values |= {name: rng.choice([0.25, 0.5, 0.75]) for name in ("accuracy", "loss")}
            evaluate(store, run, draw_scores(1, images=4), values=values)
        found[run.name] = values

    for number, metric in enumerate(METRIC_NAMES):
        sign = 1 if metric in LOWER_IS_BETTER else -1

        def key(name: str, metric: str = metric, sign: int = sign) -> tuple[float, ...]:
            value, loss = found[name][metric], found[name]["loss"]
            assert loss is not None
            return (value is None, sign * (value or 0.0), loss, int(name.split("/")[1]))

        scan = sorted(found, key=key)
        defined = sum(found[name][metric] is not None for name in scan)
        ranks = [*range(1, defined + 1), *[None] * (12 - defined)]
        # The prefix may be left out.
        (shown,) = compare(store, metric=metric if number % 2 else f"test_{metric}").sets

        assert names(shown) == scan
        assert [run.rank for run in shown.runs] == ranks


def test_test_sets_are_never_ranked_together(store: RunStore) -> None:
    """Not even where they are called the same; the set that was scored last comes first."""
    weak = add_scored(store, 1, skill=0.2, digest="sha256:a")
    strong = add_scored(store, 2, skill=2.0, digest="sha256:b")
    evaluate(store, weak, draw_scores(3, skill=0.1), digest="sha256:b")
    evaluate(store, strong, draw_scores(3), split="val", digest="sha256:c")
    sets = compare(store).sets

    assert [each.dataset_digest for each in sets] == ["sha256:b", "sha256:a"]
    assert [each.dataset for each in sets] == ["faces", "faces"]
    assert [names(each) for each in sets] == [["b4/2", "b4/1"], ["b4/1"]]
    assert [run.rank for each in sets for run in each.runs] == [1, 2, 1]


def test_a_line_says_what_the_newest_evaluation_found(store: RunStore) -> None:
    run = add_scored(store, 1)
    second = evaluate(store, run, draw_scores(2, skill=0.5), threshold=0.43, seen=3)
    ((line,),) = (each.runs for each in compare(store).sets)
    scores = line.scores

    assert scores.values["accuracy"] == second.accuracy
    assert (scores.threshold, scores.confusion) == (0.43, second.confusion)
    assert scores.accuracy_at_half not in (None, second.accuracy)
    assert (scores.test_uses, scores.seen, scores.is_own) == (2, 3, True)
    assert scores.folder == "b4/1/evaluations/0002-test-e0001"
    assert line.summary.val_accuracy == 0.9


def test_an_accuracy_without_a_stored_interval_has_wilsons(store: RunStore) -> None:
    found = evaluate(store, add_run(store), draw_scores(1), with_detail=False)
    ((line,),) = (each.runs for each in compare(store).sets)
    right = found.confusion.tn + found.confusion.tp

    assert line.scores.intervals == {"accuracy": wilson_interval(right, 80)}


def test_the_two_best_are_tested_by_verdicts_and_by_order(store: RunStore) -> None:
    """Matched by image, from the files; each threshold decides its own verdicts."""
    best, other = draw_scores(1), draw_scores(2, skill=0.4)
    for scores, threshold in ((other, 0.5), (best, 0.4), (draw_scores(3, skill=0.1), 0.5)):
        evaluate(store, add_run(store), scores, threshold=threshold)
    (shown,) = compare(store).sets
    labels = np.repeat([0, 1], 40)
    first, second = (np.concatenate(each) for each in (best, other))
    ours, theirs = ((first >= 0.4) == labels), ((second >= 0.5) == labels)
    expected = compare_aucs(labels, first, second)
    assert shown.verdicts is not None and shown.rankings is not None
    only = (int((ours & ~theirs).sum()), int((theirs & ~ours).sum()))

    assert (shown.verdicts.first, shown.verdicts.second) == ("b4/2", "b4/1")
    assert (shown.verdicts.only_first, shown.verdicts.only_second) == only
    assert shown.verdicts.p == mcnemar_p(*only)
    assert shown.rankings.difference == expected.difference
    assert (shown.rankings.low, shown.rankings.p) == (expected.low, expected.p)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.unlink(), "the predictions of b4/2 cannot be read"),
        (lambda path: path.write_text("path,truth\n"), "the predictions of b4/2 are damaged"),
        (lambda path: write_scores(path, [0.1], [0.9]), "name different images"),
        (
            lambda path: path.write_text(
                path.read_text().replace("0.jpg,real", "0.jpg,deepfake", 1)
            ),
            "have some images in different classes",
        ),
    ],
    ids=["gone", "without a column", "of other images", "of other classes"],
)
def test_without_predictions_it_is_said_why(
    store: RunStore, spoil: Callable[[Path], object], reason: str
) -> None:
    add_scored(store, 1)
    found = evaluate(store, add_run(store), draw_scores(2, skill=0.4))
    spoil(predictions_of(store.home, found))
    (shown,) = compare(store).sets
    assert shown.verdicts is not None and shown.rankings is not None

    assert shown.verdicts.p is None and shown.rankings.p is None
    assert reason in str(shown.verdicts.reason)
    assert shown.verdicts.reason == shown.rankings.reason


def test_a_probability_that_is_none_spoils_the_test_of_aucs_alone(store: RunStore) -> None:
    add_scored(store, 1)
    found = evaluate(store, add_run(store), draw_scores(2, skill=0.4))
    path = predictions_of(store.home, found)
    head, first, *others = path.read_text().splitlines()
    name, truth, _, label = first.split(",")
    path.write_text("\n".join([head, f"{name},{truth},nan,{label}", *others]) + "\n")
    (shown,) = compare(store).sets
    assert shown.verdicts is not None and shown.rankings is not None

    assert shown.verdicts.p is not None
    assert "damaged" in str(shown.rankings.reason)


def test_runs_that_were_not_scored_are_named_with_what_it_takes(store: RunStore) -> None:
    """Those with the same validation images have the same data; of others it must be named."""
    add_scored(store, 1)
    add_run(store, "same")
    add_run(store, "other", digest="sha256:elsewhere")
    add_run(store, "none", accuracies=[])
    (own,) = compare(store).sets
    root = str(store.home.parent / "faces")

    assert own.unscored == (Unscored(("same/1",), None), Unscored(("other/1",), root))
    evaluate(store, store.get_run(1), draw_scores(2), digest="sha256:cross", is_own=False)
    cross, _ = compare(store).sets
    assert cross.unscored == (Unscored(("other/1", "same/1"), root),)


def test_where_sort_and_limit_work_as_on_the_leaderboard(store: RunStore) -> None:
    skills = {0.2: 3e-4, 1.0: 1e-3, 0.6: 1e-4}
    for number, (skill, lr) in enumerate(skills.items()):
        run = add_run(store, accuracies=[0.9], settings={"optim.lr": lr, "train.seed": number})
        evaluate(store, run, draw_scores(1, skill=skill))
    (ranked,) = compare(store, limit=2).sets
    (sorted_,) = compare(store, sort="lr").sets
    found = compare(store, where="optim.lr > 2e-4")

    assert (names(ranked), ranked.omitted) == (["b4/2", "b4/3"], 1)
    assert names(sorted_) == ["b4/3", "b4/1", "b4/2"]
    assert [run.rank for run in sorted_.runs] == [2, 3, 1]
    assert sorted_.verdicts is not None and sorted_.verdicts.first == "b4/2"
    assert [names(each) for each in found.sets] == [["b4/2", "b4/1"]]
    assert found.is_filtered and found.sets[0].unscored == ()
    assert ranked.common == {"optim.lr": 1e-4, "train.seed": 1}
    assert compare(store, where="id > 99").sets == ()


def test_images_of_the_same_names_and_sizes_are_not_the_same(store: RunStore) -> None:
    """Their contents tell them apart, and no test pairs what is of different pictures."""
    for content in (None, "sha256:redrawn"):
        evaluate(store, add_run(store), draw_scores(1), content=content)
    redrawn, first = compare(store).sets

    assert (redrawn.dataset_digest, redrawn.content_digest, names(redrawn)) == (
        "sha256:test",
        "sha256:redrawn",
        ["b4/2"],
    )
    assert (first.dataset_digest, names(first)) == ("sha256:test", ["b4/1"])
    assert (redrawn.verdicts, first.rankings) == (None, None)
