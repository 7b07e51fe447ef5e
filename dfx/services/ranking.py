"""Ranking runs: by their best epoch, and only against runs on the same validation set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter

from dfx.evaluation.intervals import wilson_interval
from dfx.records import RunSummary, Standing
from dfx.records.leaderboard import Metric


def rank_by_validation_set(
    standings: Sequence[Standing], metric: Metric
) -> dict[str | None, list[Standing]]:
    """Runs by the digest of their validation set, the set of the newest run first.

    Within one, they are ranked by the metric at their best epoch; ties go to the lower validation
    loss, then to the earlier run. Runs without a finished epoch come last, the newest first. Runs
    that never read their data, and so belong nowhere, are the last of the sets.
    """
    sets: dict[str | None, list[Standing]] = {}
    for standing in sorted(standings, key=attrgetter("id"), reverse=True):
        sets.setdefault(standing.validation_digest, []).append(standing)
    sign = -1 if metric.higher_is_better else 1

    def order(standing: Standing) -> tuple[bool, float, float, int]:
        if standing.score is None:
            return True, 0.0, 0.0, -standing.id
        return False, sign * standing.score, standing.loss or 0.0, standing.id

    for members in sets.values():
        members.sort(key=order)
    return dict(sorted(sets.items(), key=lambda item: item[0] is None))


def add_interval(run: RunSummary) -> RunSummary:
    """The run with Wilson's 95 % interval of its validation accuracy, where it has one."""
    if run.val_accuracy is None or not run.validation_images:
        return run
    right = round(run.val_accuracy * run.validation_images)
    low, high = wilson_interval(right, run.validation_images)
    return replace(run, val_accuracy_low=low, val_accuracy_high=high)
