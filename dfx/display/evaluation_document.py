"""An evaluation flat, for JSON and as a row; what is undefined is None, never 0."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dfx.display.robustness import robustness_rows
from dfx.records import Evaluation
from dfx.records.evaluation import METRIC_NAMES, EvaluationDetail, Reading
from dfx.records.robustness import Robustness


def evaluation_document(run_name: str, evaluation: Evaluation) -> dict[str, Any]:
    """All of it: flat values, and where `dfx evaluate` made it the rest below names of their own.

    `readings`, `sources`, `robustness`, `undefined` and `skipped_images` are nested; every other
    value is flat. An interval of `auc` is `auc_low` and `auc_high`.
    """
    detail = evaluation.detail
    return {
        **evaluation_row(run_name, evaluation),
        **({} if detail is None else _nested(detail)),
    }


def evaluation_row(run_name: str, evaluation: Evaluation) -> dict[str, Any]:
    """The flat values alone."""
    confusion = evaluation.confusion
    row = {
        "run": run_name,
        "epoch": evaluation.epoch,
        "split": evaluation.split,
        "dataset_digest": evaluation.dataset_digest,
        "threshold": evaluation.threshold,
        "accuracy": evaluation.accuracy,
        "precision": evaluation.precision,
        "recall": evaluation.recall,
        "f1": evaluation.f1,
        "auc": evaluation.auc,
        "average_precision": evaluation.average_precision,
        "tn": confusion.tn,
        "fp": confusion.fp,
        "fn": confusion.fn,
        "tp": confusion.tp,
        "loss": evaluation.loss,
        "predictions": evaluation.predictions,
        "created_at": evaluation.created_at,
        "origin": evaluation.origin,
        "dataset": evaluation.dataset,
        "test_use": evaluation.test_use,
        "folder": evaluation.folder,
    }
    if evaluation.detail is not None:
        row |= _flat(evaluation.detail)
    return row


def _flat(detail: EvaluationDetail) -> dict[str, Any]:
    data, overlap, headline = detail.data, detail.overlap, detail.headline
    return {
        **_metrics(headline),
        "reading": headline.kind,
        "temperature": headline.temperature,
        "threshold_rule": detail.threshold_rule,
        "images": data.images,
        "real": data.real,
        "deepfake": data.deepfake,
        "skipped": len(data.skipped),
        "limit": data.limit,
        "repeated": data.repeated,
        "contradictory": data.contradictory,
        "data_root": data.root,
        "is_own_data": data.is_own,
        "content_digest": data.content_digest,
        "overlap_train": overlap.train,
        "overlap_val": overlap.val,
        "overlap": overlap.either,
        "overlap_unknown": overlap.unknown,
        "architecture": detail.architecture,
        "image_size_px": detail.image_size_px,
        "device": detail.device,
        "number_format": detail.precision,
        "resamples": detail.resamples,
        "bootstrap_seed": detail.seed,
        "seconds": detail.seconds,
    }


def _metrics(reading: Reading) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for name in METRIC_NAMES:
        interval = reading.intervals.get(name)
        values[name] = reading.values[name]
        values[f"{name}_low"] = None if interval is None else interval.low
        values[f"{name}_high"] = None if interval is None else interval.high
    return values


def _nested(detail: EvaluationDetail) -> dict[str, Any]:
    return {
        "undefined": dict(detail.headline.reasons),
        "formats": {name: dict(counts) for name, counts in detail.data.formats.items()},
        "skipped_images": [
            {"path": name, "reason": reason} for name, reason in detail.data.skipped
        ],
        "readings": [_reading(reading) for reading in (detail.headline, *detail.others)],
        "sources": [asdict(group) for group in detail.groups],
        "robustness": None if detail.robustness is None else _robustness(detail.robustness),
    }


def _robustness(robustness: Robustness) -> dict[str, Any]:
    return {
        "version": robustness.version,
        "libraries": dict(robustness.libraries),
        "threshold": robustness.threshold,
        "temperature": robustness.temperature,
        "conditions": robustness_rows(robustness),
        "format_check": asdict(robustness.format_check),
    }


def _reading(reading: Reading) -> dict[str, Any]:
    return {
        "kind": reading.kind,
        "threshold": reading.threshold,
        "temperature": reading.temperature,
        "is_in_sample": reading.is_in_sample,
        "images": reading.images,
        **_metrics(reading),
        "methods": {
            name: interval.method
            for name, interval in reading.intervals.items()
            if interval is not None
        },
        **asdict(reading.confusion),
        "undefined": dict(reading.reasons),
        "no_interval": {
            name: reason
            for name, reason in reading.interval_reasons.items()
            if name not in reading.reasons
        },
    }
