"""The processes that train one run together, and what they tell each other.

`torchrun` starts them. Rank 0, the leader, alone talks to the person, the store and the disk; it
hands the others their task. Between steps they agree over a group on the processors (gloo) that no
card ever waits for; gradients and batch-norm statistics travel over the group of the device. A run
in a single process is a team of one, which tells itself everything for nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from dfx.errors import ConfigError, TeamLost, TrainingFailed
from dfx.training.signals import StopFlag

T = TypeVar("T")
Problem = tuple[str, str | None]
"""What went wrong in a process, and the way out: message and hint of an error."""

_LAUNCH = "torchrun --nproc-per-node=N -m dfx run …"
_PEER_IS_GONE = r"connection.*(closed|reset|refused)|broken pipe|remote process"

_PATIENCE = timedelta(days=1)
"""How long followers wait while the leader reads all images. One that ends is noticed at once."""

_STALL = timedelta(hours=1)
"""How long a step may take, such as one whose images come from a disk that has fallen asleep."""

_NO_SIGNAL = 1
"""Stands for another reason to stop; smaller than the number of any signal that is heeded."""


class Team:
    """This process and those it trains with.

    Every method that talks must be called by all members, in the same order.

    Attributes:
        rank: Of this process, from 0; the leader is 0.
        size: Number of processes.
        local_rank: Of this process among those of its machine; the number of its card.
        local_size: Number of processes on its machine.
        group: Where tensors on the device travel; None for a team of one.
    """

    def __init__(
        self, rank: int = 0, size: int = 1, local_rank: int = 0, local_size: int = 1
    ) -> None:
        self.rank = rank
        self.size = size
        self.local_rank = local_rank
        self.local_size = local_size
        self.group: dist.ProcessGroup | None = None
        self._has_task = size == 1

    @property
    def is_leader(self) -> bool:
        """Whether this process records, writes and speaks."""
        return self.rank == 0

    def largest_share(self, samples: int) -> int:
        """The most samples that a member has of a batch."""
        return -(-samples // self.size)

    def most(self, number: int) -> int:
        """The largest of the numbers that the members give."""
        if self.size == 1:
            return number
        numbers = torch.tensor([number])
        with _explain_lost_members():
            dist.all_reduce(numbers, op=dist.ReduceOp.MAX)
        return int(numbers)

    def gather(self, value: T) -> list[T]:
        """What every member gives, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _explain_lost_members():
            dist.all_gather_object(values, value)
        return values

    def hand_out(self, task: object) -> None:
        """Gives the followers what they work on; the leader's counterpart of `receive`."""
        if self.size > 1:
            self._has_task = True
            with _explain_lost_members():
                dist.broadcast_object_list([task])

    def receive(self) -> Any:
        """What the leader hands out; None where it has nothing to do."""
        received = [None]
        with _explain_lost_members():
            dist.broadcast_object_list(received)
        return received[0]

    def meet(self, problem: Problem | None = None) -> list[Problem]:
        """Waits until all have prepared for their task.

        Args:
            problem: Why this one could not.

        Returns:
            The problems of all, by rank. With none, all are ready to go on.
        """
        return [each for each in self.gather(problem) if each]

    def sharing(
        self, flag: StopFlag, must_stop: Callable[[], bool] = lambda: False
    ) -> Callable[[], bool]:
        """Asks whether to stop, as `fit` wants it: a signal to one member reaches all.

        Each call is an exchange, so all members learn of it after the same step.

        Args:
            flag: Raised by signals.
            must_stop: Whether this member has another reason to stop.
        """

        def should_stop() -> bool:
            agreed = self.most(flag.signal_number or (_NO_SIGNAL if must_stop() else 0))
            # A signal that came during the exchange counts at the next, and must not be lost.
            if agreed > _NO_SIGNAL and not flag.is_raised():
                flag.signal_number = agreed
            return agreed > 0

        return should_stop

    def connect(self, device: torch.device) -> None:
        """Opens the group for tensors on a device: nccl between cards, gloo on processors."""
        if self.size == 1:
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        backend = "nccl" if device.type == "cuda" else "gloo"
        self.group = dist.new_group(backend=backend, timeout=_STALL)  # type: ignore[assignment]  # a member gets a group

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Puts the sums over the members in the place of tensors on the device.

        They travel as one, always in the same order: torch's own data parallelism regroups
        gradients after a process's first step, which would round a resumed run in another way.

        Args:
            tensors: Of one number format; as many and of the same shapes in every member.
        """
        if self.size == 1 or not tensors:
            return
        together = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(together, group=self.group)
        parts = torch.split(together, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def working(self) -> AbstractContextManager[None]:
        """What a training stands in, so that the end of another member is put into words.

        Raises:
            TeamLost: Where another member has ended.
        """
        return nullcontext() if self.size == 1 else _explain_lost_members()

    def leave(self) -> None:
        """Lets the others go, where they still wait for a task, and closes the groups."""
        if self.size > 1:
            if self.is_leader and not self._has_task:
                with suppress(TeamLost):
                    self.hand_out(None)
            dist.destroy_process_group()


ALONE = Team()
"""A run in a single process."""


def is_follower() -> bool:
    """Whether `torchrun` started this process as another than the first."""
    return _read_number("WORLD_SIZE", 1) > 1 and _read_number("RANK", 0) > 0


@contextmanager
def assemble() -> Iterator[Team]:
    """The team that this process belongs to, as `torchrun` tells it; of one without it.

    Raises:
        TeamLost: Where the others do not come.
    """
    size = _read_number("WORLD_SIZE", 1)
    if size == 1:
        yield ALONE
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ConfigError(
            f"WORLD_SIZE is {size}, but {missing[0]} is not set",
            hint=f"start several processes by {_LAUNCH}, or unset WORLD_SIZE",
        )
    local_rank, local_size = _read_number("LOCAL_RANK", 0), _read_number("LOCAL_WORLD_SIZE", 1)
    with _explain_lost_members():
        dist.init_process_group("gloo", timeout=_PATIENCE)
    team = Team(dist.get_rank(), size, local_rank, local_size)
    try:
        yield team
    finally:
        team.leave()


def _read_number(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise ConfigError(
            f"{variable} is {text!r}; expected a number, as torchrun sets it",
            hint=f"start several processes by {_LAUNCH}",
        )
    return int(text)


@contextmanager
def _explain_lost_members() -> Iterator[None]:
    """Puts into words what keeps processes from talking.

    Raises:
        TeamLost: Where another process has ended.
        TrainingFailed: Where something else is in the way.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        # gloo's failures come without a class of their own.
        if not isinstance(error, dist.DistError) and "gloo" not in text.lower():
            raise
        hint = "`dfx resume` goes on from the last checkpoint"
        if re.search(_PEER_IS_GONE, text, re.IGNORECASE):
            raise TeamLost("another training process has ended", hint=hint) from None
        # nccl says what it was after this; its first line says only that something was.
        first, _, last = text.partition("\nLast error:")
        reason = " ".join([first.partition("\n")[0], *last.split()])
        raise TrainingFailed(
            f"the training processes cannot exchange: {reason}", hint=hint
        ) from None
