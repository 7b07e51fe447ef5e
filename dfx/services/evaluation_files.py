"""Where an evaluation made by hand keeps its files: a numbered folder in that of its run.

What each file shows is not decided here, except for `evaluation.json`, from which the row of the
evaluation can be made anew after the database was lost.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter

from dfx.errors import OUT_OF_SPACE, NoSpaceLeft, StoreError
from dfx.records import Evaluation, Split
from dfx.records.evaluation import EvaluationDetail, dump_detail, load_detail
from dfx.tracking.backup import sync

EVALUATIONS = "evaluations"
"""Folder of the evaluations' folders, in that of the run."""

PREDICTIONS_FILE = "predictions.csv"
EVALUATION_FILE = "evaluation.json"
REPORT_FILE = "report.html"

REPORT_NAMES = (
    PREDICTIONS_FILE,
    EVALUATION_FILE,
    REPORT_FILE,
    "roc.png",
    "precision_recall.png",
    "confusion.png",
    "reliability.png",
    "curves.png",
    "examples.png",
    "robustness.png",
)
"""All that dfx writes into the folder of an evaluation, though not into every one."""

FOLDER_NAME = re.compile(
    r"(?P<number>\d{4,})-(?P<split>train|val|test)-e(?P<epoch>\d{4,})", re.ASCII
)
RESERVED_NAME = re.compile(r"\.(?P<number>\d{4,})\.draft", re.ASCII)
"""A folder that keeps a number until it has its name. One that stays is of a killed process."""

FILE_VERSION = 1
"""Version of `evaluation.json`, besides that of the detail in it."""


def make_folder(home: Path, directory: str, *, split: Split, epoch: int) -> str:
    """Makes the folder of a new evaluation, with a number that no other one of the run has.

    Args:
        home: Where the run's files are.
        directory: Folder of the run, relative to the home; it must be there.
        split: Which split is scored.
        epoch: Of the weights.

    Returns:
        Its path, relative to the home, with forward slashes.

    Raises:
        NoSpaceLeft: Where the disk is full.
        StoreError: Where it cannot be made.
    """
    parent = home / directory / EVALUATIONS
    try:
        parent.mkdir(exist_ok=True)
        number = max(_list_numbers(parent), default=0) + 1
        while True:
            name = f"{number:04d}-{split}-e{epoch:04d}"
            if _claim(parent, number, name):
                sync(parent)
                sync(parent.parent)
                return f"{directory}/{EVALUATIONS}/{name}"
            number += 1
    except OSError as error:
        message = f"cannot make a folder in {parent}: {error.strerror or error}"
        if error.errno in OUT_OF_SPACE:
            raise NoSpaceLeft(message, hint="free some space, then try again") from None
        raise StoreError(message, hint=f"see that {parent.parent} can be written to") from None


def _claim(parent: Path, number: int, name: str) -> bool:
    """Makes the folder, unless another one has its number, whatever it is called otherwise."""
    reserved = parent / f".{number:04d}.draft"
    try:
        reserved.mkdir()
    except FileExistsError:
        return False
    # Whoever had the number reserved before has given its folder a name by now.
    if any(FOLDER_NAME.fullmatch(path.name) for path in parent.glob(f"{number:04d}-*")):
        with suppress(OSError):
            reserved.rmdir()
        return False
    reserved.rename(parent / name)
    return True


def _list_numbers(parent: Path) -> list[int]:
    found = (
        FOLDER_NAME.fullmatch(path.name) or RESERVED_NAME.fullmatch(path.name)
        for path in parent.iterdir()
    )
    return [int(match["number"]) for match in found if match]


def is_by_hand(predictions: str) -> bool:
    """Whether a path of predictions is that of an evaluation by hand, and not of a training.

    The path alone tells, also of a database that an older dfx has written.
    """
    folder = PurePosixPath(predictions).parent
    return folder.parent.name == EVALUATIONS and FOLDER_NAME.fullmatch(folder.name) is not None


def dump_evaluation(evaluation: Evaluation, *, run_uuid: str) -> bytes:
    """The content of `evaluation.json`: the whole evaluation, and whose it is.

    Equal evaluations whose mappings are in the same order give the same bytes.

    Args:
        evaluation: With its detail.
        run_uuid: Of its run.

    Raises:
        ValueError: Where a number in it is not finite.
    """
    detail = evaluation.detail
    content = {
        "version": FILE_VERSION,
        "run": run_uuid,
        "evaluation": {
            **asdict(replace(evaluation, detail=None)),
            "created_at": evaluation.created_at.isoformat(),
            "detail": None if detail is None else dump_detail(detail),
        },
    }
    # Names that are not UTF-8 hold lone surrogates: only as escapes they come back as they were.
    return (json.dumps(content, indent=1, ensure_ascii=True, allow_nan=False) + "\n").encode()


def load_evaluation(path: Path, *, run_uuid: str | None = None) -> Evaluation:
    """Reads `evaluation.json`. Paths in it are those of when it was written.

    Args:
        path: The file.
        run_uuid: The run whose it must be; any where None.

    Raises:
        OSError: Where it cannot be read.
        ValueError: Where it is damaged, of a newer version, or of another run.
    """
    match json.loads(path.read_bytes()):
        case {
            "version": version,
            "run": run,
            "evaluation": {"detail": None | {} as detail, **rest},
        }:
            values: Mapping[Any, Any] = rest
        case _:
            raise ValueError("it holds no evaluation")
    if version != FILE_VERSION:
        raise ValueError(f"it has version {version!r}, not {FILE_VERSION}")
    if run_uuid not in (None, run):
        raise ValueError(f"it is of the run {run!r}")
    evaluation = _evaluations().validate_python(values)
    if evaluation.created_at.tzinfo is None:
        raise ValueError(f"its time {evaluation.created_at} has no zone")
    return replace(evaluation, detail=None if detail is None else load_detail(detail))


@cache
def _evaluations() -> TypeAdapter[Evaluation]:
    adapter = TypeAdapter(Evaluation)
    # In `dfx.records` that name is there for type checkers alone.
    adapter.rebuild(_types_namespace={"EvaluationDetail": EvaluationDetail})
    return adapter
