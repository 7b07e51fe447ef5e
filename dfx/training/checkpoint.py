"""Checkpoint files: written so that a crash at any instant leaves the old one or the new one whole.

A *last* checkpoint holds what `TrainingState.dump` gives and whose run it is. The *best* one is a
weights file, see `dfx.models.weights`.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from dfx.digests import hash_file
from dfx.errors import OUT_OF_SPACE, NoSpaceLeft, TrainingFailed, WeightsError
from dfx.models.weights import read_tensors

FORMAT = "dfx-checkpoint"
VERSION = 2
"""Version of the layout. Raise it when a key moves or changes meaning, and read the older ones.

2: `tally` has a row per process; it was a single one.
"""


def dump_checkpoint(state: Mapping[str, Any], about: Mapping[str, Any]) -> bytes:
    """The bytes of a *last* checkpoint.

    Args:
        state: As `TrainingState.dump` gave it.
        about: Plain values that tell whose it is: run, configuration, best weights, epochs so far.
    """
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "version": VERSION, "about": dict(about), **state}, buffer)
    return buffer.getvalue()


def load_checkpoint(path: Path, *, sha256: str) -> dict[str, Any]:
    """Reads a *last* checkpoint and checks that it is what was written.

    Raises:
        WeightsError: Where it is missing, changed, damaged, or of a newer version.
    """
    try:
        actual = hash_file(path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror or error}") from None
    if actual != sha256:
        raise WeightsError(f"{path} is not what was written: its digest is {actual}, not {sha256}")
    return read_checkpoint(path)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a *last* checkpoint whose digest nobody knows.

    Raises:
        WeightsError: Where it is missing, damaged, something else, or of a newer version.
    """
    content = read_tensors(path)
    if content.get("format") != FORMAT:
        raise WeightsError(f"{path} is not a checkpoint of dfx")
    if content["version"] > VERSION:
        raise WeightsError(
            f"{path} has version {content['version']}; this dfx reads up to {VERSION}",
            hint="upgrade dfx: pip install --upgrade dfx",
        )
    return content


def write_durably(path: Path, data: bytes) -> str:
    """Writes a new file: draft, flush, fsync, rename, fsync of the folder.

    Returns:
        Its SHA-256, with the algorithm as prefix.

    Raises:
        NoSpaceLeft: Where the disk is full, naming the path and the bytes needed.
        TrainingFailed: Where it cannot be written for another reason, naming the same.
    """
    # Several processes may write one file of content that they share.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        message = f"cannot write {path} ({len(data):,} bytes): {error.strerror or error}"
        if error.errno in OUT_OF_SPACE:
            raise NoSpaceLeft(
                message, hint="free some space, then `dfx resume`; the checkpoint before it stands"
            ) from None
        raise TrainingFailed(
            message,
            hint="see that it can be, then `dfx resume`; the checkpoint before it stands",
        ) from None
    return "sha256:" + hashlib.sha256(data).hexdigest()


def remove_drafts(folder: Path) -> None:
    """Removes what writers that were killed have left; for the one who alone writes there."""
    for draft in folder.glob(".*.draft"):
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
