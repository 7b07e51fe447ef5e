"""Ranking: best epochs, ties, and validation sets kept apart."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime

import pytest

from dfx.records import RunSummary, Standing, Status
from dfx.records.leaderboard import ACCURACY, METRICS
from dfx.services.ranking import add_interval, rank_by_validation_set
from dfx.tracking import summaries


def standing(run_id: int, score: float | None = 0.9, loss: float | None = 0.3) -> Standing:
    return Standing(run_id, "sha256:a", score, loss)


def ids(standings: list[Standing]) -> list[int]:
    return [each.id for each in standings]


def test_higher_accuracy_ranks_first_then_lower_loss_then_the_earlier_run() -> None:
    runs = [standing(1, 0.8), standing(2, loss=0.2), standing(3), standing(4), standing(5, 0.95)]

    assert ids(rank_by_validation_set(runs, ACCURACY)["sha256:a"]) == [5, 2, 3, 4, 1]


def test_lower_loss_ranks_first() -> None:
    runs = [standing(1, 0.4, 0.4), standing(2, 0.2, 0.2), standing(3, None, None)]

    assert ids(rank_by_validation_set(runs, METRICS["val_loss"])["sha256:a"]) == [2, 1, 3]


def test_different_validation_sets_are_never_ranked_together() -> None:
    """The set of the newest run comes first."""
    runs = [standing(1), standing(2)._replace(validation_digest="sha256:b"), standing(3, 0.5)]
    sets = rank_by_validation_set(runs, ACCURACY)

    assert {digest: ids(members) for digest, members in sets.items()} == {
        "sha256:a": [1, 3],
        "sha256:b": [2],
    }
    assert list(sets) == ["sha256:a", "sha256:b"]


def test_runs_without_an_epoch_come_last() -> None:
    """The newest of them first; those that read no data in a set of their own, the last."""
    none = Standing(3, None, None, None)
    runs = [standing(1), standing(2, None, None), none, standing(4, None, None)]
    sets = rank_by_validation_set(runs, ACCURACY)

    assert {digest: ids(members) for digest, members in sets.items()} == {
        "sha256:a": [1, 4, 2],
        None: [3],
    }
    assert list(sets) == ["sha256:a", None]


def test_every_metric_is_a_value_of_a_run_that_the_store_can_rank() -> None:
    assert set(METRICS) == set(summaries.METRICS)
    assert set(METRICS) <= {field.name for field in fields(RunSummary)}


def summary(accuracy: float | None, images: int | None) -> RunSummary:
    return RunSummary(
        run="b4/1",
        id=1,
        experiment="b4",
        number=1,
        uuid="00000001-0000-4000-8000-000000000000",
        status=Status.COMPLETED,
        epochs=3,
        best_epoch=2,
        val_accuracy=accuracy,
        val_accuracy_low=None,
        val_accuracy_high=None,
        val_loss=0.3,
        val_auc=0.95,
        val_f1=0.9,
        seconds=10.0,
        validation_digest="sha256:a",
        validation_images=images,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_interval_is_wilsons() -> None:
    """90 of 100: 0.8256 to 0.9448 (Agresti & Coull 1998 use the same interval)."""
    run = add_interval(summary(0.9, 100))

    assert run.val_accuracy_low == pytest.approx(0.8256, abs=5e-5)
    assert run.val_accuracy_high == pytest.approx(0.9448, abs=5e-5)


def test_no_interval_without_accuracy_or_count() -> None:
    for run in (summary(None, 100), summary(0.9, None)):
        assert add_interval(run) == run
