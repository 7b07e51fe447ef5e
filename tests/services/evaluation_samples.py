"""Evaluations as `dfx evaluate` stores them, with predictions in real files."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from leaderboard_samples import NOW, add_run, write_scores

from dfx.evaluation.intervals import wilson_interval
from dfx.records import Confusion, Evaluation, Run, Split
from dfx.records.evaluation import (
    METRIC_NAMES,
    EvaluationDetail,
    Interval,
    Overlap,
    Reading,
    ScoredData,
)
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness
from dfx.tracking.store import RunStore

SUITE = {
    "clean": ("clean", None, "as they are"),
    "jpeg-90": ("jpeg", 90.0, "JPEG quality 90"),
    "jpeg-30": ("jpeg", 30.0, "JPEG quality 30"),
    "blur-2": ("blur", 2.0, "blur σ 2"),
    "noise-10": ("noise", 10.0, "noise σ 10"),
    "resaved": ("resaved", 90.0, "both classes as JPEG 90"),
}
"""Family, level and title of some conditions by name."""


def evaluate(
    store: RunStore,
    run: Run,
    scores: tuple[Sequence[float], Sequence[float]],
    *,
    dataset: str = "faces",
    split: Split = "test",
    digest: str = "sha256:test",
    content: str | None = None,
    threshold: float = 0.5,
    is_own: bool = True,
    is_in_sample: bool = False,
    seen: int = 0,
    suite: Mapping[str, float | None] | None = None,
    version: int = 1,
    with_detail: bool = True,
    values: Mapping[str, float | None] | None = None,
) -> Evaluation:
    """Records the evaluation that p_deepfake of real images and of deepfakes comes to.

    Args:
        content: Digest of names and contents; that of a set which has not changed where None.
        is_in_sample: Whether the shipped threshold and temperature were fitted on these images; the
            headline is at 0.5 then.
        suite: AUC by name of a condition, as in `SUITE`.
        version: Of the suite.
        values: Metrics that shall be other than they come to.
    """
    shipped, threshold = threshold, 0.5 if is_in_sample else threshold
    number = len(list((store.home / run.directory / "evaluations").glob("*"))) + 1
    assert run.best_epoch is not None
    folder = f"{run.directory}/evaluations/{number:04d}-{split}-e{run.best_epoch:04d}"
    write_scores(store.home / folder / "predictions.csv", *scores, threshold=threshold)
    measured = {**dict.fromkeys(METRIC_NAMES), **_measure(scores, threshold), **(values or {})}
    confusion = _count(scores, threshold)
    root = str(store.home.parent / dataset)
    use = None
    if split == "test":
        use = store.record_test_use(
            run.id, epoch=run.best_epoch, dataset=dataset, dataset_digest=digest
        )
    at_half = _measure(scores, 0.5)
    reading = Reading(
        kind="shipped",
        threshold=threshold,
        temperature=1.2,
        is_in_sample=False,
        confusion=confusion,
        values=measured,
        reasons={},
        intervals={**dict.fromkeys(METRIC_NAMES), **_intervals(measured)},
        interval_reasons={},
    )
    others: tuple[Reading, ...] = ()
    if is_in_sample:
        fitted = _measure(scores, shipped)
        others = (replace(reading, threshold=shipped, is_in_sample=True, values=fitted),)
        reading = replace(reading, kind="uncalibrated", temperature=1.0)
    elif threshold != 0.5:
        others = (replace(reading, kind="half", threshold=0.5, values=at_half),)
    detail = EvaluationDetail(
        architecture="test_efficientnet",
        image_size_px=40,
        device="cpu",
        precision="float32",
        threshold_rule="0.5",
        data=ScoredData(
            name=dataset,
            root=root,
            split=split,
            is_own=is_own,
            digest=digest,
            content_digest=content or f"{digest}-content",
            real=len(scores[0]),
            deepfake=len(scores[1]),
            limit=None,
            skipped=(),
        ),
        overlap=Overlap(train=seen, val=0, either=seen),
        headline=reading,
        others=others,
        groups=(),
        robustness=None if suite is None else make_robustness(suite, version, shipped),
        resamples=2000,
        seed=0,
        seconds=1.5,
    )
    evaluation = Evaluation(
        epoch=run.best_epoch,
        split=split,
        dataset_digest=digest,
        threshold=threshold,
        **{name: measured[name] for name in _FLAT},  # type: ignore[arg-type]
        confusion=confusion,
        predictions=f"{folder}/predictions.csv",
        created_at=NOW + timedelta(minutes=number),
        origin="evaluate",
        dataset=dataset,
        folder=folder,
        test_use=use,
        detail=detail if with_detail else None,
    )
    store.record_evaluation(run.id, evaluation)
    return evaluation


_FLAT = ("accuracy", "precision", "recall", "f1", "auc", "average_precision", "loss")


def make_robustness(
    suite: Mapping[str, float | None], version: int = 1, threshold: float = 0.5
) -> Robustness:
    """Results under some conditions, from the AUC under each."""
    results = tuple(
        ConditionResult(
            name=name,
            family=SUITE[name][0],
            level=SUITE[name][1],
            title=SUITE[name][2],
            confusion=Confusion(40, 10, 10, 40),
            accuracy=0.5 if auc is None else auc - 0.05,
            accuracy_low=0.4,
            accuracy_high=0.9,
            tpr=0.8,
            fpr=0.2,
            auc=auc,
            auc_low=None if auc is None else auc - 0.02,
            auc_high=None if auc is None else auc + 0.02,
        )
        for name, auc in suite.items()
    )
    check = FormatCheck({"real": {"JPEG": 50}, "deepfake": {"PNG": 50}}, None, None)
    return Robustness(version, {"Pillow": "11.0"}, threshold, 1.2, results, check)


def draw_scores(
    seed: int, *, skill: float = 1.0, images: int = 40
) -> tuple[list[float], list[float]]:
    """p_deepfake of as many real images as deepfakes, which `skill` tells apart."""
    rng = random.Random(seed)
    return tuple(  # type: ignore[return-value]
        [min(1.0, max(0.0, rng.gauss(centre, 0.25))) for _ in range(images)]
        for centre in (0.5 - 0.3 * skill, 0.5 + 0.3 * skill)
    )


def add_scored(store: RunStore, seed: int, *, skill: float = 1.0, **changes: Any) -> Run:
    """A run that has been scored on its own test images."""
    run = add_run(store, accuracies=[0.9])
    evaluate(store, run, draw_scores(seed, skill=skill), **changes)
    return run


def predictions_of(home: Path, evaluation: Evaluation) -> Path:
    """Where an evaluation's predictions are."""
    assert evaluation.predictions is not None
    return home / evaluation.predictions


def _count(scores: tuple[Sequence[float], Sequence[float]], threshold: float) -> Confusion:
    real, deepfake = ([p >= threshold for p in each] for each in scores)
    return Confusion(tn=real.count(False), fp=sum(real), fn=deepfake.count(False), tp=sum(deepfake))


def _measure(
    scores: tuple[Sequence[float], Sequence[float]], threshold: float
) -> dict[str, float | None]:
    cells = _count(scores, threshold)
    right, total = cells.tn + cells.tp, sum(map(len, scores))
    pairs = [(r, d) for r in scores[0] for d in scores[1]]
    wins = sum((d > r) + 0.5 * (d == r) for r, d in pairs)
    return {
        "accuracy": right / total,
        "recall": cells.tp / (cells.tp + cells.fn) if scores[1] else None,
        "auc": wins / len(pairs) if pairs else None,
        "loss": 1 - right / total,
        "eer": 1 - wins / len(pairs) if pairs else None,
    }


def _intervals(values: Mapping[str, float | None]) -> dict[str, Interval]:
    assert values["accuracy"] is not None
    low, high = wilson_interval(round(80 * values["accuracy"]), 80)
    found = {"accuracy": Interval(low, high, "percentile")}
    if values["auc"] is not None:
        found["auc"] = Interval(values["auc"] - 0.03, min(1.0, values["auc"] + 0.02), "delong")
    return found
