"""The frozen values of the matrix: runs by data sets."""

from __future__ import annotations

from dataclasses import dataclass

from dfx.records import RunSummary, Split
from dfx.records.boards import SetScores
from dfx.records.leaderboard import Metric


@dataclass(frozen=True, slots=True)
class MatrixColumn:
    """A set of images that some run was scored on.

    Attributes:
        dataset: What the data set is called, by the newest evaluation.
        content_digest: None where the contents are not known, and names and sizes have to do.
        classes: Real images and deepfakes that the newest evaluation scored.
    """

    split: Split
    dataset: str | None
    dataset_digest: str
    content_digest: str | None
    classes: tuple[int, int]

    @property
    def set_digest(self) -> str:
        """What tells its set from others of the split: names and contents, or sizes without."""
        return self.content_digest or self.dataset_digest


@dataclass(frozen=True, slots=True)
class MatrixCell:
    """How a run does on a set.

    Attributes:
        value: The metric; None where it is undefined or not known.
        low: Lower end of its 95 % interval; None where there is none.
        high: Upper end.
        is_own: Whether it is the data the run was trained on.
        is_optimistic: Whether something of the run was chosen or fitted on these very images.
        seen: Images of the set that the run has trained or validated on; None where not known.
        scores: The evaluation; None where training's own report of the best epoch is meant.
    """

    value: float | None
    low: float | None
    high: float | None
    is_own: bool
    is_optimistic: bool
    seen: int | None
    scores: SetScores | None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The worst a run does on data that are not its own, and of which it has seen nothing.

    Attributes:
        column: Place of the set among the matrix's columns.
        change: Value less that on its own test images, the most of them that it was scored on, or
            on its validation images where it was not scored on those; None where neither is known.
    """

    column: int
    value: float
    change: float | None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    """One run on all sets.

    Attributes:
        content_digest: Of the validation images that its best epoch was chosen on; None where not
            known.
        own: On these images.
        cells: For each of the matrix's columns; None where it was not scored.
        worst: None where it was not scored on data that are new to it.
    """

    summary: RunSummary
    content_digest: str | None
    own: MatrixCell
    cells: tuple[MatrixCell | None, ...]
    worst: Elsewhere | None


@dataclass(frozen=True, slots=True)
class Matrix:
    """Runs by data sets.

    Attributes:
        metric: What the cells show, one of `SET_METRICS`.
        columns: In the order in which they were first scored; those that are the own data of a
            run before the others.
        rows: Runs that were scored on one of them, in the order of the leaderboard.
        omitted: Runs that a limit has left out.
        others: Names of runs with weights that have been scored by training alone.
        is_filtered: Whether some runs were not asked for.
    """

    metric: Metric
    columns: tuple[MatrixColumn, ...]
    rows: tuple[MatrixRow, ...]
    omitted: int
    others: tuple[str, ...]
    is_filtered: bool
