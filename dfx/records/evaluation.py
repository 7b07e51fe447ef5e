"""What an evaluation found, as frozen values: readings with intervals, sources, robustness.

`EvaluationDetail` is what the store keeps of one, as JSON, beside the flat `Evaluation`. How the
numbers come about is in `dfx.evaluation`; curves and pictures are in `dfx.records.report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

from dfx.records import Confusion, Evaluation, Split
from dfx.records.robustness import Robustness

if TYPE_CHECKING:
    from pydantic import TypeAdapter

DETAIL_VERSION = 1
"""Version of the stored form of `EvaluationDetail`. Raise it when a field changes meaning."""

METRIC_NAMES = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "recall",
    "f1",
    "real_accuracy",
    "deepfake_accuracy",
    "auc",
    "average_precision",
    "eer",
    "tpr_at_fpr_1pct",
    "tpr_at_fpr_5pct",
    "loss",
    "brier_score",
    "ece",
)
"""In the order in which they are told."""

METRIC_HEADINGS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "precision": "precision (deepfake)",
    "recall": "recall (deepfake)",
    "f1": "F1 (deepfake)",
    "real_accuracy": "accuracy of real",
    "deepfake_accuracy": "accuracy of deepfake",
    "auc": "AUC",
    "average_precision": "average precision",
    "eer": "EER",
    "tpr_at_fpr_1pct": "TPR at 1 % FPR",
    "tpr_at_fpr_5pct": "TPR at 5 % FPR",
    "loss": "log loss (nats)",
    "brier_score": "Brier score",
    "ece": "ECE (15 bins of equal mass)",
}
"""As shown."""

Method = Literal["percentile", "basic of the square", "wilson", "delong"]


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a metric lies, with 95 % confidence.

    Attributes:
        low: Lower end.
        high: Upper end.
        method: How it was found.
        left_out: Resamples in which the metric was undefined, and which are not in it; 0 of all
            metrics but precision, which had such intervals before shares had Wilson's.
    """

    low: float
    high: float
    method: Method
    left_out: int = 0


ReadingKind = Literal["shipped", "uncalibrated", "half", "without_overlap"]


@dataclass(frozen=True, slots=True)
class Reading:
    """The scores of some images judged in one way.

    Attributes:
        kind: `shipped`: calibrated, at the threshold that the weights file carries; `uncalibrated`:
            at temperature 1 and threshold 0.5; `half`: calibrated, at 0.5; `without_overlap`: as
            the headline, of images that the run has neither trained nor validated on.
        threshold: p_deepfake from which an image was called a deepfake.
        temperature: What the logits were divided by; 1 is uncalibrated.
        is_in_sample: Whether threshold and temperature were fitted on these very images.
        confusion: Counts at the threshold.
        values: Each of `METRIC_NAMES`; None where it is undefined for these images.
        reasons: Why, in words, for each that is undefined, and for no other.
        intervals: For each of `METRIC_NAMES`; None where there is none.
        interval_reasons: Why there is none, for each such metric.
    """

    kind: ReadingKind
    threshold: float
    temperature: float
    is_in_sample: bool
    confusion: Confusion
    values: Mapping[str, float | None]
    reasons: Mapping[str, str]
    intervals: Mapping[str, Interval | None]
    interval_reasons: Mapping[str, str]

    @property
    def images(self) -> int:
        """Images that were judged."""
        c = self.confusion
        return c.tn + c.fp + c.fn + c.tp


@dataclass(frozen=True, slots=True)
class GroupResult:
    """Images of one source, at the headline's threshold.

    Attributes:
        source: Its label: class and subfolder, `deepfake/stylegan2`.
        real: Real images.
        deepfake: Deepfakes.
        right: Images that are judged rightly at the threshold.
        accuracy_low: Lower end of the accuracy's 95 % interval, Wilson's.
        accuracy_high: Upper end.
        auc: None where undefined.
        against: What the AUC holds the group's images against, in words; None where undefined.
        reason: Why the AUC is undefined, in words, else None.
        accuracy_at_half: At threshold 0.5, where the headline's is another; else None.
    """

    source: str
    real: int
    deepfake: int
    right: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    auc: float | None
    against: str | None
    reason: str | None
    accuracy_at_half: float | None = None


@dataclass(frozen=True, slots=True)
class Overlap:
    """Images of the scored set that the run has seen before, by content.

    Attributes:
        train: Scored images whose content was in the training set; None where its list of images
            is gone.
        val: Scored images whose content was in the validation set; None likewise.
        either: Scored images that the reading `without_overlap` leaves out: those in one of them or
            both, as far as is known; of a set of validation images alone, those in training.
        unknown: Why a list is not to be had, in words, else None.
    """

    train: int | None
    val: int | None
    either: int
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class ScoredData:
    """The images of an evaluation.

    Attributes:
        name: What the data set is called: the name of its folder.
        root: Where it was, an absolute path.
        split: Which split of it.
        is_own: Whether it is the data the run was trained on.
        digest: Of the split, as in `SplitSummary`.
        content_digest: Likewise.
        real: Real images that were scored.
        deepfake: Deepfakes that were scored.
        limit: The most images of each class; None where all were taken.
        skipped: Name and reason of each unreadable image.
        repeated: Scored images whose content is that of another one before them.
        contradictory: Contents that are both among the real images and among the deepfakes.
        formats: Images by class and file format, as in `FormatCheck`.
    """

    name: str
    root: str
    split: Split
    is_own: bool
    digest: str
    content_digest: str
    real: int
    deepfake: int
    limit: int | None
    skipped: tuple[tuple[str, str], ...]
    repeated: int = 0
    contradictory: int = 0
    formats: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """Images that were scored."""
        return self.real + self.deepfake


@dataclass(frozen=True, slots=True)
class EvaluationDetail:
    """What the store keeps of an evaluation beside its flat values.

    Attributes:
        architecture: timm's name.
        image_size_px: Height and width of the network's input.
        device: What it was computed on.
        precision: Number format of the forward pass, that of the training.
        threshold_rule: `evaluate.threshold` of the run: `0.5`, `balanced`, `fpr=0.01`.
        headline: Whose numbers are the evaluation's.
        others: Further readings of the same scores.
        groups: Results by subfolder, the worst first; empty where there is none.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.
        seconds: How long it took.
    """

    architecture: str
    image_size_px: int
    device: str
    precision: str
    threshold_rule: str
    data: ScoredData
    overlap: Overlap
    headline: Reading
    others: tuple[Reading, ...]
    groups: tuple[GroupResult, ...]
    robustness: Robustness | None
    resamples: int
    seed: int
    seconds: float

    def find_reading(self, kind: ReadingKind) -> Reading | None:
        """A further reading, or None where there is none of the kind."""
        return next((reading for reading in self.others if reading.kind == kind), None)


@dataclass(frozen=True, slots=True)
class TestUse:
    """One use of a test split by a run, counted before any of its images was opened.

    Attributes:
        number: Which use by this run, from 1.
        epoch: Of the weights that were to be scored.
        dataset: What the data set is called.
        dataset_digest: Of its test split.
        used_at: When it began.
        is_recorded: Whether an evaluation came of it; also where a resume has gone back behind the
            weights since.
    """

    __test__ = False  # pytest takes what begins with Test for its own

    number: int
    epoch: int
    dataset: str
    dataset_digest: str
    used_at: datetime
    is_recorded: bool


def find_alike(evaluation: Evaluation, headline: Reading) -> Reading | None:
    """The reading of an evaluation that is calibrated and thresholded as another one's headline.

    Returns:
        Its own headline where it has no such reading; None where it has none at all, as training's.
    """
    detail = evaluation.detail
    if detail is None:
        return None
    readings = (detail.headline, *detail.others)
    return next((each for each in readings if each.kind == headline.kind), detail.headline)


def dump_detail(detail: EvaluationDetail) -> dict[str, Any]:
    """The stored form: plain values that JSON can hold, with their version."""
    return {"version": DETAIL_VERSION, **asdict(detail)}


def load_detail(content: Mapping[str, Any]) -> EvaluationDetail:
    """Reads the stored form.

    Raises:
        ValueError: Where it is damaged, or of a newer version.
    """
    match content:
        case {"version": version, **values} if version == DETAIL_VERSION:
            detail: EvaluationDetail = _details().validate_python(values)
            return detail
        case {"version": version}:
            raise ValueError(f"details of an evaluation have version {version!r}")
        case _:
            raise ValueError("there are no details of an evaluation")


@cache
def _details() -> TypeAdapter[EvaluationDetail]:
    from pydantic import TypeAdapter  # most who need the words do not read one

    return TypeAdapter(EvaluationDetail)
