"""What a *last* checkpoint says of its run, beside the state: enough to make its rows anew.

Plain values only, as `torch.load` takes them without executing anything. Checkpoints that an
earlier dfx has written say less: they have no `attempts`, `evaluations`, `test_uses` and
`written_at`, and of the `run` no more than its names and when it was made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from dfx.config import CONFIG_VERSION, ExperimentConfig, dump_config
from dfx.records import (
    Confusion,
    EpochRecord,
    Evaluation,
    ProcessIdentity,
    RunDetail,
    SplitSummary,
    Status,
)
from dfx.records.condition import FoundAttempt
from dfx.records.evaluation import TestUse


def testify(
    detail: RunDetail,
    config: ExperimentConfig,
    *,
    finished: EpochRecord | None,
    scored: Evaluation | None,
) -> dict[str, Any]:
    """The record of a run in plain values.

    Args:
        detail: As it is recorded.
        config: As the attempt works by it.
        finished: An epoch that is about to be recorded.
        scored: Its evaluation, where there is one.
    """
    run = detail.run
    about = {
        "run": {
            "uuid": run.uuid,
            "experiment": run.experiment,
            "number": run.number,
            "created_at": run.created_at,
            "recipe_digest": run.recipe_digest,
            "config": dump_config(run.config),
            "config_version": CONFIG_VERSION,
            "tags": run.tags,
            "note": run.note,
        },
        "config": dump_config(config),
        "config_version": CONFIG_VERSION,
        "data": [asdict(summary) for summary in run.data],
        "weights": run.weights,
        "epochs": [asdict(epoch) for epoch in (*detail.epochs, *([finished] if finished else []))],
        "evaluations": [
            asdict(replace(each, detail=None))  # it is in the evaluation's own folder
            for each in (*detail.evaluations, *([scored] if scored else []))
        ],
        "test_uses": [asdict(use) for use in detail.test_uses],
        "attempts": [asdict(attempt) for attempt in detail.attempts],
        "written_at": datetime.now(UTC),
    }
    plain: dict[str, Any] = to_plain(about)
    return plain


def to_plain(value: Any) -> Any:
    """The same with times as text, enumerations by value, and lists for tuples."""
    match value:
        case Mapping():
            return {key: to_plain(item) for key, item in value.items()}
        case list() | tuple():
            return [to_plain(item) for item in value]
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
    return value


def read_splits(about: Mapping[str, Any]) -> tuple[SplitSummary, ...]:
    """The splits of its data."""
    return tuple(
        SplitSummary(**{**values, "skipped": tuple((p, r) for p, r in values["skipped"])})
        for values in about["data"]
    )


def read_epochs(about: Mapping[str, Any]) -> tuple[EpochRecord, ...]:
    """The epochs that were finished."""
    return tuple(
        EpochRecord(**{**values, "finished_at": read_time(values["finished_at"])})
        for values in about["epochs"]
    )


def read_evaluations(about: Mapping[str, Any]) -> tuple[Evaluation, ...] | None:
    """Its evaluations; None where an earlier dfx has not written them down."""
    if "evaluations" not in about:
        return None
    return tuple(
        Evaluation(
            **{
                **values,
                "confusion": Confusion(**values["confusion"]),
                "created_at": read_time(values["created_at"]),
            }
        )
        for values in about["evaluations"]
    )


def read_test_uses(about: Mapping[str, Any]) -> tuple[TestUse, ...]:
    """The uses of test splits until then; none of an earlier dfx."""
    return tuple(
        TestUse(**{**values, "used_at": read_time(values["used_at"])})
        for values in about.get("test_uses", ())
    )


def read_attempts(about: Mapping[str, Any]) -> dict[int, FoundAttempt]:
    """Its attempts by number, those that had not ended as lost; none of an earlier dfx."""
    found = {}
    for values in about.get("attempts", ()):
        ended_at = values["ended_at"]
        found[values["number"]] = FoundAttempt(
            number=values["number"],
            process=ProcessIdentity(**values["process"]),
            settings=values["settings"],
            environment=values["environment"],
            start_step=values["start_step"],
            started_at=read_time(values["started_at"]),
            heartbeat_at=read_time(values["heartbeat_at"]),
            ended_at=None if ended_at is None else read_time(ended_at),
            outcome=Status(values["outcome"] or Status.LOST),
            message=values["message"],
        )
    return found


def read_time(value: str) -> datetime:
    """A time as it is written down.

    Raises:
        ValueError: Where it has no zone, and so could mean anything.
    """
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError(f"{value} has no time zone")
    return time


def describe_early_stop(config: ExperimentConfig, epoch: int, *, waited: int) -> str:
    """What is recorded of a run that ended before its last epoch.

    Args:
        config: As the attempt worked by it.
        epoch: The last that was finished.
        waited: Epochs without an improvement.
    """
    return (
        f"stopped early after epoch {epoch}: no improvement of validation"
        f" {config.train.select_by} in {waited} epochs"
    )
