"""Repeating a run: the command that would, what has drifted since, and doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dfx.errors import DataError, NotFoundError
from dfx.messages import Message, Notice, RunFinished
from dfx.records import Run, RunDetail, Status
from dfx.records.findings import Drift, Reproduction
from dfx.services.artefacts import find_artefact_home
from dfx.services.attempt import Notify
from dfx.services.configure import Configuration
from dfx.services.drift import find_drift
from dfx.services.home import find_home, open_store
from dfx.services.references import resolve_run
from dfx.services.rerun import NO_FILE, build_commands, last_config, list_plans
from dfx.services.resume import resume_run
from dfx.services.sameness import compare_outcomes
from dfx.services.train import start_run

_ROUNDING = ("train.device", "train.threads", "train.compile", "model.grad_checkpointing")
"""Machine settings that decide how sums are rounded."""


def plan_reproduction(reference: str, home: Path | None) -> Reproduction:
    """How a run would be repeated here, and what is not as it was.

    Args:
        reference: Which run; the bare name of an experiment means its latest.
        home: As given on the command line.

    Raises:
        NotFoundError: Where there is no such run.
    """
    detail, files, reason = _read(reference, home)
    plan = _plan(detail, files or find_home(home), reason, home)
    alone = (
        f"--config {NO_FILE} is there so that no experiments/{detail.run.experiment}.toml is read:"
        " the command says everything itself"
    )
    return replace(plan, notes=[alone, *plan.notes])


def reproduce_run(reference: str, *, home: Path | None, anyway: bool, notify: Notify) -> Run:
    """Repeats a run as a new one of the same experiment, and says whether it came out the same.

    Args:
        reference: As for `plan_reproduction`.
        home: As given on the command line.
        anyway: Go on where the data or the initial weights are others.
        notify: Told of everything that happens.

    Raises:
        DataError: Where data or initial weights are others, and `anyway` is false.
        DfxError: For whatever ends a training.
    """
    detail, files, reason = _read(reference, home)
    run = detail.run
    if reason:
        notify(Notice(f"reproducing {run.name}: {reason}"))
    plan = _plan(detail, files or find_home(home), None, home)
    refused = [drift for drift in plan.drift if drift.is_refused]
    if refused and not anyway:
        first = refused[0]
        raise DataError(
            f"the {first.topic} of {run.name} changed: {first.name} was {first.then},"
            f" and is now {first.now}",
            hint=f"{first.advice}; or repeat it with what is here: --anyway",
        )
    for text in plan.notes:
        notify(Notice(text))
    if plan.drift:
        notify(Notice(_summarise(plan.drift), "warning"))
    repeated = _repeat(detail, home, notify)
    folder = find_home(home)
    with open_store(folder, create=False) as store:
        new = store.get_detail(repeated.id)
    notify(compare_outcomes(detail, new, original_home=files, home=folder))
    return repeated


def _repeat(detail: RunDetail, home: Path | None, notify: Notify) -> Run:
    """Trains the run anew, in as many steps as it was planned in; the last one is reported."""

    def pass_on(message: Message) -> None:
        if not isinstance(message, RunFinished):
            notify(message)

    run = detail.run
    first, *later = list_plans(detail)
    repeated = start_run(
        Configuration(run.experiment, last_config(detail, epochs=first), {}),
        home=home,
        notify=pass_on if later else notify,
        note=f"reproduces {run.name} ({run.uuid})",
    )
    for epochs in later:
        repeated = resume_run(
            repeated.name,
            epochs=epochs,
            settings=[],
            home=home,
            notify=notify if epochs == later[-1] else pass_on,
        )
    return repeated


def _read(reference: str, home: Path | None) -> tuple[RunDetail, Path | None, str | None]:
    """A run, where its files are if here, and why it was picked."""
    with open_store(find_home(home), create=False) as store:
        choice = resolve_run(store, reference, of_experiment="latest")
        detail = store.get_detail(choice.summary.id)
        files = find_artefact_home(store, detail.run)
    if not detail.attempts:
        raise NotFoundError(
            f"{detail.run.name} has no attempt: how it was started is not recorded",
            hint=f"dfx show {detail.run.name} has its configuration",
        )
    return detail, files, choice.reason


def _plan(detail: RunDetail, files: Path, reason: str | None, home: Path | None) -> Reproduction:
    config = last_config(detail, epochs=list_plans(detail)[0])
    return Reproduction(
        run=detail.run.name,
        id=detail.run.id,
        uuid=detail.run.uuid,
        commands=build_commands(detail, home=home),
        notes=list(_note(detail)),
        drift=find_drift(detail, config, files),
        reason=reason,
    )


def _note(detail: RunDetail) -> Iterator[str]:
    """How far the commands repeat the run."""
    run = detail.run
    yield from _note_plans(detail)
    if run.status is not Status.COMPLETED:
        yield f"it is {run.status.value}: repeated, it goes to the end of its plan"
    if not run.config.train.deterministic:
        yield (
            "train.deterministic is false: even on the same machine the result may differ in its"
            " last digits"
        )
    yield from _note_gaps(detail)
    changed = [
        key
        for key in _ROUNDING
        if len({str(attempt.settings.get(key)) for attempt in detail.attempts}) > 1
    ]
    if len({attempt.environment.get("processes", 1) for attempt in detail.attempts}) > 1:
        changed.append("the number of processes")
    if changed:
        yield f"its attempts differed in {', '.join(changed)}: the last one is followed"


def _note_plans(detail: RunDetail) -> Iterator[str]:
    planned = list(dict.fromkeys(a.settings["train.epochs"] for a in detail.attempts))
    if len(planned) == 1:
        return
    if len(list_plans(detail)) > 1:
        yield f"it was planned for {planned[0]} epochs and extended: repeated in the same steps"
        return
    text = (
        f"it was extended from {planned[0]} to {planned[-1]} epochs before it had finished, which"
        " no command repeats: this one plans all of them from the start"
    )
    if detail.run.config.optim.schedule == "cosine":
        text += ", so its learning rate falls more slowly, and every value differs"
    yield text


def _note_gaps(detail: RunDetail) -> Iterator[str]:
    run, code = detail.run, detail.attempts[-1].environment.get("code")
    if not run.data:
        yield "its images were never read, so nothing tells whether they are the same"
    if not run.weights.get("sha256") and run.weights.get("source") != "random":
        yield "the digest of its initial weights was not recorded"
    if code is None:
        yield "it was started outside a repository, so its code is not recorded"
    elif problem := code.get("problem"):
        yield f"its code is not recorded: {problem}"


def _summarise(drift: Sequence[Drift]) -> str:
    shown = [f"{each.name} {each.then or 'absent'} → {each.now or 'absent'}" for each in drift[:5]]
    more = f", and {len(drift) - 5} more" if len(drift) > 5 else ""
    return f"not as it was: {', '.join(shown)}{more}"
