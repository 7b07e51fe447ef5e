"""What lies in a home: folders of runs, files that runs share, and copies of the database.

Names and sizes only; what nothing needs is decided in `dfx.services.leftovers`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dfx.services.evaluation_files import EVALUATIONS
from dfx.services.run_files import (
    CHECKPOINTS,
    DRAFT_NAME,
    is_regular,
    list_entries,
    list_evaluation_folders,
    list_own_files,
    list_report_files,
)
from dfx.tracking.engine import DATABASE_NAME

YOUNG_SECONDS = 600
"""A file that was written less than so long ago may be about to get its row."""

_MEMORY_DRAFT = re.compile(r"checked\.tsv\.\d+", re.ASCII)


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file as it was found.

    Attributes:
        modified: Seconds since 1970, as the file system has it.
    """

    path: Path
    bytes: int
    modified: float

    @property
    def is_young(self) -> bool:
        """Whether somebody may still be at it."""
        return time.time() - self.modified < YOUNG_SECONDS


@dataclass(frozen=True, slots=True)
class ReportFolder:
    """The folder of an evaluation, with what dfx has written there.

    Attributes:
        modified: When something in it was last written, added or removed.
    """

    path: Path
    files: tuple[SeenFile, ...]
    modified: float

    @property
    def is_young(self) -> bool:
        """Whether somebody may still be at it."""
        return time.time() - self.modified < YOUNG_SECONDS


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A folder that is shaped like a run's, with what dfx has written there.

    Attributes:
        directory: Relative to the home, with forward slashes.
        files: Those of evaluations are not among them.
        evaluations: Folders of those made by hand, also empty ones.
        modified: When something in it was last written, added or removed.
    """

    path: Path
    directory: str
    files: tuple[SeenFile, ...]
    evaluations: tuple[ReportFolder, ...]
    modified: float

    @property
    def is_young(self) -> bool:
        """Whether somebody may still be at it."""
        return time.time() - self.modified < YOUNG_SECONDS


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a home.

    Attributes:
        patches: By digest, with the algorithm as prefix.
        image_lists: As above.
        drafts: Beside the files that runs share.
        unfinished: Copies of the database whose making was cut off.
        backups: Copies of the database, as one is made before each upgrade.
    """

    home: Path
    folders: tuple[RunFolder, ...]
    patches: tuple[tuple[str, SeenFile], ...]
    image_lists: tuple[tuple[str, SeenFile], ...]
    drafts: tuple[SeenFile, ...]
    unfinished: tuple[SeenFile, ...]
    backups: tuple[SeenFile, ...]


def survey_home(home: Path) -> Survey:
    """Looks at a home.

    Raises:
        StoreError: Where a folder cannot be read.
    """
    shared = [*list_entries(home / ".patches"), *list_entries(home / ".images")]
    copies = [path for path in list_entries(home) if path.name.startswith(f"{DATABASE_NAME}.")]
    return Survey(
        home=home,
        folders=tuple(_list_run_folders(home)),
        patches=_by_digest(home / ".patches", ".patch.gz"),
        image_lists=_by_digest(home / ".images", ".csv.gz"),
        drafts=_look_at_all(
            path
            for path in shared
            if DRAFT_NAME.fullmatch(path.name) or _MEMORY_DRAFT.fullmatch(path.name)
        ),
        unfinished=_look_at_all(path for path in copies if ".unfinished" in path.name),
        backups=_look_at_all(path for path in copies if path.name.endswith(".backup")),
    )


def look_at(path: Path) -> SeenFile | None:
    """A file, or None where there is none, or only a link to one."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    return SeenFile(path, status.st_size, status.st_mtime) if is_regular(path) else None


def _list_run_folders(home: Path) -> list[RunFolder]:
    found = []
    for experiment in list_entries(home):
        if experiment.name.startswith("."):
            continue
        found += [
            _look_into(path, f"{experiment.name}/{path.name}")
            for path in list_entries(experiment)
            if path.name.isdecimal() and path.is_dir() and not path.is_symlink()
        ]
    return found


def _look_into(path: Path, directory: str) -> RunFolder:
    evaluations = [
        ReportFolder(folder, files, _newest(files, folder))
        for folder in list_evaluation_folders(path)
        for files in [_look_at_all(list_report_files(folder))]
    ]
    own = _look_at_all(
        file for file in list_own_files(path) if file.parent in {path, path / CHECKPOINTS}
    )
    folders = (path, path / CHECKPOINTS, path / EVALUATIONS)
    times = [_newest(own, *folders), *(each.modified for each in evaluations)]
    return RunFolder(path, directory, own, tuple(evaluations), max(times))


def _newest(files: Iterable[SeenFile], *folders: Path) -> float:
    """When something in folders was last written, added or removed."""
    times = [file.modified for file in files]
    for folder in folders:
        with suppress(FileNotFoundError):  # somebody has just removed it
            times.append(folder.lstat().st_mtime)
    return max(times, default=time.time())


def _by_digest(folder: Path, suffix: str) -> tuple[tuple[str, SeenFile], ...]:
    name = re.compile(r"[0-9a-f]{64}" + re.escape(suffix), re.ASCII)
    seen = _look_at_all(path for path in list_entries(folder) if name.fullmatch(path.name))
    return tuple((f"sha256:{file.path.name.removesuffix(suffix)}", file) for file in seen)


def _look_at_all(paths: Iterable[Path]) -> tuple[SeenFile, ...]:
    return tuple(seen for seen in map(look_at, paths) if seen)
