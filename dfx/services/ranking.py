"""Ranking runs: by their best epoch, and only against runs on the same validation set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dfx.evaluation.intervals import wilson_interval
from dfx.records import LeaderboardGroup, RunSummary


def group_by_validation_set(runs: Sequence[RunSummary]) -> list[LeaderboardGroup]:
    """Leaderboards, one per validation set, that of the newest run first.

    Within one, runs are ranked by validation accuracy at their best epoch; ties go to the lower
    loss, then to the earlier run. Runs without a finished epoch are listed unranked.
    """
    sets: dict[str | None, list[RunSummary]] = {}
    for run in sorted(runs, key=lambda run: run.id, reverse=True):
        sets.setdefault(run.validation_digest, []).append(_add_interval(run))
    # Runs that never read their data belong nowhere; they come last.
    ordered = sorted(sets.items(), key=lambda item: item[0] is None)
    return [
        LeaderboardGroup(
            validation_digest=digest,
            validation_images=next((r.validation_images for r in members), None),
            ranked=tuple(sorted((r for r in members if r.val_accuracy is not None), key=_rank_key)),
            unranked=tuple(r for r in members if r.val_accuracy is None),
        )
        for digest, members in ordered
    ]


def _rank_key(run: RunSummary) -> tuple[float, float, int]:
    return (-(run.val_accuracy or 0.0), run.val_loss or 0.0, run.id)


def _add_interval(run: RunSummary) -> RunSummary:
    if run.val_accuracy is None or not run.validation_images:
        return run
    right = round(run.val_accuracy * run.validation_images)
    low, high = wilson_interval(right, run.validation_images)
    return replace(run, val_accuracy_low=low, val_accuracy_high=high)
