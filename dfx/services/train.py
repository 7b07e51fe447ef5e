"""Starting and resuming runs."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from dfx.config import KINDS, ExperimentConfig
from dfx.data.index import ListedImage, list_split
from dfx.data.randomness import derive_seed
from dfx.messages import Notice
from dfx.models.initial import Network, build_network
from dfx.models.network import check_single_images
from dfx.records import Run, Split
from dfx.services.attempt import Notify, Work, attempting, heeding_signals, perform
from dfx.services.configure import Configuration
from dfx.services.home import find_home, open_store, warn_of_network
from dfx.services.machine import resolve_machine
from dfx.services.preparation import prepare_network
from dfx.services.provenance import describe_environment
from dfx.services.run_files import next_free_number
from dfx.tracking.process import this_process
from dfx.training.team import assemble


def start_run(
    configuration: Configuration, *, home: Path | None, notify: Notify, note: str | None = None
) -> Run:
    """Trains a new run of an experiment to its end.

    What can be found wrong is found before the run exists: device, folders, weights.

    Args:
        configuration: As `configure` gave it.
        home: As given on the command line.
        notify: Told of everything that happens.
        note: Written to the run as soon as it is recorded.

    Returns:
        The completed run.

    Raises:
        Interrupted: Where a signal stopped it; it can be resumed.
        DfxError: For whatever else a user can cause.
    """
    if configuration.notice:
        notify(Notice(configuration.notice))
    with assemble() as team:
        machine = resolve_machine(configuration.config, team)
        config = machine.config
        listed = list_data(config)
        notify(Notice(f"network: {config.model.name}, {_describe_source(config)}"))
        network = build(config)
        images = team.largest_share(config.data.batch_size)
        machine = prepare_network(machine, network.module, notify, images=images)
        folder = find_home(home)
        is_new = not folder.exists()
        with open_store(folder, create=True) as store, heeding_signals(notify) as flag:
            if is_new:
                notify(Notice(f"runs are kept in {folder}"))
                if not store.is_shared and (warning := warn_of_network(folder)):
                    notify(Notice(warning, "warning"))
            run, attempt = store.create_run(
                experiment=configuration.name,
                config=machine.config,
                home=folder,
                uuid=str(uuid.uuid4()),
                at_least_number=next_free_number(folder / configuration.name),
                process=this_process(),
                settings=attempt_settings(machine.config),
                environment=describe_environment(
                    machine.device, folder, data=Path(config.data.root), processes=team.size
                ),
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
                saved=None,
                former_epochs=config.train.epochs,
                renews_patience=False,
            )
            with attempting(work) as heart:
                if note is not None:
                    store.set_note(run.id, note)
                store.record_weights(attempt.id, network.weights)
                notify(Notice(f"run {run.name} (id {run.id})"))
                return perform(work, notify, flag, heart)


def attempt_settings(config: ExperimentConfig) -> dict[str, Any]:
    """What may differ between the attempts of a run."""
    return {key: value for key, value in config.flat().items() if KINDS[key] != "recipe"}


def list_data(config: ExperimentConfig) -> dict[Split, tuple[ListedImage, ...]]:
    """The images that a run trains and validates on, not yet read. The test split is left alone.

    Raises:
        DataError: Where the folders are not as they should be.
    """
    root = Path(config.data.root)
    splits: tuple[Split, ...] = ("train", "val")
    return {split: list_split(root, split, limit=config.data.limit) for split in splits}


def build(config: ExperimentConfig) -> Network:
    """The network a run begins with.

    Raises:
        ConfigError: Where the architecture is unknown or lacks what is asked for.
        WeightsError: Where the weights cannot be had or do not fit.
    """
    network = build_network(
        config.model.name,
        image_size_px=config.data.image_size,
        drop_rate=config.model.drop_rate,
        drop_path_rate=config.model.drop_path_rate,
        pretrained=config.model.pretrained,
        weights_file=config.model.weights_file,
        seed=derive_seed("weights", config.train.seed),
    )
    if config.data.batch_size == 1:
        check_single_images(network.module, config.data.image_size)
    return network


def _describe_source(config: ExperimentConfig) -> str:
    if config.model.weights_file:
        return f"weights from {config.model.weights_file}"
    return "published weights of timm" if config.model.pretrained else "random weights"
