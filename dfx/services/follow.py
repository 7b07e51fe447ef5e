"""Training as a follower: the share that the leader of a team hands out, and no word of its own."""

from __future__ import annotations

import sys

from torch import nn

from dfx.errors import DfxError, Interrupted, TeamLost, TrainingDiverged, TrainingFailed
from dfx.services.assembly import Task, build_state, recreate_module, training
from dfx.services.machine import Machine, resolve_machine
from dfx.services.memory import explained
from dfx.services.preparation import prepare_network
from dfx.training.events import Stopping
from dfx.training.signals import StopFlag
from dfx.training.team import Team, assemble

_SAID_BY_THE_LEADER = (Interrupted, TrainingDiverged, TeamLost)


def follow() -> None:
    """Trains with the others until the leader is done; leaves nothing behind.

    Raises:
        SystemExit: With the exit code, where the leader says why it ended.
        DfxError: For what went wrong in this process alone.
    """
    with StopFlag(lambda: None) as flag, assemble() as team:
        try:
            task: Task | None = team.receive()
            if task is not None:
                _work(task, team, flag)
        except _SAID_BY_THE_LEADER as error:
            sys.exit(error.exit_code)
        except DfxError as error:
            error.message = f"{_name(team)}: {error.message}"
            raise


def _work(task: Task, team: Team, flag: StopFlag) -> None:
    try:
        machine, module = _prepare(task, team)
    except DfxError as error:
        team.meet((f"{_name(team)}: {error.message}", error.hint))
        sys.exit(error.exit_code)
    if team.meet():
        sys.exit(TrainingFailed.exit_code)
    was_stopped = False
    with explained(machine):
        state = build_state(task, module, machine.device, team)
        with training(task, state, team.sharing(flag)) as events:
            for event in events:  # writing and telling is the leader's
                was_stopped = isinstance(event, Stopping)
    if was_stopped and flag.signal_number is not None:
        sys.exit(128 + flag.signal_number)


def _prepare(task: Task, team: Team) -> tuple[Machine, nn.Module]:
    machine = resolve_machine(task.config, team)
    module = recreate_module(task.config)
    if task.weights:
        module.load_state_dict(task.weights)
    images = team.largest_share(task.config.data.batch_size)
    return prepare_network(machine, module, lambda _: None, images=images), module


def _name(team: Team) -> str:
    return f"process {team.rank} of {team.size}"
