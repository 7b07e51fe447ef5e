"""All that the report of an evaluation shows: the evaluation, its curves, and pictures."""

from __future__ import annotations

from dataclasses import dataclass

from dfx.records import EpochRecord, Evaluation, Run
from dfx.records.evaluation import EvaluationDetail


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of a curve in their order.

    Attributes:
        x: In [0, 1], never falling.
        y: In [0, 1].
    """

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ScoreHistogram:
    """How p_deepfake is spread, each class by itself.

    Attributes:
        edges: Ends of the bins, one more than there are bins. A bin holds its lower end, and the
            last one its upper end too.
        real: Real images by bin.
        deepfake: Deepfakes by bin.
    """

    edges: tuple[float, ...]
    real: tuple[int, ...]
    deepfake: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Images of similar p_deepfake, and how many of them are deepfakes.

    Attributes:
        p_low: Least p_deepfake.
        p_high: Greatest p_deepfake.
        mean_p: Mean p_deepfake.
        share: Deepfakes among the images; equals `mean_p` where the probabilities are calibrated.
        share_low: Lower end of the share's 95 % interval, Wilson's.
        share_high: Upper end.
    """

    images: int
    deepfakes: int
    p_low: float
    p_high: float
    mean_p: float
    share: float
    share_low: float
    share_high: float


@dataclass(frozen=True, slots=True)
class Example:
    """An image for the contact sheet.

    Attributes:
        name: Class and path below the class folder.
        truth: Its label.
        p_deepfake: As the headline has it.
        is_right: Whether the headline's verdict is its class.
        picture: A small JPEG file of it, as bytes.
    """

    name: str
    truth: int
    p_deepfake: float
    is_right: bool
    picture: bytes


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """All that a report of an evaluation shows.

    Attributes:
        run: The run, with its data and note.
        reason: Why this run was picked, where the reference left a choice.
        evaluation: With its detail.
        epochs: The training history.
        roc: None where a class is missing.
        precision_recall: None likewise.
        reliability: Of the headline's probabilities.
        histogram: Likewise.
        examples: The most confident right and wrong verdicts, of either class.
        own: The run's latest result on the same split of its own data, where another set was scored
            and there is one.
        version: Of dfx.
    """

    run: Run
    reason: str | None
    evaluation: Evaluation
    epochs: tuple[EpochRecord, ...]
    roc: Curve | None
    precision_recall: Curve | None
    reliability: tuple[ReliabilityBin, ...]
    histogram: ScoreHistogram
    examples: tuple[Example, ...]
    own: Evaluation | None
    version: str

    @property
    def detail(self) -> EvaluationDetail:
        """Of the evaluation, which has one."""
        detail = self.evaluation.detail
        if detail is None:
            raise ValueError("a report needs an evaluation with its detail")
        return detail
