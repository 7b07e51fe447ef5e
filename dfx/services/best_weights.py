"""The best weights of a run, as they were written: what predictions and evaluations are made by."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dfx.digests import hash_file
from dfx.errors import NotFoundError, StoreError
from dfx.models.weights import Weights, load_weights
from dfx.records import Run
from dfx.services.artefacts import get_artefact_home
from dfx.services.references import resolve_run
from dfx.tracking.store import RunStore


@dataclass(frozen=True, slots=True)
class BestWeights:
    """A file of weights, whose digest has been checked.

    Attributes:
        run: Whose they are.
        home: What the run's paths are relative to.
        path: The file.
        reason: Why this run was picked, where the reference left a choice.
    """

    run: Run
    home: Path
    path: Path
    reason: str | None

    def load(self) -> Weights:
        """Reads the file.

        Raises:
            WeightsError: Where it cannot be used.
        """
        # The file says what the run was called when it was written.
        return replace(load_weights(self.path), run=self.run.name)


def find_best_weights(store: RunStore, reference: str) -> BestWeights:
    """The best weights of the run that a reference means.

    Args:
        store: Where to look.
        reference: The bare name of an experiment means its best run.

    Raises:
        NotFoundError: Where there is no such run, it has no weights, or its files are elsewhere.
        StoreError: Where the file is not as it was written.
    """
    choice = resolve_run(store, reference, of_experiment="best")
    run = store.get_run(choice.summary.id)
    files = store.list_checkpoints(run.id, kind="best")
    home = get_artefact_home(store, run)
    if not files:
        raise NotFoundError(
            f"{run.name} has no weights yet: no epoch of it is finished",
            hint=f"`dfx resume {run.name}` continues it",
        )
    path = home / files[0].path
    if not path.is_file() or hash_file(path) != files[0].sha256:
        raise StoreError(
            f"the best weights of {run.name} are not there as they were written: {path}",
            hint="put the file back from a copy, or name another run",
        )
    return BestWeights(run, home, path, choice.reason)
