"""The frozen values of a leaderboard: what is asked of it, and what it answers.

How runs are ranked is in `dfx.services.ranking`, how it looks in `dfx.display.leaderboard`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dfx.records import RunSummary

SIGNIFICANT = 0.05
"""p below which a test shows a difference."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A value at a run's best epoch that runs can be ranked by.

    Attributes:
        name: As in `RunSummary`.
        heading: As shown.
        higher_is_better: Its direction.
    """

    name: str
    heading: str
    higher_is_better: bool


METRICS = {
    metric.name: metric
    for metric in (
        Metric("val_accuracy", "val acc", higher_is_better=True),
        Metric("val_auc", "val AUC", higher_is_better=True),
        Metric("val_average_precision", "val AP", higher_is_better=True),
        Metric("val_f1", "val F1", higher_is_better=True),
        Metric("val_precision", "val precision", higher_is_better=True),
        Metric("val_recall", "val recall", higher_is_better=True),
        Metric("val_loss", "val loss", higher_is_better=False),
        Metric("train_accuracy", "train acc", higher_is_better=True),
        Metric("train_loss", "train loss", higher_is_better=False),
    )
}
"""The metrics by name, the usual one first."""

ACCURACY = METRICS["val_accuracy"]


@dataclass(frozen=True, slots=True)
class RankedRun:
    """One line of a leaderboard.

    Attributes:
        rank: By the metric, within the validation set; None without a finished epoch.
        summary: With its interval.
        settings: All of its configuration by dotted key, machine and plan as used last.
        differs: Of the settings that differ between the runs shown, those in which this run has not
            the commonest value.
    """

    rank: int | None
    summary: RunSummary
    settings: Mapping[str, Any]
    differs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PairedTest:
    """McNemar's exact test of two runs' best checkpoints on the same images.

    Attributes:
        first: Name of the better run.
        second: Name of the other one.
        only_first: Images that only the first got right; None where it could not be tested.
        only_second: Images that only the second got right.
        p: Probability of a split at least as uneven, were both as good as each other.
        reason: Why it could not be tested, else None.
    """

    first: str
    second: str
    only_first: int | None
    only_second: int | None
    p: float | None
    reason: str | None = None

    @property
    def shows_difference(self) -> bool:
        """Whether chance alone would bring about such a split in less than 5 % of cases."""
        return self.p is not None and self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class AucDifference:
    """DeLong's test of the AUCs of two runs' best checkpoints on the same images.

    Attributes:
        first: Name of the better run.
        second: Name of the other one.
        difference: AUC of the first less that of the second; None where it could not be tested.
        low: Lower end of the difference's 95 % interval; None where there is none.
        high: Upper end.
        p: Two-sided; None where it could not be tested.
        reason: Why something is None, else None.
    """

    first: str
    second: str
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    reason: str | None = None

    @property
    def shows_difference(self) -> bool:
        """Whether chance alone would bring about such a difference in less than 5 % of cases."""
        return self.p is not None and self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class RecipeGroup:
    """Runs of one recipe apart from the seed, on the same images, as one line.

    Attributes:
        rank: By the mean of the metric.
        experiments: Of its runs, sorted.
        runs: Their names, best first.
        seeds: Sorted.
        mean: Of the metric over the runs.
        std: Sample standard deviation (n - 1); None of a single run.
        best: The best run's value.
        settings: Of the best run, without the seed.
        differs: As in `RankedRun`.
    """

    rank: int
    experiments: tuple[str, ...]
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    mean: float
    std: float | None
    best: float
    settings: Mapping[str, Any]
    differs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LeaderboardGroup:
    """Runs that share a validation set, so that their scores may be compared.

    Attributes:
        validation_digest: None for runs that never got as far as reading their data.
        validation_images: How many there are.
        classes: Real and deepfake ones among them, where that is known.
        ranked: As they shall be shown; best first unless sorted otherwise.
        unranked: Runs without a finished epoch.
        omitted: Runs that a limit has left out.
        common: The commonest value of each setting that differs between the runs shown.
        recipes: Instead of runs, where they were asked to be grouped.
        test: Of the two best, where there are two; of their AUCs where these rank.
    """

    validation_digest: str | None
    validation_images: int | None
    classes: tuple[int, int] | None
    ranked: tuple[RankedRun, ...]
    unranked: tuple[RankedRun, ...]
    omitted: int
    common: Mapping[str, Any]
    recipes: tuple[RecipeGroup, ...] | None
    test: PairedTest | AucDifference | None

    @property
    def runs(self) -> tuple[RankedRun, ...]:
        """All of its runs that are shown."""
        return (*self.ranked, *self.unranked)


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """One table for each validation set, that of the newest run first.

    Attributes:
        metric: What runs are ranked by.
        columns: Names of the columns asked for; None for the usual ones.
        groups: The tables.
        is_filtered: Whether some runs were not asked for.
    """

    metric: Metric
    columns: tuple[str, ...] | None
    groups: tuple[LeaderboardGroup, ...]
    is_filtered: bool = False
