"""Who a process is, and whether it is still there.

Here is what tells a live attempt from a lost one. What follows from it (a run shown as lost, a
takeover refused) is decided in `dfx.tracking.store`.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

from dfx.records import Attempt, ProcessIdentity

HEARTBEAT_SECONDS = 15
"""How often a working process says that it is there."""

HEARTBEAT_TIMEOUT = timedelta(seconds=4 * HEARTBEAT_SECONDS)
"""Silence after which a process that cannot be looked at is taken for dead."""

_PROC = Path("/proc")


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    pid = os.getpid()
    seen = _look_at(pid)
    return ProcessIdentity(
        host=socket.gethostname(),
        boot=_current_boot(),
        pid=pid,
        started=seen[1] if seen else "unknown",
    )


def is_alive(attempt: Attempt, *, here: ProcessIdentity, now: datetime) -> bool:
    """Whether the process of an attempt that has not ended still works on it.

    Args:
        attempt: The attempt.
        here: Any process of this machine, such as `this_process()`.
        now: The time by the clock that wrote the heartbeats.
    """
    if attempt.outcome is not None or attempt.ended_at is not None:
        return False
    return is_process_alive(attempt.process, attempt.heartbeat_at, here=here, now=now)


def is_process_alive(
    process: ProcessIdentity, heartbeat_at: datetime, *, here: ProcessIdentity, now: datetime
) -> bool:
    """Whether a process is there, exactly where it can be looked at, else by its heartbeat.

    A process of this host and boot is looked at: its id must be there with the same start time. One
    of another boot of this host died with it. One that cannot be looked at (another host, another
    container on this kernel, another user behind a hidden `/proc`) is alive while its heartbeat is
    younger than `HEARTBEAT_TIMEOUT`. Machines that share a store need different host names.
    """
    heard = now - heartbeat_at < HEARTBEAT_TIMEOUT
    if process.host != here.host:
        return heard
    kernel, _, namespace = process.boot.partition("/")
    our_kernel, _, our_namespace = here.boot.partition("/")
    if kernel != our_kernel:
        return False
    if namespace != our_namespace:
        return heard
    try:
        seen = _look_at(process.pid)
    except PermissionError:
        return heard
    if seen is None:
        return False
    state, started = seen
    # A zombie has ended; only its parent has not asked for its status yet.
    return not state.startswith(("Z", "X")) and started == process.started


def _current_boot() -> str:
    """What changes with each boot and, after a slash, with each container."""
    if not _has_proc():
        # kern.boottime moves whenever the clock is set; the session's UUID does not.
        return _output("sysctl", "-n", "kern.bootsessionuuid") or "unknown"
    kernel = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{kernel}/{(_PROC / 'self/ns/pid').readlink()}"


def _look_at(pid: int) -> tuple[str, str] | None:
    """State and start time of a process, or None where there is none of that id.

    Raises:
        PermissionError: There is one, but it is hidden from this user.
    """
    if not _has_proc():
        return _ask_ps(pid)
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        _raise_if_hidden(pid)
        return None
    # The second field is the program's name in parentheses, and may hold spaces and parentheses.
    fields = stat.rpartition(")")[2].split()
    return fields[0], fields[19]


def _ask_ps(pid: int) -> tuple[str, str] | None:
    """As `_look_at`, where there is no `/proc`."""
    answer = _output("ps", "-p", str(pid), "-o", "state=", "-o", "lstart=")
    if not answer:
        return None
    state, _, started = answer.partition(" ")
    return state, started.strip()


def _raise_if_hidden(pid: int) -> None:
    """Tells a process that is not there from one that `/proc` hides (hidepid)."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return


def _output(*command: str) -> str:
    """What a system program prints; empty where it fails, as `ps` does for an unknown id."""
    # Start times are compared as text, so language and zone must not depend on who asks.
    plain = {**os.environ, "LC_ALL": "C", "TZ": "UTC"}
    done = subprocess.run(command, capture_output=True, text=True, env=plain, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _has_proc() -> bool:
    return sys.platform == "linux"
