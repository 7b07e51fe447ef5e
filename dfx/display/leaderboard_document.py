"""The leaderboard for programs: rows of CSV and Markdown, and the JSON document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from dfx.display.figures import (
    ABSENT,
    format_digest,
    format_duration,
    format_score,
    format_time,
)
from dfx.display.settings import format_value
from dfx.display.significance import significance_document
from dfx.records import RunSummary
from dfx.records.leaderboard import METRICS, Leaderboard, LeaderboardGroup, RankedRun, RecipeGroup

SUMMARY_COLUMNS = tuple(field.name for field in fields(RunSummary))
"""The values of a run that are not settings."""

RECIPE_COLUMNS = tuple(
    field.name for field in fields(RecipeGroup) if field.name not in ("settings", "differs")
)


def leaderboard_columns(leaderboard: Leaderboard) -> list[str]:
    """The columns of CSV and Markdown.

    Those asked for after rank and run; else all values of a run and the settings that differ.
    """
    settings = list(dict.fromkeys(key for group in leaderboard.groups for key in group.common))
    if any(group.recipes is not None for group in leaderboard.groups):
        return [*RECIPE_COLUMNS, "validation_digest", *settings]
    if leaderboard.columns is not None:
        return list(dict.fromkeys(("rank", "run", *leaderboard.columns)))
    return ["rank", *SUMMARY_COLUMNS, *settings]


def leaderboard_rows(leaderboard: Leaderboard) -> list[dict[str, Any]]:
    """Every run or recipe flat, in the order shown: group by group, ranked before unranked."""
    names = leaderboard_columns(leaderboard)
    rows = []
    for group in leaderboard.groups:
        for line in group.runs if group.recipes is None else group.recipes:
            values = _values(line, group)
            rows.append({name: _as_word(values.get(name)) for name in names})
    return rows


def leaderboard_document(leaderboard: Leaderboard) -> dict[str, Any]:
    """`{"metric", "runs": [{rank, run, id, …, differs}], "sets": [{validation_digest, …, test}]}`.

    A run has every value of `RunSummary`, and in `differs` its values of the settings that differ
    between the runs shown with it; where columns were asked for, it has rank, run and these.
    A set has its digest, its images by class, how many runs a limit left out, and the test of the
    two best as in `dfx.display.significance`: McNemar's, or DeLong's where the AUC ranks; null
    where there are not two. Where recipes were asked for, `recipes` has them in place of `runs`.
    Where there is no run at all, `{"runs": []}` is all there is.
    """
    if not leaderboard.groups:
        return {"runs": []}
    lines = [
        _line(line, group, leaderboard.columns)
        for group in leaderboard.groups
        for line in (group.runs if group.recipes is None else group.recipes)
    ]
    grouped = any(group.recipes is not None for group in leaderboard.groups)
    return {
        "metric": leaderboard.metric.name,
        "recipes" if grouped else "runs": lines,
        "sets": [_set(group) for group in leaderboard.groups],
    }


def format_column(name: str, run: RankedRun) -> str:
    """A value of a run for a person, by the name of its column."""
    if name not in SUMMARY_COLUMNS:
        return format_value(run.settings.get(name))
    value = getattr(run.summary, name)
    return ABSENT if value is None else _FORMATS.get(name, str)(value)


_FORMATS: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys((*METRICS, "val_accuracy_low", "val_accuracy_high"), format_score),
    "seconds": format_duration,
    "created_at": format_time,
    "tags": " ".join,
    **{name: partial(format_digest, length=12) for name in SUMMARY_COLUMNS if "digest" in name},
}


def _line(
    line: RankedRun | RecipeGroup, group: LeaderboardGroup, columns: tuple[str, ...] | None
) -> dict[str, Any]:
    values = _values(line, group)
    if isinstance(line, RankedRun) and columns is not None:
        return {name: values.get(name) for name in ("rank", "run", *columns)}
    known = ("rank", *SUMMARY_COLUMNS)
    if isinstance(line, RecipeGroup):
        known = (*RECIPE_COLUMNS, "validation_digest")
    # All values of what differs: a program need not know which is the commonest.
    differs = {key: line.settings.get(key) for key in group.common if key in line.settings}
    return {**{name: values[name] for name in known}, "differs": differs}


def _values(line: RankedRun | RecipeGroup, group: LeaderboardGroup) -> dict[str, Any]:
    if isinstance(line, RankedRun):
        return {"rank": line.rank, **asdict(line.summary), **line.settings}
    values = {name: getattr(line, name) for name in RECIPE_COLUMNS}
    return {**values, "validation_digest": group.validation_digest, **line.settings}


def _as_word(value: Any) -> Any:
    """Lists as words with spaces between, for a cell."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _set(group: LeaderboardGroup) -> dict[str, Any]:
    real, deepfake = group.classes or (None, None)
    return {
        "validation_digest": group.validation_digest,
        "images": group.validation_images,
        "real": real,
        "deepfake": deepfake,
        "omitted": group.omitted,
        "test": None if group.test is None else significance_document(group.test),
    }
