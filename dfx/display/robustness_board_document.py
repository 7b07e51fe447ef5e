"""The robustness board for programs: a line for each run and condition, and the JSON document."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dfx.display.held_out_document import RUN_COLUMNS, describe_run
from dfx.records.leaderboard import Metric
from dfx.records.robustness import ConditionResult
from dfx.records.robustness_board import RobustBoard, RobustRun, RobustSet

_SET = ("split", "dataset", "dataset_digest", "content_digest", "version")
_JUDGED = ("threshold", "temperature", "is_in_sample", "seen")
_CONDITION = (
    *("name", "family", "level", "title", "accuracy", "accuracy_low", "accuracy_high"),
    *("tpr", "fpr", "auc", "auc_low", "auc_high", "tn", "fp", "fn", "tp", "failed"),
)


def robustness_board_columns(_board: RobustBoard) -> list[str]:
    """The columns of CSV and Markdown."""
    return ["rank", *RUN_COLUMNS, *_SET, *_JUDGED, *_CONDITION]


def robustness_board_rows(board: RobustBoard) -> list[dict[str, Any]]:
    """Every run under every condition, flat, in the order shown."""
    return [
        {
            "rank": run.rank,
            **describe_run(run.summary),
            **_describe_set(each),
            **_describe_judgement(run),
            **_describe(result),
        }
        for each in board.sets
        for run in each.runs
        for result in run.results
    ]


def robustness_board_document(board: RobustBoard) -> dict[str, Any]:
    """`{"metric", "runs": [{rank, run, …, clean, lowest, worst, conditions}], "sets", "others"}`.

    `version` is that of the suite; `threshold` and `temperature` are those that every condition was
    judged by, `is_in_sample` says whether they were fitted on these very images, and `seen` how
    many of these the run has trained or validated on. `clean` and `worst` are conditions, each with
    its name, family, level, title and all that was found under it; `lowest` has the name, level and
    value of the worst condition of each family; `conditions` has all. Where no run was tested,
    `{"runs": []}` is all there is.
    """
    if not board.sets:
        return {"runs": []}
    return {
        "metric": board.metric.name,
        "runs": [_line(run, each, board.metric) for each in board.sets for run in each.runs],
        "sets": [
            {
                **_describe_set(each),
                "real": each.classes[0],
                "deepfake": each.classes[1],
                "omitted": each.omitted,
            }
            for each in board.sets
        ],
        "others": board.others,
    }


def _line(run: RobustRun, shown: RobustSet, metric: Metric) -> dict[str, Any]:
    return {
        "rank": run.rank,
        **describe_run(run.summary),
        **_describe_set(shown),
        **_describe_judgement(run),
        "clean": run.clean and _describe(run.clean),
        "lowest": {
            family: result
            and {
                "name": result.name,
                "level": result.level,
                "value": getattr(result, metric.name),
            }
            for family, result in run.lowest.items()
        },
        "worst": run.worst and _describe(run.worst),
        "conditions": [_describe(result) for result in run.results],
        "created_at": run.scores.created_at,
        "folder": run.scores.folder,
    }


def _describe_set(shown: RobustSet) -> dict[str, Any]:
    return {name: getattr(shown, name) for name in _SET}


def _describe_judgement(run: RobustRun) -> dict[str, Any]:
    values = (run.threshold, run.temperature, run.scores.is_in_sample, run.scores.seen)
    return dict(zip(_JUDGED, values, strict=True))


def _describe(result: ConditionResult) -> dict[str, Any]:
    values = {**asdict(result), **asdict(result.confusion)}
    return {name: values[name] for name in _CONDITION}
