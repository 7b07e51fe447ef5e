"""The first signal is a wish, the second an order. Each test is a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from dfx.training.signals import StopFlag

WAIT = """
import sys, time
from dfx.training.signals import StopFlag
announced = []
with StopFlag(lambda: print("announced", flush=True)) as flag:
    print("ready", flush=True)
    while not flag.is_raised():
        time.sleep(0.01)
    print("raised", flag.signal_number, flush=True)
    sys.stdin.readline()
print("went on", flush=True)
"""


@pytest.fixture
def waiting() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_is_a_flag(number: signal.Signals, waiting: subprocess.Popen[str]) -> None:
    waiting.send_signal(number)

    assert (read(waiting), read(waiting)) == ("announced", f"raised {number.value}")
    out, _ = waiting.communicate("\n", timeout=20)
    assert (out, waiting.returncode) == ("went on\n", 0)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_after_it_ends_the_process_at_once(
    first: signal.Signals, waiting: subprocess.Popen[str]
) -> None:
    """As the signal would have without us: not by an exception, and nothing is cleaned up."""
    waiting.send_signal(first)
    assert (read(waiting), read(waiting)) == ("announced", f"raised {first.value}")
    waiting.send_signal(signal.SIGINT)

    assert waiting.wait(timeout=20) == -signal.SIGINT
    assert read(waiting) == ""
    waiting.communicate()


def test_a_second_termination_changes_nothing(waiting: subprocess.Popen[str]) -> None:
    """Whoever stops a service may send it twice; the checkpoint is still written."""
    waiting.send_signal(signal.SIGTERM)
    assert (read(waiting), read(waiting)) == ("announced", "raised 15")
    waiting.send_signal(signal.SIGTERM)
    out, _ = waiting.communicate("\n", timeout=20)

    assert (out, waiting.returncode) == ("went on\n", 0)


def test_the_handlers_before_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopFlag(lambda: None):
        inside = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert all(handler not in before for handler in inside)


def test_the_flag_is_down_at_first_and_keeps_the_first_signal() -> None:
    told: list[int] = []
    with StopFlag(lambda: told.append(1)) as flag:
        assert not flag.is_raised()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    assert flag.is_raised()
    assert (flag.signal_number, told) == (signal.SIGTERM, [1])
