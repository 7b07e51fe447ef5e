"""What the scores of a set amount to: readings, sources, overlap and curves, as one evaluation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from dfx import __version__
from dfx.data.index import SplitIndex
from dfx.evaluation.bootstrap import RESAMPLES
from dfx.evaluation.curves import precision_recall_points, roc_points, score_histogram
from dfx.evaluation.groups import assess_groups
from dfx.evaluation.inference import Scores
from dfx.evaluation.reliability import reliability_curve
from dfx.models.weights import Weights
from dfx.records import DEEPFAKE, REAL, Evaluation, RunDetail
from dfx.records.evaluation import EvaluationDetail, GroupResult, Reading, ScoredData
from dfx.records.report import EvaluationReport
from dfx.records.robustness import Robustness
from dfx.services.best_weights import BestWeights
from dfx.services.examples import choose_examples
from dfx.services.readings import SEED, Fitted, read_scores
from dfx.services.scored_data import ChosenData, find_overlap
from dfx.services.sources import count_formats, list_sources


@dataclass(frozen=True, slots=True)
class Scored:
    """Images with their scores.

    Attributes:
        chosen: What was to be scored.
        index: The images that were, in the order of the scores, and those that could not be read.
        scores: Uncalibrated.
    """

    chosen: ChosenData
    index: SplitIndex
    scores: Scores


def appraise(
    best: BestWeights,
    weights: Weights,
    scored: Scored,
    robustness: Robustness | None,
    *,
    device: str,
    precision: str,
    started: float,
) -> EvaluationDetail:
    """Judges the scores in every way that is told.

    Args:
        best: Whose weights gave them.
        weights: With the threshold and the temperature they carry.
        scored: The images and their scores.
        robustness: What the suite of changes has shown, where it was gone through.
        device: What it was computed on, in words.
        precision: Number format of the forward pass.
        started: When the evaluation began, by `time.monotonic`.
    """
    known = find_overlap(best.run, best.home, scored.chosen, scored.index)
    headline, others = read_scores(
        scored.scores,
        Fitted(weights.threshold, weights.temperature),
        is_in_sample=known.is_in_sample,
        seen=known.seen,
    )
    return EvaluationDetail(
        architecture=weights.architecture,
        image_size_px=weights.preprocessing.image_size_px,
        device=device,
        precision=precision,
        threshold_rule=str(weights.config["evaluate.threshold"]),
        data=_describe(scored),
        overlap=known.overlap,
        headline=headline,
        others=others,
        groups=_judge_sources(scored, headline),
        robustness=robustness,
        resamples=RESAMPLES,
        seed=SEED,
        seconds=time.monotonic() - started,
    )


def flatten(
    detail: EvaluationDetail, *, epoch: int, folder: str, predictions: str, test_use: int | None
) -> Evaluation:
    """The evaluation whose flat values are those of the headline.

    Args:
        detail: All of it.
        epoch: Of the weights.
        folder: Of the report, relative to the home.
        predictions: Path of the per-image predictions, relative to the home.
        test_use: Which use of a test split it is; None of another one.
    """
    headline = detail.headline
    values = headline.values
    accuracy, loss = values["accuracy"], values["loss"]
    if accuracy is None or loss is None:
        raise ValueError("accuracy and loss are defined of any image")
    return Evaluation(
        epoch=epoch,
        split=detail.data.split,
        dataset_digest=detail.data.digest,
        threshold=headline.threshold,
        accuracy=accuracy,
        precision=values["precision"],
        recall=values["recall"],
        f1=values["f1"],
        auc=values["auc"],
        average_precision=values["average_precision"],
        loss=loss,
        confusion=headline.confusion,
        predictions=predictions,
        created_at=datetime.now(UTC),
        origin="evaluate",
        dataset=detail.data.name,
        folder=folder,
        test_use=test_use,
        detail=detail,
    )


def compose_report(
    record: RunDetail, reason: str | None, evaluation: Evaluation, scored: Scored
) -> EvaluationReport:
    """All that the report shows.

    Args:
        record: Of the run, with its epochs and its other evaluations.
        reason: Why this run was picked, where the reference left a choice.
        evaluation: As it will be recorded.
        scored: The images and their scores.
    """
    labels, p_deepfake = scored.scores.labels, read_p_deepfake(scored, evaluation)
    return EvaluationReport(
        run=record.run,
        reason=reason,
        evaluation=evaluation,
        epochs=record.epochs,
        roc=roc_points(labels, p_deepfake),
        precision_recall=precision_recall_points(labels, p_deepfake),
        reliability=reliability_curve(labels, p_deepfake),
        histogram=score_histogram(labels, p_deepfake),
        examples=choose_examples(scored.index, labels, p_deepfake, evaluation.threshold),
        own=_find_own(record, evaluation),
        version=__version__,
    )


def read_p_deepfake(scored: Scored, evaluation: Evaluation) -> NDArray[np.float64]:
    """p_deepfake of the images as the evaluation's headline has it, float64 [n]."""
    if evaluation.detail is None:
        raise ValueError("the evaluation says nothing of its temperature")
    return scored.scores.p_deepfake(evaluation.detail.headline.temperature)


def _describe(scored: Scored) -> ScoredData:
    chosen, summary = scored.chosen, scored.index.summarise()
    contents = zip(scored.index.images, scored.index.sha256, strict=True)
    by_class: dict[int, set[str]] = {REAL: set(), DEEPFAKE: set()}
    for image, sha256 in contents:
        by_class[image.label].add(sha256)
    real, deepfake = by_class[REAL], by_class[DEEPFAKE]
    return ScoredData(
        name=chosen.name,
        root=str(chosen.root),
        split=chosen.split,
        is_own=chosen.is_own,
        digest=summary.digest,
        content_digest=summary.content_digest,
        real=summary.real,
        deepfake=summary.deepfake,
        limit=chosen.limit,
        skipped=summary.skipped,
        repeated=len(scored.index.sha256) - len(set(scored.index.sha256)),
        contradictory=len(real & deepfake),
        formats=count_formats(scored.index.images),
    )


def _judge_sources(scored: Scored, headline: Reading) -> tuple[GroupResult, ...]:
    sources = list_sources(scored.index.images)
    if sources is None:
        return ()
    return assess_groups(
        sources,
        scored.scores.labels,
        scored.scores.p_deepfake(headline.temperature),
        threshold=headline.threshold,
    )


def _find_own(record: RunDetail, evaluation: Evaluation) -> Evaluation | None:
    """The fullest result on the same split of the run's own data, where that was not scored now."""
    if evaluation.detail is not None and evaluation.detail.data.is_own:
        return None
    found = [
        each
        for each in record.evaluations
        if (each.epoch, each.split) == (evaluation.epoch, evaluation.split)
        and (each.detail is None or each.detail.data.is_own)
    ]

    def fullness(each: Evaluation) -> tuple[int, bool, datetime]:
        c = each.confusion
        # Training's own says less than one that was made later.
        return c.tn + c.fp + c.fn + c.tp, each.detail is not None, each.created_at

    return max(found, key=fullness, default=None)
