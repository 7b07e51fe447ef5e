"""What the folders of evaluations by hand tell of them, where the database does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from dfx.records import Evaluation
from dfx.services.evaluation_files import (
    EVALUATION_FILE,
    EVALUATIONS,
    PREDICTIONS_FILE,
    load_evaluation,
)
from dfx.services.run_files import list_evaluation_folders
from dfx.services.testimony import read_evaluations

PassOver = Callable[[Path, str], None]


def find_by_hand(
    home: Path, directory: str, about: Mapping[str, Any], pass_over: PassOver
) -> tuple[Evaluation, ...]:
    """All evaluations by hand of a run, oldest first; of each, as much as is left.

    Args:
        home: Where the run's files are.
        directory: Folder of the run, relative to the home.
        about: What its newest checkpoint says; evaluations in it have no detail.
        pass_over: Told of each file that says something else than expected, and why.
    """
    found = list(_read_folders(home, directory, about["run"]["uuid"], pass_over))
    times = {each.created_at for each in found}
    found += [
        _move(each, home, directory)
        for each in read_evaluations(about) or ()
        if each.origin == "evaluate" and each.created_at not in times
    ]
    return tuple(sorted(found, key=lambda each: each.created_at))


def _read_folders(
    home: Path, directory: str, uuid: str, pass_over: PassOver
) -> Iterator[Evaluation]:
    for folder in list_evaluation_folders(home / directory):
        path = folder / EVALUATION_FILE
        if not path.is_file():  # it was cut off
            continue
        try:
            evaluation = load_evaluation(path, run_uuid=uuid)
        except (OSError, ValueError, RecursionError) as error:
            pass_over(path, f"it tells of no evaluation: {error}")
            continue
        if evaluation.origin != "evaluate" or _name(evaluation) != folder.name:
            pass_over(path, f"it tells of the evaluation {_name(evaluation) or 'of a training'}")
            continue
        yield _move(evaluation, home, directory)


def _name(evaluation: Evaluation) -> str:
    return PurePosixPath(evaluation.folder or "").name


def _move(evaluation: Evaluation, home: Path, directory: str) -> Evaluation:
    """The same where its files are now, as far as they are there."""
    folder = f"{directory}/{EVALUATIONS}/{_name(evaluation)}"
    if not _name(evaluation) or not (home / folder).is_dir():
        return replace(evaluation, folder=None, predictions=None)
    predictions = f"{folder}/{PREDICTIONS_FILE}"
    is_there = (home / predictions).is_file()
    return replace(evaluation, folder=folder, predictions=predictions if is_there else None)
