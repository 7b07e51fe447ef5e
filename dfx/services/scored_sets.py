"""Which evaluations a board shows, and in which order: what the boards by data sets share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from dfx.errors import ConfigError
from dfx.evaluation.intervals import wilson_interval
from dfx.records.boards import SetScores, SetStanding
from dfx.records.leaderboard import Metric
from dfx.services.compare import Question
from dfx.services.known_runs import KnownRuns
from dfx.tracking.store import RunStore


def parse_metric(name: str | None, metrics: Mapping[str, Metric], *, prefix: str = "") -> Metric:
    """The metric of a name; the first where None.

    Args:
        name: As given to `--metric`.
        metrics: Those that a board can show, by name.
        prefix: Of their names, which may be left out.

    Raises:
        ConfigError: Naming those there are.
    """
    if name is None:
        return next(iter(metrics.values()))
    for candidate in (name, f"{prefix}{name}"):
        if candidate in metrics:
            return metrics[candidate]
    raise ConfigError(
        f"--metric: {name!r} is not known of every line here", hint=f"one of {', '.join(metrics)}"
    )


def find_meant(known: KnownRuns, asked: Question) -> set[int] | None:
    """Ids of the runs that are asked for, all where None; all of them are read where need be."""
    if asked.where or asked.order:
        known.read(None)
    return None if asked.where is None else known.select(asked.where)


def keep_newest(standings: Iterable[SetStanding], meant: set[int] | None) -> list[SetStanding]:
    """Of each run the newest evaluation on each set, oldest first.

    Args:
        standings: In the order of their making.
        meant: Ids of the runs to look at; all where None.
    """
    newest = {
        (each.run_id, each.split, each.set_digest): each
        for each in standings
        if meant is None or each.run_id in meant
    }
    return sorted(newest.values(), key=lambda each: each.id)


def rank_standings(members: Iterable[SetStanding], metric: Metric) -> list[SetStanding]:
    """Best first; ties go to the lower loss, then to the earlier run. Undefined ones come last."""
    sign = -1 if metric.higher_is_better else 1

    def order(standing: SetStanding) -> tuple[bool, float, float, int]:
        if standing.score is None:
            return True, 0.0, standing.loss, standing.run_id
        return False, sign * standing.score, standing.loss, standing.run_id

    return sorted(members, key=order)


def read_scores(store: RunStore, evaluation_ids: Collection[int]) -> dict[int, SetScores]:
    """Evaluations by id, each with an interval of its accuracy: Wilson's, where none is stored."""
    found = store.evaluations.read_scores(set(evaluation_ids))
    return {each: _with_interval(scores) for each, scores in found.items()}


def _with_interval(scores: SetScores) -> SetScores:
    total = sum(scores.classes)
    if "accuracy" in scores.intervals or not total:
        return scores
    interval = wilson_interval(scores.confusion.tn + scores.confusion.tp, total)
    return replace(scores, intervals={**scores.intervals, "accuracy": interval})
