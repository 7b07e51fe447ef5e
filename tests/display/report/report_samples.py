"""Reports of imaginary evaluations, whose numbers come from drawn scores as real ones do."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.special import expit

from dfx.config import ExperimentConfig
from dfx.evaluation.assessment import assess
from dfx.evaluation.bootstrap import bootstrap_intervals
from dfx.evaluation.curves import precision_recall_points, roc_points, score_histogram
from dfx.evaluation.delong import auc_variance
from dfx.evaluation.groups import assess_groups
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.reliability import reliability_curve
from dfx.records import (
    DEEPFAKE,
    REAL,
    EpochRecord,
    Evaluation,
    Run,
    SplitSummary,
    Status,
)
from dfx.records.evaluation import EvaluationDetail, Overlap, Reading, ReadingKind, ScoredData
from dfx.records.report import EvaluationReport, Example
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DIGEST = "sha256:" + "9f2c3d41" * 8
CONTENT_DIGEST = "sha256:" + "77ab01cd" * 8
GENERATORS = ("stylegan2", "latent-diffusion", "faceswap", "autoencoder")
CAMERAS = ("phone", "studio")
LEVELS = {
    "jpeg": (95, 90, 80, 70, 60, 50, 30),
    "webp": (80, 50),
    "blur": (0.5, 1, 2, 3),
    "resize": (0.75, 0.5, 0.25),
    "noise": (2, 5, 10),
    "brightness": (0.7, 1.3),
    "contrast": (0.7, 1.3),
    "resaved": (90,),
}


@dataclass(frozen=True)
class Scored:
    """Margins of images, with their labels."""

    labels: Labels
    margins: Floats

    def p_deepfake(self, temperature: float = 1.0) -> Floats:
        return expit(self.margins / temperature)

    def weakened(self, share: float, rng: np.random.Generator) -> Scored:
        """As a change of the images does it: less signal, more noise."""
        noise = rng.normal(0, 2 * share, len(self.margins))
        return Scored(self.labels, self.margins * (1 - share) + noise)


def draw(real: int, deepfake: int, *, skill: float = 2.2, seed: int = 0) -> Scored:
    """The higher the skill, the further apart the classes; from 30 nobody errs."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.array([REAL, DEEPFAKE], np.int64), [real, deepfake])
    return Scored(labels, rng.normal(np.where(labels == DEEPFAKE, skill, -skill), 1.9))


def read(
    scored: Scored,
    kind: ReadingKind = "shipped",
    *,
    threshold: float = 0.4321,
    temperature: float = 1.3,
    resamples: int = 200,
    is_in_sample: bool = False,
) -> Reading:
    p = scored.p_deepfake(temperature)
    found = assess(scored.labels, p, threshold=threshold)
    intervals = bootstrap_intervals(found, scored.labels, p, seed=0, resamples=resamples)
    return Reading(
        kind=kind,
        threshold=threshold,
        temperature=temperature,
        is_in_sample=is_in_sample,
        confusion=found.confusion,
        values=found.values,
        reasons=found.reasons,
        intervals=intervals.values,
        interval_reasons=intervals.reasons,
    )


def make_epochs(count: int = 15, best: int = 9) -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=n,
            step=n * 40,
            train_loss=0.65 * 0.8**n + 0.02,
            train_accuracy=1 - 0.45 * 0.75**n,
            val_loss=0.6 * 0.8 ** min(n, best) + 0.1 + 0.015 * max(0, n - best),
            val_accuracy=0.96 - 0.4 * 0.7 ** min(n, best) - 0.002 * max(0, n - best),
            val_auc=0.99,
            val_f1=0.95,
            lr=1e-4,
            seconds=61.0,
            images_per_second=80.0,
            attempt=1,
            finished_at=START + timedelta(minutes=n),
        )
        for n in range(1, count + 1)
    )


def make_robustness(scored: Scored, *, threshold: float = 0.4321) -> Robustness:
    rng = np.random.default_rng(1)
    results = [_condition("clean", "clean", None, scored, threshold)]
    for family, levels in LEVELS.items():
        for place, level in enumerate(levels):
            share = 0.75 if family == "resaved" else 0.1 + 0.8 * place / 7
            weaker = scored.weakened(share, rng)
            name = f"{family}-{level:g}"
            title = f"{family} {level:g}" if family != "blur" else f"blur, σ {level:g} px"
            results.append(_condition(name, title, float(level), weaker, threshold))
    clean, resaved = results[0].auc, results[-1].auc
    change = None if clean is None or resaved is None else resaved - clean
    return Robustness(
        version=1,
        libraries={"Pillow": "11.0.0", "libjpeg-turbo": "3.0.1", "libwebp": "1.4.0"},
        threshold=threshold,
        temperature=1.3,
        results=tuple(results),
        format_check=FormatCheck(
            {"real": {"JPEG": 150}, "deepfake": {"PNG": 140, "JPEG": 10}},
            change,
            None if change is None else 0.00002,
        ),
    )


def _condition(
    name: str, title: str, level: float | None, scored: Scored, threshold: float
) -> ConditionResult:
    p = scored.p_deepfake(1.3)
    found = assess(scored.labels, p, threshold=threshold)
    c, auc = found.confusion, found.values["auc"]
    real, deepfake = c.tn + c.fp, c.fn + c.tp
    low, high = wilson_interval(c.tn + c.tp, real + deepfake)
    variance = auc_variance(scored.labels, p)
    reach = 1.96 * variance**0.5 if variance else None
    bounded = auc is not None and reach is not None
    return ConditionResult(
        name=name,
        family=name.partition("-")[0],
        level=level,
        title=title,
        confusion=c,
        accuracy=(c.tn + c.tp) / (real + deepfake),
        accuracy_low=low,
        accuracy_high=high,
        tpr=c.tp / deepfake if deepfake else None,
        fpr=c.fp / real if real else None,
        auc=auc,
        auc_low=max(0.0, auc - reach) if bounded else None,
        auc_high=min(1.0, auc + reach) if bounded else None,
        failed=1 if name == "webp-50" else 0,
    )


def draw_face(seed: int, size: tuple[int, int] = (192, 150)) -> bytes:
    """A small JPEG file of something round."""
    shade = random.Random(seed)
    image = Image.new("RGB", size, tuple(shade.randrange(40, 220) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    width, height = size
    pen.ellipse((width * 0.3, height * 0.15, width * 0.7, height * 0.85), (224, 184, 152))
    for x in (0.42, 0.58):
        pen.ellipse((width * x - 6, height * 0.4, width * x + 6, height * 0.48), (40, 40, 60))
    pen.arc((width * 0.4, height * 0.5, width * 0.6, height * 0.7), 20, 160, (150, 40, 50), 3)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=80)
    return file.getvalue()


def choose_examples(
    scored: Scored, sources: list[str], reading: Reading, *, of_each: int = 6
) -> tuple[Example, ...]:
    p = scored.p_deepfake(reading.temperature)
    called = (p >= reading.threshold).astype(int)
    examples = []
    for is_right in (True, False):
        for label in (REAL, DEEPFAKE):
            inside = np.flatnonzero((scored.labels == label) & ((called == label) == is_right))
            order = inside[np.argsort(-np.abs(p[inside] - reading.threshold))][:of_each]
            for i in order.tolist():
                size = (192, 150) if i % 3 else (110, 192)
                name = f"{sources[i]}/{i:06d}.png"
                examples.append(Example(name, label, float(p[i]), is_right, draw_face(i, size)))
    return tuple(examples)


def make_run(**changes: Any) -> Run:
    values: dict[str, Any] = {
        "id": 2,
        "uuid": "6b0f2c1e-0000-4000-8000-000000000002",
        "experiment": "b4-baseline",
        "number": 2,
        "status": Status.COMPLETED,
        "config": ExperimentConfig(),
        "recipe_digest": "sha256:" + "0a1b2c3d" * 8,
        "directory": "b4-baseline/2",
        "home": "/home/someone/runs",
        "weights": {"source": "timm", "tag": "efficientnet_b4.ra2_in1k", "digest": DIGEST},
        "data": tuple(
            SplitSummary(split, DIGEST, CONTENT_DIGEST, half, half)
            for split, half in (("train", 700), ("val", 150))
        ),
        "best_epoch": 9,
        "created_at": START,
        "seconds": 920.0,
        "message": None,
        "host": "workstation",
        "tags": ("paper",),
        "note": None,
    }
    return Run(**{**values, **changes})


def make_report(
    scored: Scored | None = None,
    *,
    run: Run | None = None,
    sources: list[str] | None = None,
    epochs: int = 15,
    robust: bool = True,
    in_sample: bool = False,
    own: bool = False,
    resamples: int = 200,
    data: dict[str, Any] | None = None,
    **changes: Any,
) -> EvaluationReport:
    """A report.

    Args:
        scored: What was scored.
        run: Whose.
        sources: Class and subfolder of each image; `[]` for none.
        epochs: Of its history.
        robust: Whether the suite was gone through.
        in_sample: Whether these are the run's own validation images, else another test set.
        own: Whether the run has a result on its own test split.
        data: Changes to `ScoredData`.
        changes: To `EvaluationDetail`.
    """
    scored = draw(150, 150) if scored is None else scored
    run = make_run() if run is None else run
    names = _draw_sources(scored.labels) if sources is None else sources
    if in_sample:
        headline = read(scored, "uncalibrated", threshold=0.5, temperature=1.0, resamples=resamples)
        others = [read(scored, is_in_sample=True, resamples=resamples)]
    else:
        headline = read(scored, resamples=resamples)
        others = [read(scored, "half", threshold=0.5, resamples=resamples)]
    counts = headline.confusion
    p = scored.p_deepfake(headline.temperature)
    labels = scored.labels
    grouped = assess_groups(names, labels, p, threshold=headline.threshold) if names else ()
    images: dict[str, Any] = {
        "name": "faces" if in_sample else "other_faces",
        "root": "/data/faces" if in_sample else "/data/other_faces",
        "split": "val" if in_sample else "test",
        "is_own": in_sample,
        "digest": DIGEST,
        "content_digest": CONTENT_DIGEST,
        "real": counts.tn + counts.fp,
        "deepfake": counts.fn + counts.tp,
        "limit": None,
        "skipped": (),
    }
    values: dict[str, Any] = {
        "architecture": "efficientnet_b4.ra2_in1k",
        "image_size_px": 380,
        "device": "cuda: RTX 4070 Ti",
        "precision": "bfloat16",
        "threshold_rule": "balanced",
        "data": ScoredData(**{**images, **(data or {})}),
        "overlap": Overlap(train=0, val=len(labels) if in_sample else 0, either=0),
        "headline": headline,
        "others": tuple(others),
        "groups": grouped,
        "robustness": make_robustness(scored) if robust else None,
        "resamples": resamples,
        "seed": 0,
        "seconds": 83.2,
    }
    detail = EvaluationDetail(**{**values, **changes})
    evaluation = make_evaluation(detail, test_use=None if in_sample else 1)
    fallback = [("real", "deepfake")[label] for label in labels.tolist()]
    return EvaluationReport(
        run=run,
        reason="the best of 4 runs by val_accuracy",
        evaluation=evaluation,
        epochs=make_epochs(epochs),
        roc=roc_points(labels, p),
        precision_recall=precision_recall_points(labels, p),
        reliability=reliability_curve(labels, p),
        histogram=score_histogram(labels, p),
        examples=choose_examples(scored, names or fallback, headline),
        own=_make_own(run, resamples) if own else None,
        version="0.5.0",
    )


def make_evaluation(detail: EvaluationDetail, *, test_use: int | None) -> Evaluation:
    """As the store has it."""
    values = detail.headline.values
    assert values["accuracy"] is not None and values["loss"] is not None
    return Evaluation(
        epoch=9,
        split=detail.data.split,
        dataset_digest=detail.data.digest,
        threshold=detail.headline.threshold,
        accuracy=values["accuracy"],
        precision=values["precision"],
        recall=values["recall"],
        f1=values["f1"],
        auc=values["auc"],
        average_precision=values["average_precision"],
        loss=values["loss"],
        confusion=detail.headline.confusion,
        predictions="b4-baseline/2/evaluations/0001-test-e0009/predictions.csv",
        created_at=START,
        origin="evaluate",
        dataset=detail.data.name,
        folder="b4-baseline/2/evaluations/0001-test-e0009",
        test_use=test_use,
        detail=detail,
    )


def _make_own(run: Run, resamples: int) -> Evaluation:
    own = make_report(
        draw(100, 100, skill=4, seed=3),
        run=run,
        robust=False,
        resamples=resamples,
        data={"name": "faces", "root": "/data/faces", "is_own": True},
    )
    return own.evaluation


def replace_detail(report: EvaluationReport, **changes: Any) -> EvaluationReport:
    """The report with other values in its detail."""
    detail = replace(report.detail, **changes)
    return replace(report, evaluation=replace(report.evaluation, detail=detail))


def _draw_sources(labels: Labels) -> list[str]:
    return [
        f"deepfake/{GENERATORS[i % 4]}" if label == DEEPFAKE else f"real/{CAMERAS[i % 2]}"
        for i, label in enumerate(labels.tolist())
    ]
