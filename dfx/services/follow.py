"""Training as a follower: the share that the leader of a team hands out, and no word of its own."""

from __future__ import annotations

import sys

from dfx.errors import DfxError, Interrupted, TeamLost, TrainingDiverged
from dfx.services.assembly import Task, build_state, recreate_module, training
from dfx.services.machine import resolve_machine
from dfx.services.memory import find_memory_failure, settle_memory
from dfx.training.signals import StopFlag
from dfx.training.team import Team, assemble

_SAID_BY_THE_LEADER = (Interrupted, TrainingDiverged, TeamLost)


def follow() -> None:
    """Trains with the others until the leader is done; leaves nothing behind.

    Raises:
        SystemExit: With the exit code, where the leader says why it ended.
        DfxError: For what went wrong in this process alone.
    """
    with StopFlag(lambda: None) as flag:
        try:
            with assemble() as team:
                task: Task | None = team.receive()
                if task is not None:
                    _work(task, team, flag)
        except _SAID_BY_THE_LEADER as error:
            sys.exit(error.exit_code)
        except DfxError as error:
            error.message = f"process {team.rank} of {team.size}: {error.message}"
            raise


def _work(task: Task, team: Team, flag: StopFlag) -> None:
    machine = resolve_machine(task.config, team)
    module = recreate_module(task.config)
    if task.weights:
        module.load_state_dict(task.weights)
    images = team.largest_share(task.config.data.batch_size)
    machine = settle_memory(machine, module, lambda _: None, images=images, available=None)
    try:
        state = build_state(task, module, machine.device, team)
        with training(task, state, team.sharing(flag)) as events:
            for _ in events:
                """Writing and telling is the leader's."""
    except (RuntimeError, MemoryError) as error:
        failure = find_memory_failure(error, machine)
        if failure is None:
            raise
        raise failure from error
    if flag.signal_number is not None:
        sys.exit(128 + flag.signal_number)
