"""Making the rows of runs anew from their checkpoints, after the database was lost or put back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from dfx.errors import ConfigError, NotFoundError, RunBusy, StoreError
from dfx.messages import Counting, Message
from dfx.records.condition import Adopted, FoundRun, Observation, RecordedRun
from dfx.services.artefacts import find_home_of
from dfx.services.checking import Adoption
from dfx.services.evaluation_files import EVALUATION_FILE, PREDICTIONS_FILE
from dfx.services.home import find_home, open_database, open_store
from dfx.services.run_files import CHECKPOINTS, REMOVED_MARK, list_evaluation_folders
from dfx.services.salvage import Salvage
from dfx.tracking import engine as database
from dfx.tracking import schema
from dfx.tracking.inspection import list_recorded_runs
from dfx.tracking.store import RunStore
from dfx.tracking.survey import require_ours

Notify = Callable[[Message], None]

_MOVE_AWAY = "move it out of the home, where it counts as nothing"


def adopt_runs(home: Path | None, notify: Notify) -> Adoption:
    """Makes rows for the runs whose files the store does not know, oldest run first.

    A run that is known, but whose files are ahead of its rows, is brought up to them. Nothing is
    adopted twice, and no file is changed. Of copies of a folder, one is taken.

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
    recorded_in = {run.uuid: run.directory for run in recorded or ()}
    directories = [
        checkpoints.parent.relative_to(folder).as_posix()
        for checkpoints in sorted(folder.glob("[!.]*/[!.]*/checkpoints"))
        if not _is_removed(checkpoints.parent)
    ]
    unknown = [
        directory for directory in directories if _is_ahead(folder / directory, folder, known)
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
    chosen, copies = _choose(found, recorded_in)
    passed_over += copies
    gone = {path for path in known if not (folder / path).is_file()}
    return _record(folder, chosen, gone, passed_over)


def _is_removed(folder: Path) -> bool:
    """Whether somebody has removed the run of a folder, and so does not want it back."""
    return (folder / REMOVED_MARK).exists()


def _is_ahead(place: Path, home: Path, known: Collection[str]) -> bool:
    """Whether a run's folder holds a checkpoint or an evaluation that no row names."""
    tells = [*(place / CHECKPOINTS).glob("last-*.pt")]
    if tells:
        tells += [
            folder / PREDICTIONS_FILE
            for folder in list_evaluation_folders(place)
            if (folder / EVALUATION_FILE).is_file()
        ]
    return any(path.relative_to(home).as_posix() not in known for path in tells)


def _choose(
    found: list[FoundRun], recorded_in: Mapping[str, str]
) -> tuple[list[FoundRun], list[Observation]]:
    """One folder of each run, oldest run first: the recorded one, else the one that goes furthest.

    Returns:
        And what is said of the others.
    """
    runs: dict[str, list[FoundRun]] = {}
    for run in found:
        runs.setdefault(run.uuid, []).append(run)
    chosen, copies = [], []
    for uuid, candidates in runs.items():
        recorded = recorded_in.get(uuid)
        first = f"{candidates[0].experiment}/{candidates[0].number}"
        ranks = [(c.directory == recorded, _reach(c), c.directory == first) for c in candidates]
        best = candidates[ranks.index(max(ranks))]
        chosen.append(best)
        copies += [
            _pass_over(run.directory, f"it is a copy of {best.directory}", _MOVE_AWAY)
            for run in candidates
            if run is not best
        ]
    return sorted(chosen, key=lambda run: run.created_at), copies


def _reach(run: FoundRun) -> tuple[int, int, int]:
    return max((a, file.epoch, file.step) for file, a in run.checkpoints if file.kind == "last")


def _pass_over(directory: str, message: str, hint: str | None) -> Observation:
    return Observation("passed over", None, directory, message, hint, is_fault=False)


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
                one = _record_run(store, home, run, gone)
            except (ConfigError, RunBusy) as error:
                passed_over.append(_pass_over(run.directory, error.message, error.hint))
            else:
                adopted += [one] if one else []
    return Adoption(tuple(adopted), tuple(passed_over))


def _record_run(store: RunStore, home: Path, run: FoundRun, gone: set[str]) -> Adopted | None:
    """Records a run whose files are still there, also once that is done.

    Reading all runs takes minutes, in which others may remove their files.

    Raises:
        ConfigError: Where they are not, or the store cannot take it.
        RunBusy: Where a process is working on it.
    """
    if _is_removed(home / run.directory) or _find_lost(home, run):
        raise _changed_meanwhile(run)
    one = store.adopt_run(run, gone=gone)
    lost = _find_lost(home, run)
    if one and one.is_new and (lost or _is_removed(home / run.directory)):
        store.remove_run(one.id)
        raise _changed_meanwhile(run)
    if one and lost:
        store.forget_files(one.id, lost)
    return one


def _find_lost(home: Path, run: FoundRun) -> set[str]:
    """Files that were found and are gone."""
    named = {file.path for file, _ in run.checkpoints}
    named |= {e.predictions for e in (*run.evaluations, *run.by_hand) if e.predictions}
    return {path for path in named if not (home / path).is_file()}


def _changed_meanwhile(run: FoundRun) -> ConfigError:
    return ConfigError(
        f"files of {run.directory} were removed while runs were being read",
        hint="if they were not meant to go, adopt again: what is left of them is taken",
    )
