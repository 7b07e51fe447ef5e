"""The frozen values of boards by evaluations: what they share, and the board of test sets.

The leaderboard by validation is in `dfx.records.leaderboard`, data sets side by side in
`dfx.records.matrix`, robustness in `dfx.records.robustness_board`. How lines are chosen and ranked
is in `dfx.services`, how they look in `dfx.display`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from dfx.records import Confusion, RunSummary, Split
from dfx.records.evaluation import METRIC_NAMES
from dfx.records.leaderboard import AucDifference, Metric, PairedTest

_SHORT = {
    "accuracy": "acc",
    "balanced_accuracy": "balanced acc",
    "f1": "F1",
    "real_accuracy": "acc of real",
    "deepfake_accuracy": "acc of deepfake",
    "auc": "AUC",
    "average_precision": "AP",
    "eer": "EER",
    "tpr_at_fpr_1pct": "TPR at 1 % FPR",
    "tpr_at_fpr_5pct": "TPR at 5 % FPR",
    "brier_score": "Brier score",
    "ece": "ECE",
}
_LOWER_IS_BETTER = frozenset({"eer", "loss", "brier_score", "ece"})

SET_METRICS = {
    name: Metric(name, _SHORT.get(name, name), higher_is_better=name not in _LOWER_IS_BETTER)
    for name in METRIC_NAMES
}
"""What is known of a run on a set of images, by name, the usual one first."""

TEST_METRICS = {
    f"test_{name}": Metric(f"test_{name}", f"test {metric.heading}", metric.higher_is_better)
    for name, metric in SET_METRICS.items()
}
"""The same of test images."""

TEST_COLUMNS = (*TEST_METRICS, "threshold", "accuracy_at_half", "test_uses", "seen")
"""What a line of a test set's table has to show beside what is known of its run."""


class SetStanding(NamedTuple):
    """What ranking needs of an evaluation, and no more, as `Standing` of a run.

    Attributes:
        id: Of the evaluation; a newer one has a greater id.
        run_id: Of the run, whose best epoch was scored.
        dataset: What the data set is called.
        dataset_digest: Of names and sizes.
        content_digest: Of names and contents; None where that is not known.
        score: The metric asked for; None where it is undefined.
        loss: Mean cross-entropy, which decides a tie.
    """

    id: int
    run_id: int
    split: Split
    dataset: str | None
    dataset_digest: str
    content_digest: str | None
    score: float | None
    loss: float

    @property
    def set_digest(self) -> str:
        """What tells its set from others of the split: names and contents, or sizes without."""
        return self.content_digest or self.dataset_digest


class TrainedRun(NamedTuple):
    """A run that has weights, so that it can be evaluated.

    Attributes:
        validation_digest: Of names and sizes of its validation images.
        validation_content_digest: Of their names and contents.
    """

    id: int
    run: str
    validation_digest: str | None
    validation_content_digest: str | None


@dataclass(frozen=True, slots=True)
class SetScores:
    """An evaluation of a run's best epoch, as boards show it: its headline.

    Attributes:
        id: Of the evaluation.
        dataset: What the data set is called.
        dataset_digest: Of names and sizes.
        content_digest: Of names and contents; None where that is not known.
        root: Where it was, an absolute path; None where that is not known.
        threshold: p_deepfake from which an image was called a deepfake.
        values: Each of `METRIC_NAMES`; None where undefined or not known.
        intervals: Ends of the 95 % interval of those that have one.
        accuracy_at_half: At threshold 0.5, where the threshold is another; else None.
        is_own: Whether it is the data the run was trained on; None where that is not known.
        is_in_sample: Whether the shipped threshold and temperature were fitted on these very
            images, whichever the headline uses.
        seen: Images of the set that the run has trained or validated on; None where not known.
        test_uses: How often the run has used a test split, whichever.
        predictions: Path of the per-image predictions, relative to the home.
        folder: Of its report, relative to the home.
    """

    id: int
    run_id: int
    split: Split
    dataset: str | None
    dataset_digest: str
    content_digest: str | None
    root: str | None
    threshold: float
    confusion: Confusion
    values: Mapping[str, float | None]
    intervals: Mapping[str, tuple[float, float]]
    accuracy_at_half: float | None
    is_own: bool | None
    is_in_sample: bool
    seen: int | None
    test_uses: int
    predictions: str | None
    folder: str | None
    created_at: datetime

    @property
    def classes(self) -> tuple[int, int]:
        """Real images and deepfakes that were scored."""
        c = self.confusion
        return c.tn + c.fp, c.fn + c.tp

    @property
    def set_digest(self) -> str:
        """What tells its set from others of the split: names and contents, or sizes without."""
        return self.content_digest or self.dataset_digest


@dataclass(frozen=True, slots=True)
class Unscored:
    """Runs with weights that have not been scored on a set.

    Attributes:
        runs: Their names, the newest first.
        data: Folder that must be named to score them; None where it is their own data.
    """

    runs: tuple[str, ...]
    data: str | None


@dataclass(frozen=True, slots=True)
class ScoredRun:
    """One line of a test set's table.

    Attributes:
        rank: By the metric, within the set; None where that is undefined.
        settings: All of its configuration by dotted key, machine and plan as used last.
        differs: As in `RankedRun`.
        scores: The newest of its evaluations on the set.
    """

    rank: int | None
    summary: RunSummary
    settings: Mapping[str, Any]
    differs: Mapping[str, Any]
    scores: SetScores


@dataclass(frozen=True, slots=True)
class HeldOutSet:
    """Runs that were scored on the same test images.

    Attributes:
        dataset: What the data set is called, by the newest evaluation.
        content_digest: None where the contents are not known, and names and sizes have to do.
        classes: Real images and deepfakes that the newest evaluation scored.
        runs: As they shall be shown; best first unless sorted otherwise.
        omitted: Runs that a limit has left out.
        common: The commonest value of each setting that differs between the runs shown.
        verdicts: McNemar's test of the two best, where there are two.
        rankings: DeLong's test of the same two.
        unscored: Runs that were not scored on it.
    """

    dataset: str | None
    dataset_digest: str
    content_digest: str | None
    classes: tuple[int, int]
    runs: tuple[ScoredRun, ...]
    omitted: int
    common: Mapping[str, Any]
    verdicts: PairedTest | None
    rankings: AucDifference | None
    unscored: tuple[Unscored, ...]

    @property
    def set_digest(self) -> str:
        """What tells its set from others of the split: names and contents, or sizes without."""
        return self.content_digest or self.dataset_digest


@dataclass(frozen=True, slots=True)
class HeldOutBoard:
    """One table for each test set, that of the newest evaluation first.

    Attributes:
        metric: What runs are ranked by, one of `TEST_METRICS`.
        columns: Names of the columns asked for; None for the usual ones.
        waiting: A run with weights that could be scored, where there is no table; None where there
            is none.
        is_filtered: Whether some runs were not asked for.
    """

    metric: Metric
    columns: tuple[str, ...] | None
    sets: tuple[HeldOutSet, ...]
    waiting: str | None
    is_filtered: bool
