"""What of a home nothing needs, and which rows have lost their files. Nothing is changed here.

Everything that stands is kept, the best and last checkpoints of every run above all. What may be
all that is left of something, as the folder of a run that no row knows, is only reported.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dfx.records import Status
from dfx.records.inventory import Leftover, LeftoverKind, NamedFile, RunFiles
from dfx.services.evaluation_files import EVALUATION_FILE
from dfx.services.run_files import (
    CHECKPOINT_NAME,
    CHECKPOINTS,
    DRAFT_NAME,
    PREDICTIONS_NAME,
    REMOVED_MARK,
    is_regular,
)
from dfx.services.survey import ReportFolder, RunFolder, SeenFile

_KINDS = {
    "last": LeftoverKind.CHECKPOINT,
    "best": LeftoverKind.CHECKPOINT,
    "predictions": LeftoverKind.PREDICTIONS,
}


def find_reason_to_skip(run: RunFiles) -> str | None:
    """Why a run is left alone, or None: somebody works on it, or may wake up and go on."""
    if run.status is Status.RUNNING:
        return f"a process on {run.worker_host} is working on it"
    if run.status is Status.LOST and run.worker_host != socket.gethostname():
        return f"it was lost on {run.worker_host}, where its process may only be asleep"
    return None


@dataclass(frozen=True, slots=True)
class RunLeftovers:
    """Looks for what one known run does not need.

    Attributes:
        folder: Where its files are.
        seen: What was found there.
        evaluations: Folders of evaluations that were found there.
        unknown: Whether what may be newer than the record goes too.
    """

    home: Path
    run: RunFiles
    folder: Path
    seen: tuple[SeenFile, ...]
    evaluations: tuple[ReportFolder, ...]
    unknown: bool

    def find(self) -> Iterator[Leftover]:
        """Files without a row, files and rows that are superseded, rows without a file."""
        yield from self._find_unnamed()
        yield from self._find_unnamed_evaluations()
        yield from self._find_superseded()
        yield from self._find_missing()

    def _find_unnamed(self) -> Iterator[Leftover]:
        named = {file.path for file in self.run.files}
        for file in self.seen:
            path = file.path.relative_to(self.home).as_posix()
            name = file.path.name
            if path in named:
                continue
            if name == REMOVED_MARK or DRAFT_NAME.fullmatch(name):
                yield self._leftover(
                    LeftoverKind.DRAFT, path, "left by a process that was cut off", size=file.bytes
                )
            elif found := CHECKPOINT_NAME.fullmatch(name):
                yield self._judge(LeftoverKind.CHECKPOINT, path, file, found)
            elif (found := PREDICTIONS_NAME.fullmatch(name)) and not file.is_young:
                yield self._judge(LeftoverKind.PREDICTIONS, path, file, found)

    def _judge(
        self, kind: LeftoverKind, path: str, file: SeenFile, found: re.Match[str]
    ) -> Leftover:
        """A file without a row: of a writer that was killed, or of a record that was put back."""
        groups: Mapping[str, str | None] = found.groupdict()
        epoch, step = int(found["epoch"]), groups.get("step")
        # The best weights of an epoch, and its predictions, are written when it is over.
        reached = (epoch, int(step)) if step else (epoch + 1, 0)
        recorded = [
            (f.epoch, f.step)
            for f in self.run.files
            if f.kind == "last" and f.stands and (self.home / f.path).is_file()
        ]
        # Numbers of attempts tell nothing: with an older copy of the database they come again.
        if recorded and reached <= max(recorded):
            return self._leftover(
                kind, path, "no row names it, and the run has passed it", size=file.bytes
            )
        return self._leftover(
            kind,
            path,
            "no row names it, but it is newer than all that do: left by a killed process, or"
            " forgotten by a database that was put back. `dfx resume` passes it and removes it,"
            " `dfx db check --adopt` takes it up",
            size=file.bytes,
            removable=self.unknown,
        )

    def _find_unnamed_evaluations(self) -> Iterator[Leftover]:
        """Folders without a row, whether or not the run is done: evaluations need no attempt."""
        for folder in self.evaluations:
            path = folder.path.relative_to(self.home).as_posix()
            if folder.is_young or path in self.run.folders:
                continue
            # It is written last, just before the row.
            is_whole = any(file.path.name == EVALUATION_FILE for file in folder.files)
            why = "no row names it: left by an evaluation that was cut off"
            if is_whole:
                why = (
                    "no row names it: left by an evaluation that was killed at its end, or"
                    " forgotten by a database that was put back. `dfx db check --adopt` takes it up"
                )
            yield self._leftover(
                LeftoverKind.EVALUATION,
                path,
                why,
                size=sum(file.bytes for file in folder.files),
                removable=self.unknown or not is_whole,
            )

    def _find_superseded(self) -> Iterator[Leftover]:
        standing = {file.path for file in self.run.files if file.stands}
        kept = {file.path for file in self._list_last_resorts()}
        for file in self.run.files:
            if file.stands or file.path in standing | kept or not self._is_own(file):
                continue
            seen = self._find_size(file)
            if seen is None:
                yield self._leftover(
                    LeftoverKind.MISSING,
                    file.path,
                    "its row is superseded and the file is gone; the row goes too",
                    recorded=True,
                )
            else:
                yield self._leftover(
                    _KINDS[file.kind],
                    file.path,
                    "superseded: the run went back to before it",
                    size=seen,
                    recorded=True,
                )

    def _list_last_resorts(self) -> Iterator[NamedFile]:
        """The newest of a kind of which nothing stands."""
        for kind in ("last", "best"):
            files = [file for file in self.run.files if file.kind == kind]
            if not any(file.stands for file in files):
                yield from files[:1]

    def _find_missing(self) -> Iterator[Leftover]:
        standing = [f for f in self.run.files if f.stands and not self._is_by_hand(f)]
        missing = [file for file in standing if not (self.home / file.path).is_file()]
        needed = self._list_needed(standing)
        # Where one of these is gone, a disk may be missing: then no row is dropped.
        is_whole = not any(file in missing for file in needed)
        for file in missing:
            if file in needed:
                why = f"the {file.kind} file of epoch {file.epoch} is gone. {self._advise(file)}"
                removable = False
            elif not is_whole:
                why = f"the file is gone, as others of {self.run.name} are; its row stays"
                removable = False
            else:
                what = "its place is forgotten" if file.kind == "predictions" else "its row goes"
                why = f"the file is gone, and a newer one is there; {what}"
                removable = True
            yield self._leftover(
                LeftoverKind.MISSING, file.path, why, removable=removable, recorded=True
            )
        yield from self._find_missing_evaluations(is_whole=is_whole)

    def _find_missing_evaluations(self, *, is_whole: bool) -> Iterator[Leftover]:
        """Where files of an evaluation are gone, its numbers are still in its row, and stay."""
        lost = {
            path: "the folder of an evaluation is gone"
            for path in self.run.folders
            if not (self.home / path).is_dir()
        }
        lost |= {
            file.path: "the predictions of an evaluation are gone"
            for file in self.run.files
            if self._is_by_hand(file)
            and not (self.home / file.path).is_file()
            and str(PurePosixPath(file.path).parent) not in lost
        }
        for path, what in lost.items():
            then = "its place is forgotten, its numbers stay"
            if not is_whole:
                then = f"other files of {self.run.name} are too, so its row stays as it is"
            yield self._leftover(
                LeftoverKind.MISSING, path, f"{what}; {then}", removable=is_whole, recorded=True
            )

    def _is_by_hand(self, file: NamedFile) -> bool:
        return str(PurePosixPath(file.path).parent) in self.run.folders

    def _list_needed(self, standing: list[NamedFile]) -> list[NamedFile]:
        """The newest of each kind of checkpoint, and the predictions of the best epoch."""
        needed = []
        for kind in ("last", "best"):
            needed += [file for file in standing if file.kind == kind][:1]
        best = needed[-1].epoch if needed and needed[-1].kind == "best" else None
        return needed + [f for f in standing if f.kind == "predictions" and f.epoch == best]

    def _advise(self, file: NamedFile) -> str:
        copy = "Put it back from a copy"
        match file.kind:
            case "last":
                return f"{copy}; `dfx resume {self.run.name}` goes on from the one before it"
            case "best":
                return f"{copy}; only a better epoch replaces it"
        return f"{copy}; without it the run is in no paired test"

    def _is_own(self, file: NamedFile) -> bool:
        return (self.home / file.path).parent in {self.folder, self.folder / CHECKPOINTS}

    def _find_size(self, file: NamedFile) -> int | None:
        path = self.home / file.path
        return path.stat().st_size if is_regular(path) else None

    def _leftover(
        self,
        kind: LeftoverKind,
        path: str,
        why: str,
        *,
        size: int = 0,
        removable: bool = True,
        recorded: bool = False,
    ) -> Leftover:
        return Leftover(
            kind, path, size, self.run.name, removable, why, self.run.id, is_recorded=recorded
        )


def judge_unknown_folder(folder: RunFolder, *, unknown: bool) -> Leftover | None:
    """What a folder is that no run has; None where dfx has written nothing there."""
    files = [*folder.files, *(file for each in folder.evaluations for file in each.files)]
    names = [file.path.name for file in files]
    if not names and not folder.evaluations:
        return None
    kind, removable = LeftoverKind.UNKNOWN_RUN, unknown
    if REMOVED_MARK in names:
        kind, removable = LeftoverKind.REMOVED_RUN, True
        why = "its run was removed"
    elif count := sum(CHECKPOINT_NAME.fullmatch(name) is not None for name in names):
        checkpoints = "1 checkpoint" if count == 1 else f"{count} checkpoints"
        why = f"no run has this folder, but it holds {checkpoints}"
        why += "" if unknown else ": `dfx db check --adopt` takes the run up, --unknown removes it"
    elif any(DRAFT_NAME.fullmatch(name) is None for name in names):
        why = "no run has this folder, and it holds no checkpoint to rebuild one from"
        why += "" if unknown else ": --unknown removes it"
    else:
        kind, removable = LeftoverKind.DRAFT, True
        why = "left by a process that was cut off, of a run that is not there"
    size = sum(file.bytes for file in files)
    return Leftover(kind, folder.directory, size, None, removable, why)
