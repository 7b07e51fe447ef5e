"""An evaluation by hand with every part that it can have; its numbers are invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dfx.records import Confusion, Evaluation
from dfx.records.evaluation import (
    METRIC_NAMES,
    EvaluationDetail,
    GroupResult,
    Interval,
    Overlap,
    Reading,
    ScoredData,
)
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness


def make_reading(kind: Any = "shipped", **changes: Any) -> Reading:
    """One in which the EER is undefined, and has no interval."""
    reading = Reading(
        kind=kind,
        threshold=0.3,
        temperature=1.25,
        is_in_sample=False,
        confusion=Confusion(tn=3, fp=1, fn=2, tp=4),
        values={name: 0.1 + 0.05 * i for i, name in enumerate(METRIC_NAMES)} | {"eer": None},
        reasons={"eer": "undefined for a test"},
        intervals={name: Interval(0.05, 0.95, "percentile", 3) for name in METRIC_NAMES}
        | {"accuracy": Interval(0.4, 0.9, "wilson"), "eer": None},
        interval_reasons={"eer": "undefined for a test"},
    )
    return replace(reading, **changes)


def make_condition(name: str = "clean", level: float | None = None) -> ConditionResult:
    """What is left of the skill under one change."""
    return ConditionResult(
        name=name,
        family=name.partition("-")[0],
        level=level,
        title=name.replace("-", " "),
        confusion=Confusion(tn=3, fp=1, fn=2, tp=4),
        accuracy=0.7,
        accuracy_low=0.4,
        accuracy_high=0.9,
        tpr=2 / 3,
        fpr=0.25,
        auc=0.8,
        auc_low=0.5,
        auc_high=None,
    )


def make_detail(**changes: Any) -> EvaluationDetail:
    """Ten images of another data set, with sources, overlap and robustness."""
    detail = EvaluationDetail(
        architecture="efficientnet_b4",
        image_size_px=380,
        device="cpu",
        precision="float32",
        threshold_rule="balanced",
        data=ScoredData(
            name="other_faces",
            root="/data/other_faces",
            split="test",
            is_own=False,
            digest="sha256:test",
            content_digest="sha256:test-content",
            real=4,
            deepfake=6,
            limit=None,
            skipped=(("real/\udcff.jpg", "truncated"),),
        ),
        overlap=Overlap(train=2, val=None, either=2, unknown="its list of images is gone"),
        headline=make_reading(),
        others=(make_reading("half", threshold=0.5), make_reading("without_overlap")),
        groups=(
            GroupResult("deepfake/é", 0, 3, 1, 1 / 3, 0.1, 0.8, 0.6, "all real", None),
            GroupResult("deepfake", 0, 3, 3, 1.0, 0.5, 1.0, None, None, "one class only"),
        ),
        robustness=Robustness(
            version=1,
            libraries={"pillow": "11.0", "libjpeg": "3.0"},
            threshold=0.3,
            temperature=1.25,
            results=(make_condition(), make_condition("jpeg-50", 50.0)),
            format_check=FormatCheck({"real": {"JPEG": 4}, "deepfake": {"PNG": 6}}, -0.3, 0.001),
        ),
        resamples=2000,
        seed=0,
        seconds=12.5,
    )
    return replace(detail, **changes)


def make_evaluation_by_hand(
    directory: str = "b4/1", number: int = 1, *, epoch: int = 1, split: Any = "test", **changes: Any
) -> Evaluation:
    """An evaluation as `dfx evaluate` records it; of a test split, it is as many-th use."""
    folder = f"{directory}/evaluations/{number:04d}-{split}-e{epoch:04d}"
    detail = make_detail()
    evaluation = Evaluation(
        epoch=epoch,
        split=split,
        dataset_digest=f"sha256:{split}",
        threshold=0.3,
        accuracy=0.7,
        precision=0.8,
        recall=2 / 3,
        f1=None,
        auc=0.8,
        average_precision=0.85,
        loss=0.5,
        confusion=Confusion(tn=3, fp=1, fn=2, tp=4),
        predictions=f"{folder}/predictions.csv",
        created_at=datetime(2026, 2, 3, 4, 5, number, 678901, tzinfo=UTC),
        origin="evaluate",
        dataset="other_faces",
        folder=folder,
        test_use=number if split == "test" else None,
        detail=replace(detail, data=replace(detail.data, split=split)),
    )
    return replace(evaluation, **changes)
