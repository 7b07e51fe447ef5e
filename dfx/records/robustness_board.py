"""The frozen values of the robustness board: runs by what was done to the images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from dfx.records import RunSummary, Split
from dfx.records.boards import SET_METRICS, SetScores
from dfx.records.leaderboard import Metric
from dfx.records.robustness import ConditionResult

ROBUSTNESS_METRICS = {name: SET_METRICS[name] for name in ("auc", "accuracy")}
"""What is known of a run under each condition that can be ranked by, the usual one first."""


class Suite(NamedTuple):
    """What an evaluation found under each condition.

    Attributes:
        version: Of the suite; results of different versions are not compared.
        threshold: By which every condition was judged: the shipped one.
        temperature: What the logits were divided by: the shipped one.
        results: In the order of the suite.
    """

    version: int
    threshold: float
    temperature: float
    results: tuple[ConditionResult, ...]


@dataclass(frozen=True, slots=True)
class RobustRun:
    """One line of a robustness table.

    Attributes:
        rank: By the metric under the worst condition; None where it is undefined under all.
        scores: The evaluation, whose headline may be at another threshold.
        threshold: By which every condition was judged.
        temperature: Likewise.
        results: Under every condition, in the order of the suite.
        clean: The images as they are; None where the suite has no such condition.
        lowest: By family, the condition with the lowest value; None where none is defined.
        worst: The lowest of all but clean; None where none is defined.
    """

    rank: int | None
    summary: RunSummary
    scores: SetScores
    threshold: float
    temperature: float
    results: tuple[ConditionResult, ...]
    clean: ConditionResult | None
    lowest: Mapping[str, ConditionResult | None]
    worst: ConditionResult | None


@dataclass(frozen=True, slots=True)
class RobustSet:
    """Runs under the same conditions on the same images.

    Attributes:
        dataset: What the data set is called, by the newest evaluation.
        content_digest: None where the contents are not known, and names and sizes have to do.
        classes: Real images and deepfakes that the newest evaluation scored.
        version: Of the suite.
        families: Of conditions, without clean, in the order of the suite.
        runs: As they shall be shown; best first unless sorted otherwise.
        omitted: Runs that a limit has left out.
    """

    split: Split
    dataset: str | None
    dataset_digest: str
    content_digest: str | None
    classes: tuple[int, int]
    version: int
    families: tuple[str, ...]
    runs: tuple[RobustRun, ...]
    omitted: int

    @property
    def set_digest(self) -> str:
        """What tells its set from others of the split: names and contents, or sizes without."""
        return self.content_digest or self.dataset_digest


@dataclass(frozen=True, slots=True)
class RobustBoard:
    """One table for each set of images and version of the suite, the newest first.

    Attributes:
        metric: Of `ROBUSTNESS_METRICS`.
        others: Names of runs with weights that have not been tested so, the newest first.
        is_filtered: Whether some runs were not asked for.
    """

    metric: Metric
    sets: tuple[RobustSet, ...]
    others: tuple[str, ...]
    is_filtered: bool
