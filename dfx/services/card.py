"""What a model card is made of: a weights file, and the record of the run that it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import timm
import torch

from dfx import __version__
from dfx.config import ExperimentConfig
from dfx.evaluation.intervals import wilson_interval
from dfx.models.safetensors_folder import TIMM_WITH_FOLDERS
from dfx.models.weights import Weights
from dfx.records import Evaluation, RunDetail
from dfx.records.evaluation import Interval
from dfx.records.model_card import CardRecord, ModelCard

_PATHS = ("data.root", "model.weights_file")
"""Configuration keys whose values are paths."""


def compose_card(
    weights: Weights, *, parameters: int, digest: str, record: RunDetail | None
) -> ModelCard:
    """All that a card shows.

    Args:
        weights: What the card is of.
        parameters: How many the network has.
        digest: Of the weights file.
        record: Of the run; None where only the weights file is at hand.
    """
    # What an older dfx did not know was off, as it is by default.
    config = {**ExperimentConfig().flat(), **weights.config}
    return ModelCard(
        run=weights.run,
        run_uuid=weights.run_uuid,
        epoch=weights.epoch,
        step=weights.step,
        architecture=weights.architecture,
        parameters=parameters,
        preprocessing=weights.preprocessing,
        threshold=weights.threshold,
        temperature=weights.temperature,
        precision=weights.precision,
        metrics=weights.metrics,
        config={
            key: _last_name(value) if key in _PATHS else value for key, value in config.items()
        },
        training_images=weights.training_images,
        digest=digest,
        software={"dfx": __version__, "torch": torch.__version__, "timm": timm.__version__},
        timm_needed=TIMM_WITH_FOLDERS,
        record=None if record is None else _extract(record, weights.epoch),
    )


def _extract(record: RunDetail, epoch: int) -> CardRecord:
    run = record.run
    of_epoch = [each for each in record.evaluations if each.epoch == epoch]
    shown = _keep_newest(of_epoch, record)
    with_suite = (each for each in of_epoch if each.detail and each.detail.robustness)
    environment = _find_environment(record, epoch)
    code = environment.get("code") or {}
    versions = {**environment.get("packages", {}), **environment}
    return CardRecord(
        data=run.data,
        epochs=len(record.epochs),
        evaluations=shown,
        training_interval=next((_find_interval(each) for each in shown if not each.detail), None),
        robustness=_keep_newest(with_suite, record),
        # Numbers are given without a gap, so the last one is the count.
        test_uses=record.test_uses[-1].number if record.test_uses else 0,
        initial={
            key: _last_name(value) if key == "path" else value for key, value in run.weights.items()
        },
        software={name: versions[name] for name in ("dfx", "torch", "timm") if name in versions},
        revision=code.get("revision"),
        is_revision_all=code.get("patch") is None and not code.get("untracked"),
    )


def _keep_newest(evaluations: Iterable[Evaluation], record: RunDetail) -> tuple[Evaluation, ...]:
    """The newest on each set of images, by content; without the folders they were in."""
    newest = {_identify(each, record): _without_folder(each) for each in evaluations}

    def place(evaluation: Evaluation) -> tuple[bool, bool]:
        is_other = evaluation.detail is not None and not evaluation.detail.data.is_own
        return evaluation.split != "test", is_other

    return tuple(sorted(newest.values(), key=place))


def _identify(evaluation: Evaluation, record: RunDetail) -> tuple[str, str]:
    if evaluation.detail is not None:
        return evaluation.split, evaluation.detail.data.content_digest
    summary = record.run.find_split(evaluation.split)
    return evaluation.split, summary.content_digest if summary else evaluation.dataset_digest


def _find_interval(evaluation: Evaluation) -> Interval:
    c = evaluation.confusion
    low, high = wilson_interval(c.tn + c.tp, c.tn + c.fp + c.fn + c.tp)
    return Interval(low, high, "wilson")


def _without_folder(evaluation: Evaluation) -> Evaluation:
    detail = evaluation.detail
    if detail is None:
        return evaluation
    return replace(evaluation, detail=replace(detail, data=replace(detail.data, root="")))


def _find_environment(record: RunDetail, epoch: int) -> Mapping[str, Any]:
    """What the attempt ran on that finished an epoch."""
    number = next((each.attempt for each in record.epochs if each.epoch == epoch), None)
    found = (each.environment for each in record.attempts if each.number == number)
    return next(found, {})


def _last_name(path: Any) -> Any:
    return (PurePath(path).name or None) if isinstance(path, str) else path
