"""The command line that repeats a run, whole in itself: no configuration file has a say in it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dfx.config import ExperimentConfig
from dfx.records import RunDetail

_FLAGS = {
    "data.root": "--data",
    "train.epochs": "--epochs",
    "data.batch_size": "--batch-size",
    "optim.lr": "--lr",
    "train.seed": "--seed",
    "train.device": "--device",
    "model.name": "--arch",
    "model.weights_file": "--weights",
}
"""Short flags of `dfx run`, by key."""

NO_FILE = "/dev/null"
"""As `--config`, it keeps a file of the experiment's name from having a say."""


def list_plans(detail: RunDetail) -> list[int]:
    """The numbers of epochs that a run was planned for, each with an attempt of its own.

    One that was extended before its former plan was over cannot be repeated in steps: then there is
    only the last.
    """
    ends = {record.step: record.epoch for record in detail.epochs}
    plans: list[int] = []
    for attempt in detail.attempts:
        planned: int = attempt.settings["train.epochs"]
        if plans and planned != plans[-1]:
            done = ends.get(attempt.start_step)
            if done is None or (done != plans[-1] and not _stopped_early(detail, done)):
                return [detail.attempts[-1].settings["train.epochs"]]
        if not plans or planned != plans[-1]:
            plans.append(planned)
    return plans


def last_config(detail: RunDetail, *, epochs: int) -> ExperimentConfig:
    """The configuration of a run, on the machine of its last attempt, with a plan."""
    settings = {**detail.attempts[-1].settings, "train.epochs": epochs}
    return detail.run.config.replace(settings)


def build_commands(detail: RunDetail, *, home: Path | None) -> list[str]:
    """What to type, one after the other, to have a run again.

    Args:
        detail: The run.
        home: As given on the command line.
    """
    run = detail.run
    first, *later = list_plans(detail)
    config = last_config(detail, epochs=first)
    environment = detail.attempts[-1].environment
    processes = environment.get("processes", 1)
    program = ["dfx"]
    if processes > 1:
        program = ["torchrun", f"--nproc-per-node={processes}", "-m", "dfx"]
    file = config.model.weights_file
    folder = environment.get("folder")
    moves = file is not None and not Path(file).is_absolute() and folder is not None
    where = [] if home is None else ["--home", str(home.absolute() if moves else home)]
    words = [*program, "run", "--name", run.experiment, "--config", NO_FILE]
    commands = [shlex.join([*words, *_list_options(config), *where])]
    if moves:
        commands[0] = f"cd {shlex.quote(str(folder))} && {commands[0]}"
    resume = [*program, "resume", run.experiment, "--epochs"]
    return [*commands, *(shlex.join([*resume, str(epochs), *where]) for epochs in later)]


def _list_options(config: ExperimentConfig) -> Iterator[str]:
    """Options for every value that is not the default."""
    default = ExperimentConfig().flat()
    settings: list[str] = []
    for key, value in config.flat().items():
        if key == "model.pretrained" and value is False:
            yield "--no-pretrained"
        elif key in _FLAGS and (value != default[key] or key in {"data.root", "train.seed"}):
            text = str(value) if isinstance(value, str) else repr(value)
            yield from [f"{_FLAGS[key]}={text}"] if text.startswith("-") else [_FLAGS[key], text]
        elif value != default[key] or type(value) is not type(default[key]):
            settings += ["--set", f"{key}={_write(value)}"]
    yield from settings


def _write(value: Any) -> str:
    """A value as `--set` reads it back; text that has no flag is one of a few plain words."""
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case str():
            return value
    return repr(value)


def _stopped_early(detail: RunDetail, epoch: int) -> bool:
    """Whether patience had run out at the end of an epoch."""
    words = f"stopped early after epoch {epoch}:"
    return any((attempt.message or "").startswith(words) for attempt in detail.attempts)
