"""The leaderboard by test images for programs: rows of CSV and Markdown, and the JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from dfx.display.figures import ABSENT, format_score
from dfx.display.leaderboard_document import format_column
from dfx.display.significance import significance_document
from dfx.records import RunSummary
from dfx.records.boards import (
    TEST_COLUMNS,
    TEST_METRICS,
    HeldOutBoard,
    HeldOutSet,
    ScoredRun,
    SetScores,
)
from dfx.records.evaluation import METRIC_NAMES
from dfx.records.leaderboard import RankedRun

RUN_COLUMNS = ("run", "id", "experiment", "number", "uuid", "status", "epochs", "best_epoch")
"""Who it is that was scored."""

SCORE_COLUMNS = (
    *("split", "dataset", "dataset_digest", "content_digest"),
    *("real", "deepfake", "threshold"),
    *(column for name in METRIC_NAMES for column in (name, f"{name}_low", f"{name}_high")),
    *("tn", "fp", "fn", "tp"),
)
"""What an evaluation found; ends of a 95 % interval are None where there is none."""

_DIGESTS = ("dataset_digest", "content_digest")
"""What tells a set from others: of names and sizes, and of names and contents."""

ABOUT_COLUMNS = (
    "accuracy_at_half",
    "is_own",
    "seen",
    "test_uses",
    "created_at",
    "folder",
    "predictions",
)
"""What else is known of an evaluation."""

_LINE = ("rank", *RUN_COLUMNS, *SCORE_COLUMNS, "val_accuracy", *ABOUT_COLUMNS)


def describe_run(summary: RunSummary) -> dict[str, Any]:
    """Who it is that was scored, flat."""
    return {name: getattr(summary, name) for name in RUN_COLUMNS}


def describe_scores(scores: SetScores) -> dict[str, Any]:
    """An evaluation flat: `SCORE_COLUMNS`, then `ABOUT_COLUMNS`."""
    real, deepfake = scores.classes
    measured: dict[str, Any] = {}
    for name in METRIC_NAMES:
        low, high = scores.intervals.get(name, (None, None))
        measured |= {name: scores.values[name], f"{name}_low": low, f"{name}_high": high}
    return {
        "split": scores.split,
        "dataset": scores.dataset,
        "dataset_digest": scores.dataset_digest,
        "content_digest": scores.content_digest,
        "real": real,
        "deepfake": deepfake,
        "threshold": scores.threshold,
        **measured,
        **asdict(scores.confusion),
        **{name: getattr(scores, name) for name in ABOUT_COLUMNS},
    }


def held_out_columns(board: HeldOutBoard) -> list[str]:
    """The columns of CSV and Markdown.

    Those asked for after rank and run; else all values of a line and the settings that differ.
    """
    if board.columns is not None:
        return list(dict.fromkeys(("rank", "run", *_DIGESTS, *board.columns)))
    settings = dict.fromkeys(key for each in board.sets for key in each.common)
    return [*_LINE, *settings]


def held_out_rows(board: HeldOutBoard) -> list[dict[str, Any]]:
    """Every line flat, in the order shown: test set by test set."""
    names = held_out_columns(board)
    values = (_values(run, board) for each in board.sets for run in each.runs)
    return [{name: _as_word(line.get(name)) for name in names} for line in values]


def held_out_document(board: HeldOutBoard) -> dict[str, Any]:
    """`{"metric", "runs": [{rank, run, id, …, differs}], "tests": […], "sets": […]}`.

    A run has `_LINE`, and in `differs` its values of the settings that differ between the runs
    shown with it; where columns were asked for, it has rank, run, the set's digests and these. A
    test is as in `dfx.display.significance`, with the digests of its set. A set has its name, its
    digests, its images by class, how many runs a limit left out, and the runs not scored on it.
    Where no run was scored, `{"runs": []}` is all there is.
    """
    if not board.sets:
        return {"runs": []}
    return {
        "metric": board.metric.name,
        "runs": [_line(run, each, board) for each in board.sets for run in each.runs],
        "tests": [
            {**_describe_digests(each), **significance_document(test)}
            for each in board.sets
            for test in (each.verdicts, each.rankings)
            if test is not None
        ],
        "sets": [_describe_set(each) for each in board.sets],
    }


def format_held_out(name: str, run: ScoredRun) -> str:
    """A value of a line for a person, by the name of its column."""
    if name in TEST_METRICS:
        return format_score(run.scores.values[name.removeprefix("test_")])
    if name in TEST_COLUMNS:
        value = getattr(run.scores, name)
        return ABSENT if value is None else f"{value:.4g}"
    return format_column(name, RankedRun(run.rank, run.summary, run.settings, run.differs))


def _line(run: ScoredRun, shown: HeldOutSet, board: HeldOutBoard) -> dict[str, Any]:
    values = _values(run, board)
    if board.columns is not None:
        return {name: values.get(name) for name in held_out_columns(board)}
    # All values of what differs: a program need not know which is the commonest.
    differs = {key: run.settings.get(key) for key in shown.common if key in run.settings}
    return {**{name: values[name] for name in _LINE}, "differs": differs}


def _values(run: ScoredRun, board: HeldOutBoard) -> Mapping[str, Any]:
    scores = describe_scores(run.scores)
    if board.columns is None:
        return {
            "rank": run.rank,
            **describe_run(run.summary),
            **scores,
            "val_accuracy": run.summary.val_accuracy,
            **run.settings,
        }
    # Beside all that a run can be asked for, a metric needs the name that tells it from those.
    tested = {f"test_{name}": scores[name] for name in METRIC_NAMES}
    others = {name: scores[name] for name in (*_DIGESTS, *set(TEST_COLUMNS) - set(tested))}
    return {"rank": run.rank, **asdict(run.summary), **run.settings, **tested, **others}


def _describe_set(shown: HeldOutSet) -> dict[str, Any]:
    real, deepfake = shown.classes
    return {
        "dataset": shown.dataset,
        **_describe_digests(shown),
        "real": real,
        "deepfake": deepfake,
        "omitted": shown.omitted,
        "unscored": [run for each in shown.unscored for run in each.runs],
    }


def _describe_digests(shown: HeldOutSet) -> dict[str, str | None]:
    return {name: getattr(shown, name) for name in _DIGESTS}


def _as_word(value: Any) -> Any:
    """Lists as words with spaces between, for a cell."""
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else value
