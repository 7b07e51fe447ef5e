"""Whether the difference between two runs is more than chance: their predictions side by side.

Needs no numpy; what does, the test of two AUCs, is in `dfx.services.auc_significance`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from dfx.errors import NotFoundError
from dfx.evaluation.paired import mcnemar_p
from dfx.records.leaderboard import PairedTest
from dfx.services.artefacts import get_artefact_home
from dfx.tracking.store import RunStore


class Scored(Protocol):
    """A run with predictions of some images, as `RunSummary` is with those of validation."""

    @property
    def run(self) -> str:
        """Its name."""

    @property
    def id(self) -> int:
        """Its id in the store."""

    @property
    def predictions(self) -> str | None:
        """Path of the predictions, relative to the home."""


class ScoredImage(NamedTuple):
    """A line of predictions, as it is written: truth, label, and p_deepfake."""

    truth: str
    label: str
    p_deepfake: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs' predictions of the same images, by image.

    Attributes:
        names: Of the runs.
    """

    names: tuple[str, str]
    first: Mapping[str, ScoredImage]
    second: Mapping[str, ScoredImage]


class NoPair(Exception):
    """Predictions of two runs are not to be had, or are not of the same images.

    Attributes:
        reason: Why, in words.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def compare_predictions(store: RunStore, first: Scored, second: Scored) -> PairedTest:
    """McNemar's test of two runs' best checkpoints, from their stored predictions.

    Args:
        store: Knows where their files are.
        first: The better one.
        second: The other, on the same images.

    Returns:
        The test; without figures but with a reason where predictions are not to be had.
    """
    try:
        return compare_verdicts(read_validation_pair(store, first, second))
    except NoPair as missing:
        return PairedTest(first.run, second.run, None, None, None, missing.reason)


def compare_verdicts(pair: Pair) -> PairedTest:
    """McNemar's test of two runs by their verdicts on the same images."""
    only_first = only_second = 0
    for image, ours in pair.first.items():
        theirs = pair.second[image]
        is_right, is_theirs_right = ours.label == ours.truth, theirs.label == theirs.truth
        only_first += is_right and not is_theirs_right
        only_second += is_theirs_right and not is_right
    return PairedTest(*pair.names, only_first, only_second, mcnemar_p(only_first, only_second))


def read_validation_pair(store: RunStore, first: Scored, second: Scored) -> Pair:
    """Two runs' predictions of the validation images that they share.

    Raises:
        NoPair: As `read_pair`, and where images of the same names and sizes have other contents.
    """
    read = [store.get_run(run.id).find_split("val") for run in (first, second)]
    if len({summary.content_digest for summary in read if summary is not None}) > 1:
        names = f"{first.run} and {second.run}"
        raise NoPair(f"the validation images of {names} differ, though not in names and sizes")
    return read_pair(store, first, second)


def read_pair(store: RunStore, first: Scored, second: Scored) -> Pair:
    """Two runs' predictions of the same images.

    Args:
        store: Knows where their files are.
        first: A run.
        second: Another.

    Raises:
        NoPair: Where they cannot be read, or name different images.
    """
    read = []
    for run in (first, second):
        try:
            read.append(_read_predictions(_find_predictions(store, run)))
        except NotFoundError as error:
            raise NoPair(error.message) from error
        except OSError as error:
            reason = f"the predictions of {run.run} cannot be read: {error.strerror}"
            raise NoPair(reason) from error
        except (LookupError, ValueError, csv.Error) as error:
            raise NoPair(f"the predictions of {run.run} are damaged") from error
    ours, theirs = read
    both = f"the predictions of {first.run} and {second.run}"
    if ours.keys() != theirs.keys():
        raise NoPair(f"{both} name different images")
    if any(line.truth != theirs[image].truth for image, line in ours.items()):
        raise NoPair(f"{both} have some images in different classes")
    return Pair((first.run, second.run), ours, theirs)


def _find_predictions(store: RunStore, run: Scored) -> Path:
    if run.predictions is None:
        raise NotFoundError(f"{run.run} has no stored predictions")
    return get_artefact_home(store, store.get_run(run.id)) / run.predictions


def _read_predictions(path: Path) -> dict[str, ScoredImage]:
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        image, *places = (header.index(name) for name in ("path", *ScoredImage._fields))
        truth, label, p_deepfake = places
        return {row[image]: ScoredImage(row[truth], row[label], row[p_deepfake]) for row in rows}
