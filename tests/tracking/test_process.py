"""Who a process is, and whether it is there: real processes, and reports of impossible ones."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dfx.records import Attempt, ProcessIdentity, Status
from dfx.tracking import process
from dfx.tracking.process import HEARTBEAT_SECONDS, HEARTBEAT_TIMEOUT, is_alive, this_process

NOW = datetime(2025, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def make_attempt(who: ProcessIdentity, heartbeat_at: datetime = LONG_AGO) -> Attempt:
    return Attempt(
        id=1,
        number=1,
        process=who,
        settings={},
        environment={},
        start_step=0,
        started_at=LONG_AGO,
        heartbeat_at=heartbeat_at,
        ended_at=None,
        outcome=None,
        message=None,
    )


def is_there(who: ProcessIdentity, heartbeat_at: datetime = LONG_AGO) -> bool:
    return is_alive(make_attempt(who, heartbeat_at), here=this_process(), now=NOW)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process with a name that is hard to read."""
    code = (
        "import sys, time\n"
        "try: open('/proc/self/comm', 'w').write('a) S 1 (b')\n"
        "except OSError: pass\n"
        "print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def identify(child: subprocess.Popen[bytes]) -> ProcessIdentity:
    seen = process._look_at(child.pid)
    assert seen is not None
    return replace(this_process(), pid=child.pid, started=seen[1])


def test_this_process_is_itself() -> None:
    """Identity is stable, and complete."""
    me = this_process()

    assert me == this_process()
    assert me.pid == os.getpid()
    assert all([me.host, me.boot, me.started])
    assert me.started != "unknown"


def test_living_process_is_there_however_long_it_was_silent() -> None:
    """On its own machine a process is looked at: a suspended laptop's run is not lost."""
    assert is_there(this_process())


@pytest.mark.parametrize("change", [{"outcome": Status.COMPLETED}, {"ended_at": NOW}])
def test_ended_attempt_is_not_alive(change: dict[str, object]) -> None:
    attempt = replace(make_attempt(this_process(), NOW), **change)  # type: ignore[arg-type]

    assert not is_alive(attempt, here=this_process(), now=NOW)


def test_killed_process_is_gone_at_once(sleeper: subprocess.Popen[bytes]) -> None:
    """Alive, then a zombie, then gone: the last two count as dead, heartbeat or not."""
    who = identify(sleeper)
    alive = is_there(who)
    sleeper.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    zombie = is_there(who, NOW)
    sleeper.wait()
    gone = is_there(who, NOW)

    assert (alive, zombie, gone) == (True, False, False)


def test_stopped_process_is_alive(sleeper: subprocess.Popen[bytes]) -> None:
    """One that is halted, by Ctrl-Z for example, still owns its run."""
    sleeper.send_signal(signal.SIGSTOP)

    assert is_there(identify(sleeper))


def test_reused_id_is_not_the_old_process() -> None:
    """Another process with the same id has another start time."""
    assert not is_there(replace(this_process(), started="1"), NOW)


def test_id_that_cannot_be_is_dead() -> None:
    assert not is_there(replace(this_process(), pid=2**22 + 1), NOW)
    assert not is_there(replace(this_process(), pid=2**40), NOW)


def test_reboot_ends_every_process() -> None:
    """Neither a fresh heartbeat nor the same id and start time survive another boot."""
    assert not is_there(replace(this_process(), boot="another/pid:[1]"), NOW)


@on_linux
def test_other_container_of_this_kernel_is_known_by_its_heartbeat() -> None:
    """Its process ids mean nothing here; a reused one is never taken for the old process."""
    kernel = this_process().boot.partition("/")[0]
    who = replace(this_process(), boot=f"{kernel}/pid:[1]")

    assert is_there(who, NOW - HEARTBEAT_TIMEOUT + timedelta(seconds=1))
    assert not is_there(who, NOW - HEARTBEAT_TIMEOUT)


CONTAINER = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def can_make_containers() -> bool:
    try:
        return (
            subprocess.run([*CONTAINER, "true"], capture_output=True, check=False).returncode == 0
        )
    except FileNotFoundError:
        return False


@on_linux
@pytest.mark.skipif(not can_make_containers(), reason="needs the right to make a pid namespace")
def test_restarted_container_does_not_take_itself_for_the_process_before() -> None:
    """Both are process 1 of the same host name; the old one is not alive for having been followed.

    Not even where the kernel gives the new namespace the number of the old one.
    """
    tell = (
        "import json, sys\n"
        "from dataclasses import asdict, replace\n"
        "from datetime import UTC, datetime, timedelta\n"
        "from dfx.records import ProcessIdentity\n"
        "from dfx.tracking.process import *\n"
        "here, now = this_process(), datetime.now(UTC)\n"
        "said = {'here': asdict(here)}\n"
        "for line in sys.stdin:\n"
        "    old = ProcessIdentity(**json.loads(line))\n"
        "    same = replace(old, boot=here.boot)\n"
        "    long_ago = now - HEARTBEAT_TIMEOUT\n"
        "    said['old'] = is_process_alive(old, long_ago, here=here, now=now)\n"
        "    said['same'] = is_process_alive(same, now, here=here, now=now)\n"
        "    said['itself'] = is_process_alive(here, long_ago, here=here, now=now)\n"
        "print(json.dumps(said))\n"
    )

    def contain(question: str) -> dict[str, Any]:
        command = [*CONTAINER, sys.executable, "-c", tell]
        done = subprocess.run(command, input=question, capture_output=True, text=True, check=True)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    old = ProcessIdentity(**contain("")["here"])
    answer = contain(json.dumps(asdict(old)))
    here = ProcessIdentity(**answer["here"])

    assert (old.pid, old.host) == (here.pid, here.host) == (1, this_process().host)
    assert old.started != here.started
    assert (answer["old"], answer["same"], answer["itself"]) == (False, False, True)


def test_other_host_is_known_by_its_heartbeat() -> None:
    who = replace(this_process(), host="elsewhere")

    assert timedelta(seconds=4 * HEARTBEAT_SECONDS) == HEARTBEAT_TIMEOUT
    assert is_there(who, NOW - HEARTBEAT_TIMEOUT + timedelta(seconds=1))
    assert is_there(who, NOW + timedelta(hours=1))
    assert not is_there(who, NOW - HEARTBEAT_TIMEOUT)


@on_linux
def test_boot_names_kernel_and_container() -> None:
    kernel, _, namespace = this_process().boot.partition("/")

    assert len(kernel) == 36
    assert namespace.startswith("pid:[")


@pytest.fixture
def without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the route of a system without `/proc`."""
    if subprocess.run(["which", "ps"], capture_output=True, check=False).returncode:
        pytest.skip("needs ps")
    monkeypatch.setattr(process, "_has_proc", lambda: False)


@pytest.mark.usefixtures("without_proc")
def test_process_is_known_through_ps(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `/proc` the same questions have the same answers, whatever zone and language."""
    who = identify(sleeper)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    alive = is_there(who)
    reused = is_there(replace(who, started="Wed Jan  1 00:00:00 2020"))
    sleeper.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    zombie = is_there(who)
    sleeper.wait()
    gone = is_there(who)

    assert (alive, reused, zombie, gone) == (True, False, False, False)


@on_linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_process_of_another_user_is_seen() -> None:
    """Liveness does not need any right over the process."""
    os.seteuid(65534)
    try:
        there = is_there(replace(this_process(), pid=1, started=_start_of_init()))
    finally:
        os.seteuid(0)

    assert there


def _start_of_init() -> str:
    seen = process._look_at(1)
    assert seen is not None
    return seen[1]
