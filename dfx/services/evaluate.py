"""Evaluating a run: its best weights on one split of a data set, recorded with all that is found.

The order is that of every record here: a use of a test split is counted before any of its images is
opened, and files are written before the row that names them. What the scores amount to is put
together in `dfx.services.appraisal`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from dfx.data.index import SplitIndex
from dfx.errors import DataError, NoSpaceLeft, NotFoundError, StoreError, TrainingFailed
from dfx.evaluation.inference import Scores
from dfx.evaluation.precision import resolve_precision
from dfx.messages import Message, Notice, counted, ordinal
from dfx.models.device import describe_device, resolve_device
from dfx.models.weights import Weights
from dfx.records import Evaluation, Split
from dfx.records.report import EvaluationReport
from dfx.records.robustness import Robustness
from dfx.services.appraisal import Scored, appraise, compose_report, flatten, read_p_deepfake
from dfx.services.best_weights import BestWeights, find_best_weights
from dfx.services.evaluation_files import (
    EVALUATION_FILE,
    PREDICTIONS_FILE,
    REPORT_FILE,
    REPORT_NAMES,
    dump_evaluation,
    make_folder,
)
from dfx.services.home import find_home, open_store, require_writable
from dfx.services.image_lists import dump_predictions
from dfx.services.robustness import measure_robustness
from dfx.services.scored_data import ChosenData, check_chosen, choose_data
from dfx.services.scoring import Scorer
from dfx.tracking.store import RunStore
from dfx.training.checkpoint import write_durably

Notify = Callable[[Message], None]
Render = Callable[[EvaluationReport], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Request:
    """What shall be evaluated, and how.

    Attributes:
        reference: Which run; the bare name of an experiment means its best.
        data: A data folder; the run's own where None.
        split: Which split of it; where None, validation, or the one that the folder is itself.
        limit: The most images of each class; None takes all, or as many as the training did.
        robustness: Whether they are scored under each change of the suite too.
        device: As `resolve_device` takes it.
        batch_size: Images at a time; as in training where None.
        workers: Loader processes; as in training where None.
    """

    reference: str
    data: Path | None = None
    split: Split | None = None
    limit: int | None = None
    robustness: bool = False
    device: str = "auto"
    batch_size: int | None = None
    workers: int | None = None


def evaluate(
    request: Request, *, home: Path | None, render: Render, notify: Notify
) -> EvaluationReport:
    """Scores the best weights of a run, writes the report, and records both.

    Args:
        request: What shall be evaluated.
        home: As given on the command line.
        render: Makes the files of the report, by their names.
        notify: Told how far it is, and what the person should read.

    Raises:
        NotFoundError: Where there is no such run, or it has no weights.
        DataError: Where the images cannot be used.
        StoreError: Where nothing can be written.
    """
    started = time.monotonic()
    with open_store(find_home(home), create=False) as store:
        best = find_best_weights(store, request.reference)
        require_writable(best.home)
        weights = best.load()
        origin = best.reason or "as asked for"
        notify(Notice(f"Evaluating {best.run.name}, epoch {weights.epoch}: {origin}"))
        settings = store.read_settings([best.run.id])[best.run.id]
        scorer = _prepare_scorer(weights, settings, request)
        chosen = choose_data(
            best.run,
            settings,
            data=request.data,
            split=request.split,
            limit=request.limit,
            notify=notify,
        )
        test_use = _count_test_use(store, best, weights, chosen, notify)
        index = check_chosen(chosen, memory=best.home / ".images" / "checked.tsv", notify=notify)
        scored = _score(scorer, chosen, index, notify)
        robustness = None
        if request.robustness:
            robustness = _go_through_suite(scorer, scored, weights, notify)
        detail = appraise(
            best,
            weights,
            scored,
            robustness,
            device=describe_device(scorer.device),
            precision=scorer.precision,
            started=started,
        )
        with _make_room(best, chosen.split, weights.epoch) as folder:
            evaluation = flatten(
                detail,
                epoch=weights.epoch,
                folder=folder,
                predictions=f"{folder}/{PREDICTIONS_FILE}",
                test_use=test_use,
            )
            report = compose_report(store.get_detail(best.run.id), best.reason, evaluation, scored)
            files = {
                PREDICTIONS_FILE: _list_predictions(scored, evaluation),
                **render(report),
                EVALUATION_FILE: dump_evaluation(evaluation, run_uuid=best.run.uuid),
            }
            for name, content in files.items():
                write_durably(best.home / folder / name, content)
            store.record_evaluation(best.run.id, evaluation)
    notify(Notice(f"Report: {best.home / folder / REPORT_FILE}"))
    return report


def _prepare_scorer(weights: Weights, settings: Mapping[str, Any], request: Request) -> Scorer:
    device = resolve_device(request.device)
    return Scorer(
        module=weights.build().to(device, memory_format=torch.channels_last),  # type: ignore[call-overload]  # torch's stubs lack it
        device=device,
        preprocessing=weights.preprocessing,
        # As in training, so that its numbers come out again.
        precision=resolve_precision(weights.precision, device),
        batch_size=request.batch_size or settings["data.batch_size"],
        workers=settings["data.workers"] if request.workers is None else request.workers,
    )


def _count_test_use(
    store: RunStore, best: BestWeights, weights: Weights, chosen: ChosenData, notify: Notify
) -> int | None:
    """Counts a use of a test split, and says which it is; None of another split."""
    if chosen.split != "test":
        return None
    number = store.record_test_use(
        best.run.id, epoch=weights.epoch, dataset=chosen.name, dataset_digest=chosen.digest
    )
    text = f"test split used, {ordinal(number)} time by {best.run.name}"
    if number > 1:
        text += ": what is changed after looking at it is no longer measured by it"
    notify(Notice(text, "info" if number == 1 else "warning"))
    return number


def _score(scorer: Scorer, chosen: ChosenData, index: SplitIndex, notify: Notify) -> Scored:
    """Scores the images; one that has become unreadable since it was checked is left out."""
    scores, failed = scorer.score(
        index.images, text=f"Scoring {chosen.split} images", notify=notify
    )
    if not len(scores.labels):
        raise DataError(f"none of the images in {chosen.root} can be read any more")
    kept = scores.indices
    index = replace(
        index,
        images=tuple(index.images[i] for i in kept),
        sha256=tuple(index.sha256[i] for i in kept),
        skipped=(*index.skipped, *((index.images[i].name, reason) for i, reason in failed)),
    )
    if index.skipped:
        shown = "".join(f"\n  {name}: {reason}" for name, reason in index.skipped[:5])
        more = len(index.skipped) - 5
        rest = f"\n  and {more} more; the report names all" if more > 0 else ""
        what = counted(len(index.skipped), "unreadable image")
        notify(Notice(f"{what} not scored:{shown}{rest}", "warning"))
    return Scored(chosen, index, replace(scores, indices=np.arange(len(kept))))


def _go_through_suite(
    scorer: Scorer, scored: Scored, weights: Weights, notify: Notify
) -> Robustness:
    def score(condition: Any, change: Any) -> tuple[Scores, int]:
        scores, failed = scorer.score(
            scored.index.images, text=f"Scoring: {condition.title}", notify=notify, change=change
        )
        return scores, len(failed)

    return measure_robustness(
        scored.index,
        scored.scores,
        threshold=weights.threshold,
        temperature=weights.temperature,
        score=score,
    )


def _list_predictions(scored: Scored, evaluation: Evaluation) -> bytes:
    return dump_predictions(
        [image.name for image in scored.index.images],
        scored.scores.labels.tolist(),
        read_p_deepfake(scored, evaluation).tolist(),
        threshold=evaluation.threshold,
    )


@contextmanager
def _make_room(best: BestWeights, split: Split, epoch: int) -> Iterator[str]:
    """The folder of a new evaluation, for as long as nothing goes wrong before it is recorded.

    Raises:
        NotFoundError: Where the run was removed meanwhile.
        StoreError: Where the disk is full, or something cannot be written.
    """
    folder = make_folder(best.home, best.run.directory, split=split, epoch=epoch)
    try:
        yield folder
    except BaseException as error:
        _take_back(best.home / PurePosixPath(folder), with_run=isinstance(error, NotFoundError))
        if isinstance(error, NoSpaceLeft | TrainingFailed | StoreError):
            kind = NoSpaceLeft if isinstance(error, NoSpaceLeft) else StoreError
            raise kind(
                error.message, hint="nothing was recorded; mend that, then evaluate again"
            ) from None
        raise


def _take_back(folder: Path, *, with_run: bool) -> None:
    """Removes the folder of an evaluation that is not recorded, and that of a run that is gone."""
    with suppress(OSError):  # `dfx gc` takes what stays
        for name in REPORT_NAMES:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
        folder.parent.rmdir()  # unless another evaluation is in it
        if with_run:
            folder.parent.parent.rmdir()
