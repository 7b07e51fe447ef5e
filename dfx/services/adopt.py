"""Making the rows of runs anew from their checkpoints, after the database was lost or put back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dfx.errors import ConfigError, NotFoundError, RunBusy, StoreError
from dfx.messages import Counting, Message
from dfx.records.condition import FoundRun, Observation, RecordedRun
from dfx.services.artefacts import find_home_of
from dfx.services.checking import Adoption
from dfx.services.home import find_home, open_database, open_store
from dfx.services.run_files import REMOVED_MARK
from dfx.services.salvage import Salvage
from dfx.tracking import engine as database
from dfx.tracking import schema
from dfx.tracking.inspection import list_recorded_runs
from dfx.tracking.survey import require_ours

Notify = Callable[[Message], None]


def adopt_runs(home: Path | None, notify: Notify) -> Adoption:
    """Makes rows for the runs whose files the store does not know, oldest run first.

    A run that is known, but whose files are ahead of its rows, is brought up to them. Nothing is
    adopted twice, and no file is changed.

    Args:
        home: As given on the command line; it gets a database where it has none.
        notify: Told of the progress.

    Raises:
        NotFoundError: Where there is neither a database nor a file of a run.
        StoreError: Where the database cannot be used, or there is none and no file can be read.
    """
    folder = find_home(home)
    recorded = _list_recorded(folder)
    known = {file.path for run in recorded or () for file in run.files}
    directories = [
        checkpoints.parent.relative_to(folder).as_posix()
        for checkpoints in sorted(folder.glob("[!.]*/[!.]*/checkpoints"))
        # Whoever has removed a run does not want it back.
        if not (checkpoints.parent / REMOVED_MARK).exists()
    ]
    unknown = [
        directory
        for directory in directories
        if any(
            path.relative_to(folder).as_posix() not in known
            for path in (folder / directory / "checkpoints").glob("last-*.pt")
        )
    ]
    if recorded is None and not unknown:
        raise schema.no_store(folder)
    found: list[FoundRun] = []
    passed_over: list[Observation] = []
    for done, directory in enumerate(unknown):
        notify(Counting("Reading runs", done, len(unknown), "run"))
        salvage = Salvage(folder, directory)
        run = salvage.read()
        passed_over += salvage.passed_over
        if run is not None:
            found.append(run)
    notify(Counting("Reading runs", len(unknown), len(unknown), "run"))
    if not found and recorded is None:
        named = "".join(f"\n  {finding.path}: {finding.message}" for finding in passed_over)
        raise StoreError(
            f"no run in {folder} has a checkpoint that can be read:{named}",
            hint="put a backup of the database, or of these files, in its place",
        )
    if not found:
        return Adoption((), tuple(passed_over))
    found.sort(key=lambda run: run.created_at)
    gone = {path for path in known if not (folder / path).is_file()}
    return _record(folder, found, gone, passed_over)


def _list_recorded(home: Path) -> list[RecordedRun] | None:
    """The runs of this home that are recorded; None where there is no database."""
    with open_database(home) as engine:
        try:
            state = require_ours(engine, home)
        except NotFoundError:
            return None
        schema.refuse_newer(engine, state)
        return [
            run
            for run in list_recorded_runs(engine)
            if home == find_home_of(run, here=home, is_shared=not database.is_sqlite(engine))
        ]


def _record(
    home: Path, found: list[FoundRun], gone: set[str], passed_over: list[Observation]
) -> Adoption:
    adopted = []
    with open_store(home, create=True) as store:
        for run in found:
            try:
                one = store.adopt_run(run, gone=gone)
            except (ConfigError, RunBusy) as error:
                message, hint = error.message, error.hint
                passed_over.append(
                    Observation("passed over", None, run.directory, message, hint, is_fault=False)
                )
            else:
                adopted += [one] if one else []
    return Adoption(tuple(adopted), tuple(passed_over))
