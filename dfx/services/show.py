"""One run with everything that hangs on it, and the files it has left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dfx.records import RunDetail
from dfx.services.artefacts import find_artefact_home
from dfx.services.home import find_home, open_store
from dfx.services.references import resolve_run


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run to show.

    Attributes:
        folder: Where its files are on this machine; None where they are elsewhere.
        sizes: Bytes of each file by path relative to the home, None for one that is gone; None in
            its place where they are elsewhere.
        reason: Why this run was picked, where the reference left a choice.
    """

    detail: RunDetail
    folder: Path | None
    sizes: Mapping[str, int | None] | None
    reason: str | None


def show_run(reference: str, home: Path | None) -> ShownRun:
    """Everything that is known of a run.

    Args:
        reference: Which run; the bare name of an experiment means its latest.
        home: As given on the command line.

    Raises:
        NotFoundError: Where there is no such run.
    """
    with open_store(find_home(home), create=False) as store:
        choice = resolve_run(store, reference, of_experiment="latest")
        detail = store.get_detail(choice.summary.id)
        place = find_artefact_home(store, detail.run)
    if place is None:
        return ShownRun(detail, None, None, choice.reason)
    return ShownRun(detail, place / detail.run.directory, _measure(detail, place), choice.reason)


def _measure(detail: RunDetail, home: Path) -> dict[str, int | None]:
    """Sizes of the recorded files, and of whatever else lies in the run's folder."""
    directory = detail.run.directory
    names = [file.path for file in detail.checkpoints]
    names += [e.predictions for e in detail.evaluations if e.predictions]
    if detail.epochs:
        names.append(f"{directory}/log.csv")
    sizes = {name: _size(home / name) for name in names}
    for path in sorted((home / directory).rglob("*")):
        name = path.relative_to(home).as_posix()
        if name not in sizes and path.is_file():
            sizes[name] = _size(path)
    return sizes


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
