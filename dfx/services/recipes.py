"""Which settings differ between runs, and what runs of one recipe have in common."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean, stdev
from typing import Any

from dfx.config import KINDS, ExperimentConfig
from dfx.records import RunSummary
from dfx.records.leaderboard import Metric, RecipeGroup

Settings = Mapping[str, Any]
Member = tuple[RunSummary, Settings]

_SEED = "train.seed"


def find_common(settings: Sequence[Settings]) -> dict[str, Any]:
    """The commonest value of each setting that differs, in the configuration's order.

    Only what decides the result is looked at, recipe and plan; where values are as common as each
    other, the default counts, else the first. A setting that an older run does not know is not
    known to differ.
    """
    defaults = ExperimentConfig().flat()
    common = {}
    for key, default in defaults.items():
        if KINDS[key] == "machine":
            continue
        values = Counter(repr(each[key]) for each in settings if key in each)
        if len(values) < 2:
            continue
        most = max(values.values())
        first = {repr(each[key]): each[key] for each in reversed(settings) if key in each}
        tied = [value for value, count in values.items() if count == most]
        common[key] = first[repr(default) if repr(default) in tied else tied[0]]
    return common


def find_differing(settings: Settings, common: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run that are not the commonest."""
    return {
        key: settings[key]
        for key, value in common.items()
        if key in settings and repr(settings[key]) != repr(value)
    }


def group_by_recipe(
    members: Sequence[Member], metric: Metric
) -> tuple[dict[str, Any], list[RecipeGroup]]:
    """Runs of one recipe, plan and training set apart from the seed, ranked by the metric's mean.

    Args:
        members: Completed runs on one validation set.
        metric: What they are ranked by.

    Returns:
        The commonest value of each setting that differs between the recipes, and the recipes.
    """
    recipes: dict[tuple[str, ...], list[Member]] = {}
    for summary, settings in members:
        decisive = [
            f"{key}={settings.get(key)!r}"
            for key, kind in KINDS.items()
            if kind != "machine" and key != _SEED
        ]
        recipes.setdefault((str(summary.train_digest), *decisive), []).append((summary, settings))
    common = find_common([_without_seed(group[0][1]) for group in recipes.values()])
    sign = -1 if metric.higher_is_better else 1
    found = [_describe(group, metric, sign, common) for group in recipes.values()]
    found.sort(key=lambda group: (sign * group.mean, group.runs))
    return common, [replace(group, rank=rank) for rank, group in enumerate(found, 1)]


def _describe(
    group: list[Member], metric: Metric, sign: int, common: Mapping[str, Any]
) -> RecipeGroup:
    def score(member: Member) -> float:
        value: float = getattr(member[0], metric.name)
        return value

    ordered = sorted(group, key=lambda member: (sign * score(member), member[0].id))
    scores = [score(member) for member in ordered]
    settings = _without_seed(ordered[0][1])
    return RecipeGroup(
        rank=0,
        experiments=tuple(sorted({summary.experiment for summary, _ in ordered})),
        runs=tuple(summary.run for summary, _ in ordered),
        seeds=tuple(sorted(settings[_SEED] for _, settings in ordered)),
        mean=mean(scores),
        std=stdev(scores) if len(scores) > 1 else None,
        best=scores[0],
        settings=settings,
        differs=find_differing(settings, common),
    )


def _without_seed(settings: Settings) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != _SEED}
