"""Whether one run came out as another: by what was recorded of each epoch, and by their weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from dfx.errors import WeightsError
from dfx.messages import Notice
from dfx.models.weights import load_weights
from dfx.records import EpochRecord, RunDetail

_COMPARED = (
    *("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_auc", "val_f1", "lr"),
)


def compare_outcomes(
    original: RunDetail, repeated: RunDetail, *, original_home: Path | None, home: Path
) -> Notice:
    """Says whether a repetition ended in what the original did.

    Args:
        original: The run that was repeated.
        repeated: The repetition.
        original_home: Where the original's files are; None where that is another machine.
        home: Where those of the repetition are.
    """
    names = f"{repeated.run.name} and {original.run.name}"
    difference = find_difference(original, repeated)
    if difference:
        return Notice(f"{names} are not the same: {difference}", _level(original))
    count = len(repeated.epochs)
    same = f"{names} have the same recorded values in all {count} epochs"
    theirs = None if original_home is None else _digest_best(original, original_home)
    ours = _digest_best(repeated, home)
    if theirs is None or ours is None:
        return Notice(f"{same}; the best weights of {original.run.name} are not here to compare")
    if theirs != ours:
        return Notice(f"{same}, but their best weights are not the same", "warning")
    return Notice(f"{same}, and the same best weights, bit by bit (tensors {theirs})")


def find_difference(original: RunDetail, repeated: RunDetail) -> str | None:
    """The first value that is not the same, in words; None where all are."""
    for old, new in zip(original.epochs, repeated.epochs, strict=False):
        for name in _COMPARED:
            before, after = getattr(old, name), getattr(new, name)
            if before != after:
                return f"{name} of epoch {old.epoch} was {before!r} and is {after!r}" + _final(
                    original.epochs[-1], repeated.epochs[-1]
                )
    if len(original.epochs) != len(repeated.epochs):
        return f"{len(original.epochs)} epochs were finished, and {len(repeated.epochs)} are now"
    return None


def digest_tensors(state: Mapping[str, Tensor]) -> str:
    """SHA-256 of tensors by name, type, shape and bytes, with the algorithm as prefix."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name}\t{tensor.dtype}\t{tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return "sha256:" + digest.hexdigest()


def _final(old: EpochRecord, new: EpochRecord) -> str:
    return (
        f"; validation accuracy at the end {old.val_accuracy:.4f} (epoch {old.epoch})"
        f" and {new.val_accuracy:.4f} (epoch {new.epoch})"
    )


def _level(original: RunDetail) -> Literal["info", "warning"]:
    return "warning" if original.run.config.train.deterministic else "info"


def _digest_best(detail: RunDetail, home: Path) -> str | None:
    """The digest of the best weights; None where their file is gone or damaged."""
    best = [file for file in detail.checkpoints if file.kind == "best"]
    if not best:
        return None
    try:
        return digest_tensors(load_weights(home / best[0].path).state)
    except WeightsError:
        return None
