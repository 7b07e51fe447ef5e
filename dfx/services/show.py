"""One run with everything that hangs on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dfx.records import RunDetail
from dfx.services.home import find_home, open_store
from dfx.services.references import resolve_run


@dataclass(frozen=True, slots=True)
class ShownRun:
    """A run to show.

    Attributes:
        folder: Where its files are.
        sizes: Bytes of each recorded file by path relative to the home; None for one that is gone.
        reason: Why this run was picked, where the reference left a choice.
    """

    detail: RunDetail
    folder: Path
    sizes: Mapping[str, int | None]
    reason: str | None


def show_run(reference: str, home: Path | None) -> ShownRun:
    """Everything the store knows of a run.

    Args:
        reference: Which run; the bare name of an experiment means its latest.
        home: As given on the command line.

    Raises:
        NotFoundError: Where there is no such run.
    """
    folder = find_home(home)
    with open_store(folder, create=False) as store:
        choice = resolve_run(store, reference, of_experiment="latest")
        detail = store.get_detail(choice.summary.id)
    names = [file.path for file in detail.checkpoints]
    names += [e.predictions for e in detail.evaluations if e.predictions]
    if detail.epochs:
        names.append(f"{detail.run.directory}/log.csv")
    sizes = {name: _size(folder / name) for name in names}
    return ShownRun(detail, folder / detail.run.directory, sizes, choice.reason)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None
