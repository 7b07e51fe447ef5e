"""What a run reference means: `17`, `b4-baseline/2`, `b4-baseline`, `best`, `latest`, a UUID."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dfx.errors import AmbiguousReference, NotFoundError
from dfx.records import RunSummary, Standing, Status
from dfx.records.leaderboard import ACCURACY
from dfx.services.ranking import rank_by_validation_set
from dfx.tracking.store import RunStore

Wanted = Literal["best", "latest"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A run, and why it is the one.

    Attributes:
        reason: For the person, where the reference left a choice; else None.
    """

    summary: RunSummary
    reason: str | None


def resolve_run(store: RunStore, reference: str, *, of_experiment: Wanted) -> Choice:
    """The run that a reference means.

    Args:
        store: Where to look.
        reference: As the person typed it.
        of_experiment: Which run the bare name of an experiment means: the best where weights are
            wanted, the latest elsewhere.

    Raises:
        NotFoundError: Naming the nearest candidates.
        AmbiguousReference: Naming what it could mean.
    """
    runs = store.list_summaries()
    if not runs:
        raise NotFoundError(
            "there are no runs here yet",
            hint="start one with `dfx run --name b4-baseline`, or name another home with --home",
        )
    if reference == "best":
        return _best(runs, "")
    if reference == "latest":
        return _latest(runs, "")
    found = _exact(runs, reference)
    experiment = [run for run in runs if run.experiment == reference]
    if experiment:
        choose = _best if of_experiment == "best" else _latest
        found.append(choose(experiment, f" of {reference}"))
    if not found:
        raise NotFoundError(f"no run {reference!r}", hint=_suggest(runs, reference))
    if len(found) > 1:
        meanings = ", ".join(f"{c.summary.run} ({c.summary.uuid[:8]})" for c in found)
        raise AmbiguousReference(
            f"{reference!r} could mean {meanings}", hint="write EXPERIMENT/NUMBER or a longer UUID"
        )
    return found[0]


def find_unfinished(store: RunStore) -> Choice | None:
    """The latest run that was interrupted, failed or lost; None where there is none."""
    runs = [run for run in store.list_summaries() if run.status in _UNFINISHED]
    return _latest(runs, " that is unfinished") if runs else None


_UNFINISHED = (Status.INTERRUPTED, Status.FAILED, Status.LOST)


def _exact(runs: Sequence[RunSummary], reference: str) -> list[Choice]:
    is_uuid = re.fullmatch(r"[0-9a-f-]{8,36}", reference) is not None
    return [
        Choice(run, None)
        for run in runs
        if reference in {run.run, str(run.id)} or (is_uuid and run.uuid.startswith(reference))
    ]


def _latest(runs: Sequence[RunSummary], among: str) -> Choice:
    return Choice(max(runs, key=lambda run: run.id), f"the latest run{among}")


def _best(runs: Sequence[RunSummary], among: str) -> Choice:
    by_id = {run.id: run for run in runs if run.val_accuracy is not None}
    if not by_id:
        raise NotFoundError(
            f"no run{among} has finished an epoch, so none has weights yet",
            hint="`dfx compare` shows how they stand; `dfx resume` continues one",
        )
    standings = [
        Standing(run.id, run.validation_digest, run.val_accuracy, run.val_loss)
        for run in by_id.values()
    ]
    sets = list(rank_by_validation_set(standings, ACCURACY).values())
    best = by_id[sets[0][0].id]
    count = len(sets[0])
    runs_in_words = "the only run" if count == 1 else f"{count} runs"
    reason = f"best validation accuracy ({best.val_accuracy:.4f}) of {runs_in_words}{among}"
    if len(sets) > 1:
        reason += f" on the newest of {len(sets)} validation sets"
    return Choice(best, reason)


def _suggest(runs: Sequence[RunSummary], reference: str) -> str:
    known = [*dict.fromkeys(run.experiment for run in runs), *(run.run for run in runs)]
    folded = reference.casefold()
    near = [name for name in known if folded and name.casefold().startswith(folded)]
    near = near or [name for name in known if folded and folded in name.casefold()]
    near = near[:3] or difflib.get_close_matches(reference, known, n=3, cutoff=0.5)
    if folded in {"best", "latest"}:
        near = [folded]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "`dfx compare` lists the runs; also understood are best, latest and a run's id"
