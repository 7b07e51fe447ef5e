"""The frozen values of tidying up: what rows say of files, and what would be removed and why.

The runs themselves are in `dfx.records`. Nothing here looks at a disk or a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from dfx.records import Run, Status


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a row names.

    Attributes:
        path: Relative to the home, with forward slashes.
        epoch: Of the row.
        step: Of a checkpoint's row, optimiser steps done; 0 for predictions.
        stands: False where the run went back to a point before it.
        bytes: As recorded; None for predictions.
        sha256: As above.
    """

    kind: Literal["last", "best", "predictions"]
    path: str
    epoch: int
    step: int
    stands: bool
    bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class RunFiles:
    """A run and all files that its rows name, those that no longer stand among them.

    Attributes:
        name: The reference `experiment/number`.
        home: The home its files are in, as an absolute path on the host that made it.
        directory: Folder of its files, relative to the home.
        host: Name of the machine that made it.
        worker_host: Name of the machine that worked on it last.
        files: Newest first.
        folders: Of the evaluations made by hand, relative to the home.
    """

    id: int
    uuid: str
    name: str
    status: Status
    home: str
    directory: str
    host: str
    worker_host: str
    files: tuple[NamedFile, ...]
    folders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing one run takes away.

    Attributes:
        epochs: Finished ones that are recorded.
        home: What its paths are relative to; None where its files are elsewhere.
        files: Bytes of each file that goes, by path relative to the home.
        foreign: What its folder holds that dfx did not write, and so stays.
        elsewhere: Where its files are instead, where they are out of reach and kept.
    """

    run: Run
    epochs: int
    home: Path | None
    files: Mapping[str, int]
    foreign: tuple[str, ...] = ()
    elsewhere: str | None = None

    @property
    def bytes(self) -> int:
        """Of all files that go."""
        return sum(self.files.values())


class LeftoverKind(StrEnum):
    """What a leftover is."""

    DRAFT = "draft"
    CHECKPOINT = "checkpoint"
    PREDICTIONS = "predictions"
    EVALUATION = "evaluation"
    REMOVED_RUN = "removed run"
    UNKNOWN_RUN = "unknown run"
    PATCH = "patch"
    IMAGE_LIST = "image list"
    DATABASE_COPY = "database copy"
    MISSING = "missing file"


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that nothing needs, or a row whose file or folder is gone.

    Attributes:
        path: Relative to the home; of a folder where a whole run or evaluation was left behind.
        bytes: What removing it frees; 0 for a row whose file is gone.
        run: Name of the run it belongs to; None where it belongs to none that is known.
        removable: Whether it goes; else `why` says what to do about it.
        why: For the person.
        is_recorded: Whether a row names it, which is dropped first.
    """

    kind: LeftoverKind
    path: str
    bytes: int
    run: str | None
    removable: bool
    why: str
    run_id: int | None = None
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What was found in a home.

    Attributes:
        items: What goes before what is only reported.
        skipped: Runs and folders that were left alone, and why.
    """

    home: Path
    items: tuple[Leftover, ...]
    skipped: tuple[tuple[str, str], ...]

    @property
    def removable(self) -> tuple[Leftover, ...]:
        """What goes."""
        return tuple(item for item in self.items if item.removable)

    @property
    def reported(self) -> tuple[Leftover, ...]:
        """What stays, and should be looked at."""
        return tuple(item for item in self.items if not item.removable)

    @property
    def bytes(self) -> int:
        """Of what goes."""
        return sum(item.bytes for item in self.removable)


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of leftovers that were to be removed.

    Attributes:
        removed: In their order.
        kept: Path of each that stayed after all, or in part, and why.
        failed: Path of each that could not be removed, and why.
    """

    removed: tuple[Leftover, ...]
    kept: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
