"""Resuming runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dfx.config import KINDS, ExperimentConfig, load_config
from dfx.data.index import ListedImage, digest_listing
from dfx.errors import ConfigError, DataError, NotFoundError, RunBusy, WeightsError
from dfx.messages import Notice
from dfx.models.initial import Network
from dfx.records import CheckpointFile, Run, RunDetail, SplitSummary, Status
from dfx.services.artefacts import get_artefact_home
from dfx.services.assembly import recreate_module
from dfx.services.attempt import Notify, Work, attempting, heeding_signals, perform
from dfx.services.configure import parse_settings
from dfx.services.home import find_home, open_store, require_writable
from dfx.services.keeping import find_good_checkpoint, warn_of_damaged_best
from dfx.services.machine import resolve_machine
from dfx.services.preparation import prepare_network
from dfx.services.provenance import describe_environment
from dfx.services.references import find_unfinished, resolve_run
from dfx.services.run_files import CHECKPOINT_NAME, CHECKPOINTS, next_free_attempt
from dfx.services.train import attempt_settings, build, list_data
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore
from dfx.training.team import assemble


def resume_run(
    reference: str | None,
    *,
    epochs: int | None,
    settings: Sequence[str],
    home: Path | None,
    notify: Notify,
) -> Run:
    """Continues a run from its newest good checkpoint.

    Args:
        reference: Which run; None takes the latest that is unfinished.
        epochs: A new plan, where the run shall go further than was planned.
        settings: `section.key=value` of what belongs to the machine.
        home: As given on the command line.
        notify: Told of everything that happens.

    Returns:
        The completed run; the same as it was where there is nothing to do.

    Raises:
        ConfigError: Where the recipe would change.
        RunBusy: Where another process is working on it.
        Interrupted: Where a signal stopped it; it can be resumed.
        DfxError: For whatever else a user can cause.
    """
    with assemble() as team, open_store(find_home(home), create=False) as store:
        run = _choose(store, reference, notify)
        if run is None:
            raise NotFoundError(
                "no run here is unfinished",
                hint="to take a completed one further: dfx resume RUN --epochs N",
            )
        detail = store.get_detail(run.id)
        if run.status is Status.RUNNING:
            raise _busy(detail)
        config = _continued_config(detail, epochs, settings)
        is_longer = epochs is not None or config.train.epochs > _planned_epochs(detail)
        if run.status is Status.COMPLETED and not (
            is_longer and config.train.epochs > len(detail.epochs)
        ):
            notify(
                Notice(
                    f"{run.name} is complete; nothing to do. To take it further:"
                    f" dfx resume {run.name} --epochs {config.train.epochs + 5}"
                )
            )
            return run
        folder = get_artefact_home(store, run)
        require_writable(folder)
        machine = resolve_machine(config, team)
        listed = list_data(machine.config)
        for summary in run.data:
            _check_same_data(run, summary, listed[summary.split])
        _warn_of_forgotten(store, folder, run, notify)
        good = find_good_checkpoint(store, folder, run, notify)
        network = _rebuild(run, machine.config, has_checkpoint=good is not None)
        images = team.largest_share(machine.config.data.batch_size)
        machine = prepare_network(machine, network.module, notify, images=images)
        former_epochs = _planned_by(good, config.train.epochs)
        with heeding_signals(notify) as flag:
            attempt = store.begin_attempt(
                run.id,
                process=this_process(),
                settings=attempt_settings(machine.config),
                environment=describe_environment(
                    machine.device,
                    folder,
                    data=Path(machine.config.data.root),
                    processes=team.size,
                ),
                start_step=good[0].step if good else 0,
                at_least_number=next_free_attempt(folder / run.directory),
            )
            work = Work(
                store=store,
                home=folder,
                asked_home=home,
                run=run,
                attempt=attempt,
                machine=machine,
                team=team,
                module=network.module,
                listed=listed,
                saved=good[1] if good else None,
                former_epochs=former_epochs,
                renews_patience=is_longer or former_epochs < config.train.epochs,
            )
            with attempting(work) as heart:
                _go_back(work, good, network, notify)
                return perform(work, notify, flag, heart)


def _go_back(
    work: Work,
    good: tuple[CheckpointFile, dict[str, Any]] | None,
    network: Network,
    notify: Notify,
) -> None:
    """Takes the run back to its checkpoint, or to its beginning, and says so."""
    store, step = work.store, work.attempt.start_step
    finished_epochs = good[0].epoch - 1 if good else 0
    store.supersede_after(work.attempt.id, finished_epochs=finished_epochs, step=step)
    if good is None:
        store.record_weights(work.attempt.id, network.weights)
    where = f"in epoch {good[0].epoch} at step {step + 1}" if good else "at step 1"
    notify(Notice(f"run {work.run.name} goes on {where}"))
    warn_of_damaged_best(store, work.home, work.run, notify)


def _warn_of_forgotten(store: RunStore, home: Path, run: Run, notify: Notify) -> None:
    """Says it where checkpoints are there that the record has not come to, or has forgotten."""
    rows = store.list_checkpoints(run.id, kind="last", include_superseded=True)
    known = {row.path.rpartition("/")[2] for row in rows}
    newest = store.list_checkpoints(run.id, kind="last")[:1]
    recorded = (newest[0].epoch, newest[0].step) if newest else (0, 0)
    ahead = sorted(
        path.name
        for path in (home / run.directory / CHECKPOINTS).glob("last-*.pt")
        if path.name not in known
        and (found := CHECKPOINT_NAME.fullmatch(path.name))
        and found["step"]
        and (int(found["epoch"]), int(found["step"])) > recorded
    )
    if ahead:
        notify(
            Notice(
                f"{run.name} has files that are newer than its record: {', '.join(ahead)}\n"
                "they stay until it has passed them; to go on from them instead, stop it, then:"
                " dfx db check --adopt",
                "warning",
            )
        )


def _choose(store: RunStore, reference: str | None, notify: Notify) -> Run | None:
    if reference is None:
        choice = find_unfinished(store)
        if choice is None:
            return None
    else:
        choice = resolve_run(store, reference, of_experiment="latest")
    if choice.reason:
        notify(Notice(f"resuming {choice.summary.run}: {choice.reason}"))
    return store.get_run(choice.summary.id)


def _continued_config(
    detail: RunDetail, epochs: int | None, settings: Sequence[str]
) -> ExperimentConfig:
    """The run's configuration with the machine and plan of its latest attempt, and the changes.

    Raises:
        ConfigError: Where the recipe would change, or the new plan is already behind.
    """
    run = detail.run
    changes = parse_settings(settings)
    before = run.config.flat()
    for key, value in changes.items():
        if KINDS[key] == "recipe" and value != before[key]:
            raise ConfigError(
                f"{key} is part of the recipe of {run.name}: it is {before[key]!r}, not {value!r}",
                hint="start another run for another recipe: dfx run --set " + f"{key}={value}",
            )
    if epochs is not None:
        changes["train.epochs"] = epochs
    config = run.config.replace({**detail.attempts[-1].settings, **changes})
    done = len(detail.epochs)
    if config.train.epochs < done:
        raise ConfigError(
            f"train.epochs is {config.train.epochs}, but {run.name} has finished {done}",
            hint=f"name {done + 1} or more",
        )
    return config


def _planned_epochs(detail: RunDetail) -> int:
    planned: int = detail.attempts[-1].settings["train.epochs"]
    return planned


def _planned_by(good: tuple[CheckpointFile, dict[str, Any]] | None, epochs: int) -> int:
    """The epochs that were planned when the checkpoint was written; those of now without one."""
    if good is None:
        return epochs
    about = good[1]["about"]
    return load_config(about["config"], about["config_version"]).train.epochs


def _check_same_data(run: Run, known: SplitSummary, listed: Sequence[ListedImage]) -> None:
    """Accepts images that are, by names, sizes and classes, those the run has worked on.

    Raises:
        DataError: Before anything is recorded of this attempt.
    """
    skipped = {name for name, _ in known.skipped}
    digest = digest_listing(image for image in listed if image.name not in skipped)
    if digest != known.digest:
        raise DataError(
            f"split {known.split!r} is not what {run.name} has worked on:"
            f" its digest is {digest}, not {known.digest}",
            hint="name the folder with the same images, --set data.root=DIR, or start a new run",
        )


def _rebuild(run: Run, config: ExperimentConfig, *, has_checkpoint: bool) -> Network:
    """The network to load a checkpoint into, or to begin with again.

    Raises:
        WeightsError: Where the run would begin again from other weights than it did.
    """
    if not has_checkpoint:
        network = build(config)
        before, now = run.weights.get("sha256"), network.weights.get("sha256")
        if before and now and before != now:
            raise WeightsError(
                f"{run.name} began with weights {before}, but the file is {now} now",
                hint="put the former file back, or start a new run",
            )
        return network
    return Network(recreate_module(config), run.weights)


def _busy(detail: RunDetail) -> RunBusy:
    process = detail.attempts[-1].process
    return RunBusy(
        f"{detail.run.name} is being worked on by process {process.pid} on {process.host}",
        hint="wait until it ends, or stop it first",
    )
