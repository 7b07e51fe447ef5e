"""Ranking: best epochs, ties, and validation sets kept apart."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dfx.records import RunSummary, Status
from dfx.services.ranking import group_by_validation_set


def summary(number: int, **changes: Any) -> RunSummary:
    """A completed run of 100 validation images with accuracy 0.9."""
    values: dict[str, Any] = {
        "run": f"b4/{number}",
        "id": number,
        "experiment": "b4",
        "number": number,
        "uuid": f"{number:08d}-0000-4000-8000-000000000000",
        "status": Status.COMPLETED,
        "epochs": 3,
        "best_epoch": 2,
        "val_accuracy": 0.9,
        "val_accuracy_low": None,
        "val_accuracy_high": None,
        "val_loss": 0.3,
        "val_auc": 0.95,
        "val_f1": 0.9,
        "seconds": 10.0,
        "validation_digest": "sha256:a",
        "validation_images": 100,
        "created_at": datetime(2026, 1, 1, tzinfo=UTC),
    }
    return RunSummary(**{**values, **changes})


def names(runs: tuple[RunSummary, ...]) -> list[str]:
    return [run.run for run in runs]


def test_higher_accuracy_ranks_first_then_lower_loss_then_the_earlier_run() -> None:
    runs = [
        summary(1, val_accuracy=0.8),
        summary(2, val_loss=0.2),
        summary(3),
        summary(4),
        summary(5, val_accuracy=0.95),
    ]
    (group,) = group_by_validation_set(runs)

    assert names(group.ranked) == ["b4/5", "b4/2", "b4/3", "b4/4", "b4/1"]


def test_different_validation_sets_are_never_ranked_together() -> None:
    """The set of the newest run comes first."""
    runs = [summary(1), summary(2, validation_digest="sha256:b"), summary(3, val_accuracy=0.5)]
    first, second = group_by_validation_set(runs)

    assert (first.validation_digest, names(first.ranked)) == ("sha256:a", ["b4/1", "b4/3"])
    assert (second.validation_digest, names(second.ranked)) == ("sha256:b", ["b4/2"])


def test_runs_without_an_epoch_are_listed_unranked() -> None:
    """And those that never read their data in a group of their own, the last."""
    none = {"val_accuracy": None, "val_loss": None, "best_epoch": None}
    runs = [summary(1), summary(2, **none), summary(3, validation_digest=None, **none)]
    first, second = group_by_validation_set(runs)

    assert (names(first.ranked), names(first.unranked)) == (["b4/1"], ["b4/2"])
    assert (second.validation_digest, names(second.unranked)) == (None, ["b4/3"])


def test_interval_is_wilsons() -> None:
    """90 of 100: 0.8256 to 0.9448 (Agresti & Coull 1998 use the same interval)."""
    (group,) = group_by_validation_set([summary(1)])
    (run,) = group.ranked

    assert run.val_accuracy_low == pytest.approx(0.8256, abs=5e-5)
    assert run.val_accuracy_high == pytest.approx(0.9448, abs=5e-5)
