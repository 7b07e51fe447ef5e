"""Checking a store: the record itself, and every file that its rows name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from dfx.digests import hash_file
from dfx.messages import Counting, Message
from dfx.records.condition import Adopted, CheckReport, Observation, RecordedFile, RecordedRun
from dfx.services.artefacts import find_home_of
from dfx.services.evaluation_files import is_by_hand
from dfx.services.home import find_home, open_database
from dfx.services.run_files import REMOVED_MARK
from dfx.tracking import engine as database
from dfx.tracking import schema
from dfx.tracking.inspection import check_revision, inspect_store, list_recorded_runs
from dfx.tracking.survey import require_ours

Notify = Callable[[Message], None]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What an adoption before the check has made, and what it has passed over."""

    adopted: tuple[Adopted, ...] = ()
    passed_over: tuple[Observation, ...] = ()


def check_store(
    home: Path | None, *, files: bool, adoption: Adoption, notify: Notify
) -> CheckReport:
    """Looks for whatever is wrong with a store; nothing is changed.

    Args:
        home: As given on the command line.
        files: Whether to look at the runs' files as well as at the record.
        adoption: What was done before, for the report.
        notify: Told of the progress.

    Raises:
        NotFoundError: Where there is no store.
        SchemaError: Where it is of a newer revision.
        StoreError: Where it cannot be read at all, or belongs to something else.
    """
    folder = find_home(home)
    with open_database(folder) as engine:
        state = require_ours(engine, folder)
        schema.refuse_newer(engine, state)
        runs, findings = inspect_store(engine, state)
        findings = [*check_revision(engine, state), *findings]
        check = _FileCheck(engine, folder, notify)
        if files:
            findings += check.look_at(runs)
            findings += _find_unknown_folders(folder, {run.directory for run in runs})
        return CheckReport(
            database=database.describe(engine),
            revision=state.revision,
            runs=len(runs),
            checked_files=check.files,
            checked_bytes=check.bytes,
            adopted=adoption.adopted,
            findings=(*findings, *adoption.passed_over),
        )


class _FileCheck:
    """The files of runs, one after the other.

    Attributes:
        files: How many were looked at.
        bytes: How many bytes were read.
    """

    def __init__(self, engine: Engine, home: Path, notify: Notify) -> None:
        self.files = 0
        self.bytes = 0
        self._engine = engine
        self._home = home
        self._notify = notify

    def look_at(self, runs: Sequence[RecordedRun]) -> list[Observation]:
        """What is wrong with the files that rows name, or worth knowing."""
        findings: list[Observation] = []
        here: list[tuple[Path, RecordedRun]] = []
        for run in runs:
            home = self._home_of(run)
            if home is None:
                findings.append(_elsewhere(run))
            else:
                here.append((home, run))
        total = sum(len(run.files) for _, run in here)
        for home, run in here:
            for file in run.files:
                self._notify(Counting("Checking files", self.files, total, "file"))
                findings += self._look_at_file(home, run, file)
                self.files += 1
        self._notify(Counting("Checking files", self.files, total, "file"))
        return self._still_true(findings)

    def _home_of(self, run: RecordedRun) -> Path | None:
        is_shared = not database.is_sqlite(self._engine)
        return find_home_of(run, here=self._home, is_shared=is_shared)

    def _look_at_file(
        self, home: Path, run: RecordedRun, file: RecordedFile
    ) -> Iterator[Observation]:
        path = home / file.path
        try:
            size = path.stat().st_size
            if file.bytes is None or file.sha256 is None:
                return
            if size != file.bytes:
                found = f"it has {size:,} bytes; {file.bytes:,} were written"
                yield Observation("damaged file", run.name, file.path, found, _way_out(run, file))
                return
            actual = hash_file(path)
        except FileNotFoundError:
            found = "it is gone"
            if is_by_hand(file.path) and not path.parent.is_dir():
                found = "it is gone, with the folder of its evaluation"
            yield Observation("missing file", run.name, file.path, found, _way_out(run, file))
            return
        except OSError as error:
            message = f"it cannot be read: {error.strerror or error}"
            yield Observation("unreadable file", run.name, file.path, message, _way_out(run, file))
            return
        self.bytes += size
        if actual != file.sha256:
            found = f"its digest is {actual}, not {file.sha256}"
            yield Observation("damaged file", run.name, file.path, found, _way_out(run, file))

    def _still_true(self, findings: list[Observation]) -> list[Observation]:
        """Leaves out files that a working run has forgotten and removed meanwhile."""
        if not any(finding.kind == "missing file" for finding in findings):
            return findings
        named = {file.path for run in list_recorded_runs(self._engine) for file in run.files}
        return [
            finding
            for finding in findings
            if finding.kind != "missing file" or finding.path in named
        ]


def _elsewhere(run: RecordedRun) -> Observation:
    message = f"its files are elsewhere: in {run.home}/{run.directory} on {run.host}"
    return Observation("elsewhere", run.name, None, message, "check them there", is_fault=False)


def _way_out(run: RecordedRun, file: RecordedFile) -> str:
    match file.kind:
        case "last":
            return f"`dfx resume {run.name}` passes it over; or put it back from a backup"
        case "best":
            return "put it back from a backup; a better epoch replaces it too"
        case _ if is_by_hand(file.path):
            return (
                "put it back from a backup, or evaluate again; the numbers are in the record, and"
                " `dfx gc` forgets where the files were"
            )
        case _:
            return "put it back from a backup; without it the run is not tested against others"


def _find_unknown_folders(home: Path, known: set[str]) -> Iterator[Observation]:
    """Folders that look like those of runs, and that no row knows."""
    for folder in sorted(home.glob("[!.]*/[!.]*")):
        directory = folder.relative_to(home).as_posix()
        checkpoints = [*folder.glob("checkpoints/*.pt")]
        is_a_run = folder.is_dir() and (checkpoints or folder.name.isdecimal())
        if not is_a_run or directory in known:
            continue
        if (folder / REMOVED_MARK).exists():
            message, hint = "its run was removed, but not all of its files", "dfx gc removes them"
            yield Observation("unknown folder", None, directory, message, hint, is_fault=False)
        elif checkpoints:
            size = sum(path.stat().st_size for path in checkpoints)
            message = f"no run has this folder; it holds {len(checkpoints)} checkpoints"
            hint = "make its record from them: dfx db check --adopt; or remove it"
            yield Observation("unknown folder", None, directory, f"{message}, {size:,} bytes", hint)
        else:
            message = "no run has this folder; it holds no checkpoint"
            hint = "there is nothing to go on from in it; remove it"
            yield Observation("unknown folder", None, directory, message, hint, is_fault=False)
