"""Cards of imaginary weights, with all that there can be to tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from by_hand_samples import make_detail, make_evaluation_by_hand, make_reading

from dfx.config import ExperimentConfig
from dfx.records import Confusion, Evaluation, Preprocessing, SplitSummary
from dfx.records.evaluation import METRIC_NAMES, EvaluationDetail, Interval, Overlap, ScoredData
from dfx.records.model_card import CardRecord, ModelCard
from dfx.records.prediction import ImageProfile, Span

from .robustness_samples import sample_robustness

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def make_card(**changes: Any) -> ModelCard:
    """Weights of which only their file is known."""
    config = ExperimentConfig().replace(
        {
            "data.root": "faces",
            "data.limit": 8000,
            "augment.jpeg": 0.3,
            "evaluate.threshold": "balanced",
            "optim.warmup_epochs": 0.5,
            "train.accumulate": 2,
            "train.freeze_epochs": 1,
            "train.ema": 0.999,
        }
    )
    values: dict[str, Any] = {
        "run": "b4-robust/1",
        "run_uuid": "3f0e8f8e-0000-4000-8000-000000000017",
        "epoch": 11,
        "step": 4818,
        "architecture": "efficientnet_b4.ra2_in1k",
        "parameters": 17_552_202,
        "preprocessing": Preprocessing(380),
        "threshold": 0.43210987654321,
        "temperature": 1.32,
        "precision": "bfloat16",
        "metrics": {"accuracy": 0.98731, "auc": 0.99996, "f1": None},
        "config": config.flat(),
        "training_images": ImageProfile(
            images=1000,
            shorter_side_px=Span(256, 1080),
            size_px=Span(300, 1400),
            aspect=Span(0.5625, 1.7778),
            jpeg_quality=Span(75, 96),
            formats={"JPEG": 910, "PNG": 90},
        ),
        "digest": "sha256:" + "bb" * 32,
        "software": {"dfx": "0.2.0", "torch": "2.14.1", "timm": "1.0.31"},
        "timm_needed": "1.0.16",
        "record": None,
    }
    return ModelCard(**{**values, **changes})


def make_record(**changes: Any) -> CardRecord:
    """What the run's home adds: the evaluations, and where everything comes from."""
    values: dict[str, Any] = {
        "data": (
            SplitSummary("train", "sha256:" + "1a" * 32, "sha256:" + "2b" * 32, 7000, 6998),
            SplitSummary(
                "val", "sha256:" + "9f" * 32, "sha256:v", 1200, 1199, (("x.jpg", "torn"),)
            ),
        ),
        "epochs": 15,
        "evaluations": (_of_own_test(), _of_others(), make_training_report()),
        "training_interval": Interval(0.9005, 0.9231, "wilson"),
        "robustness": (_of_own_test(),),
        "test_uses": 3,
        "initial": {
            "source": "timm",
            "hub": "timm/efficientnet_b4.ra2_in1k",
            "sha256": "sha256:" + "cc" * 32,
        },
        "software": {"dfx": "0.1.0", "torch": "2.6.0", "timm": "1.0.9"},
        "revision": "0123abcd" * 5,
        "is_revision_all": False,
    }
    return CardRecord(**{**values, **changes})


def make_training_report() -> Evaluation:
    """Of the validation images, as training made it."""
    return Evaluation(
        epoch=11,
        split="val",
        dataset_digest="sha256:" + "9f" * 32,
        threshold=0.5,
        accuracy=0.9125,
        precision=0.925,
        recall=0.9024390243902439,
        f1=None,
        auc=0.9731,
        average_precision=0.9688,
        loss=0.2213,
        confusion=Confusion(tn=1110, fp=90, fn=120, tp=1079),
        predictions="b4-robust/1/predictions-val.csv",
        created_at=WHEN,
    )


def make_in_sample() -> Evaluation:
    """Of the validation images, made by hand."""
    detail = make_detail(
        data=replace(_own_data(), split="val"),
        headline=make_reading("uncalibrated", threshold=0.5, temperature=1.0, is_in_sample=True),
        others=(make_reading(is_in_sample=True),),
        overlap=Overlap(train=0, val=10, either=0),
        groups=(),
        robustness=sample_robustness(),
    )
    return _evaluation(detail, "faces", 4)


def _of_own_test() -> Evaluation:
    low_high = {name: Interval(0.7, 0.9, "percentile") for name in METRIC_NAMES}
    reading = make_reading(
        threshold=0.43210987654321,
        confusion=Confusion(tn=380, fp=20, fn=30, tp=470),
        intervals={**low_high, "accuracy": Interval(0.9, 0.96, "wilson"), "eer": None},
    )
    detail = make_detail(
        data=_own_data(),
        headline=reading,
        others=(),
        overlap=Overlap(train=0, val=0, either=0),
        robustness=sample_robustness(),
    )
    return _evaluation(detail, "faces", 2)


def _of_others() -> Evaluation:
    """Of a set with all that can be said against one."""
    own = make_detail()
    data = replace(
        own.data,
        name="other|faces",
        limit=400,
        repeated=1,
        contradictory=2,
        formats={"real": {"JPEG": 4}, "deepfake": {"PNG": 6}},
    )
    return _evaluation(replace(own, data=data, robustness=None), data.name, 3)


def _own_data() -> ScoredData:
    data = make_detail().data
    return replace(data, name="faces", is_own=True, real=400, deepfake=500, skipped=())


def _evaluation(detail: EvaluationDetail, dataset: str, number: int) -> Evaluation:
    return make_evaluation_by_hand(
        "b4-robust/1", number, epoch=11, split=detail.data.split, dataset=dataset, detail=detail
    )
