"""How verdicts hold when the images are changed, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dfx.records import Confusion


@dataclass(frozen=True, slots=True)
class ConditionResult:
    """How the images of an evaluation are judged after one change, at the shipped threshold.

    Attributes:
        name: Of the condition, stable within a version of the suite: `jpeg-50`, `clean`.
        family: What kind of change: `clean`, `jpeg`, `webp`, `blur`, `resize`, `noise`,
            `brightness`, `contrast`, `resaved`.
        level: How strong it is, in the family's own unit: quality, σ in pixels, scale, σ of 255,
            factor; None of `clean`.
        title: As shown: `JPEG quality 50`.
        confusion: Counts at the shipped threshold, calibrated.
        accuracy: None where no image could be changed so.
        accuracy_low: Lower end of the accuracy's 95 % interval, Wilson's.
        accuracy_high: Upper end.
        tpr: Share of deepfakes called deepfakes; None without any.
        fpr: Share of real images called deepfakes; None without any.
        auc: None where a class is missing.
        auc_low: Lower end of its 95 % interval, by DeLong's variance, within [0, 1]. None where
            there is none: with fewer than two images of a class, or where the variance is 0, as it
            is of an AUC of 1, though the next images may well bring an error.
        auc_high: Upper end.
        failed: Images that could not be changed so, and are not in the counts.
        clean_accuracy: Of the same images as they are, which is what the accuracy is held against;
            None where that is undefined, or was recorded before it was kept.
        clean_auc: Likewise.
    """

    name: str
    family: str
    level: float | None
    title: str
    confusion: Confusion
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    tpr: float | None
    fpr: float | None
    auc: float | None
    auc_low: float | None
    auc_high: float | None
    failed: int = 0
    clean_accuracy: float | None = None
    clean_auc: float | None = None


@dataclass(frozen=True, slots=True)
class FormatCheck:
    """What becomes of the AUC when both classes are saved anew in one format, as JPEG 90.

    A detector that has learned the file format instead of the picture loses its skill then. One
    that has learned that a class was once compressed more strongly does not: that still shows.

    Attributes:
        formats: Images by class and file format: `{"real": {"JPEG": 9}, "deepfake": {"PNG": 9}}`.
        auc_change: AUC of the images saved anew less that of the same images as they are; None
            where undefined.
        p: DeLong's test of that difference; None where undefined.
    """

    formats: Mapping[str, Mapping[str, int]]
    auc_change: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Robustness:
    """One scoring under each condition of the suite.

    Attributes:
        version: Of the suite; results of different versions are not compared.
        libraries: Versions of what made the changes: Pillow, libjpeg, libwebp.
        threshold: The shipped one.
        temperature: The shipped one.
        results: `clean` first, then in the order of the suite.
        format_check: What the re-saved images say.
    """

    version: int
    libraries: Mapping[str, str]
    threshold: float
    temperature: float
    results: tuple[ConditionResult, ...]
    format_check: FormatCheck

    @property
    def clean(self) -> ConditionResult:
        """The images as they are."""
        return self.results[0]

    def clean_accuracy(self, result: ConditionResult) -> float | None:
        """Accuracy of a condition's images as they are; of all images where that was not kept."""
        own = result.clean_accuracy
        return self.clean.accuracy if own is None else own

    def clean_auc(self, result: ConditionResult) -> float | None:
        """AUC of a condition's images as they are; of all images where that was not kept."""
        return self.clean.auc if result.clean_auc is None else result.clean_auc
