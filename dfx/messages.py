"""What work in progress tells the one who watches, as frozen values.

They go from a service to whoever called it, one at a time; nothing is handed the trainer.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # `dfx --help` needs a notice's words, and not the records
    from dfx.records import EpochRecord, Evaluation, Run

Phase = Literal["training", "validation"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the current phase of an epoch is; at most ten a second.

    Attributes:
        loss: Mean over the phase so far.
        accuracy: Share right over the phase so far.
    """

    epoch: int
    epochs: int
    phase: Phase
    batch: int
    batches: int
    loss: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Counting:
    """How many images, or other things, some work other than training has done.

    Attributes:
        text: What is being done, such as `Reading train images`.
        unit: One of the things that are counted.
    """

    text: str
    done: int
    total: int
    unit: str = "image"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the person should read once.

    Attributes:
        level: `warning` where it may cost them something.
    """

    text: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """An epoch is recorded.

    Attributes:
        improved: Its weights are the best so far.
    """

    record: EpochRecord
    epochs: int
    improved: bool


@dataclass(frozen=True, slots=True)
class RunFinished:
    """A run is over, and this is the validation report of its best weights.

    Attributes:
        evaluation: None where there is none, since its files were lost and no epoch was better.
    """

    run: Run
    evaluation: Evaluation | None
    folder: Path


def counted(count: int, noun: str) -> str:
    """A number with what is counted.

    >>> counted(1, "file"), counted(1200, "image")
    ('1 file', '1 200 images')
    """
    number = f"{count:,}".replace(",", " ")
    return f"{number} {noun}" if count == 1 else f"{number} {noun}s"


def ordinal(number: int) -> str:
    """A number as a place in an order.

    >>> [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 21, 111)]
    ['1st', '2nd', '3rd', '4th', '11th', '12th', '21st', '111th']
    """
    is_teen = number % 100 in (11, 12, 13)
    ending = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


Message = Progress | Counting | Notice | EpochFinished | RunFinished


def resume_command(run: str, home: Path | None, *, processes: int = 1) -> str:
    """What a person types to go on with a run.

    Args:
        run: Its name.
        home: As given on the command line, so that the command works in the same place.
        processes: How many train it together.
    """
    program = "dfx" if processes == 1 else f"torchrun --nproc-per-node={processes} -m dfx"
    where = f" --home {shlex.quote(str(home))}" if home else ""
    return f"{program} resume {run}{where}"
