"""Examining this machine and a home: what works, what may not, and what to do about it.

What the libraries can do is asked of a process of its own, so none of them is loaded here. Nothing
is made, upgraded or changed, and nothing that is examined can make the examination fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dfx.errors import DfxError
from dfx.records.findings import Finding, Level
from dfx.services import doctor_home, doctor_machine, doctor_stack
from dfx.services.home import find_home

EXIT_CODE = 4
"""What `dfx doctor` ends with where it finds a problem; as where the store cannot be used."""


def examine(home: Path | None, *, online: bool) -> list[Finding]:
    """Everything that a training needs, one finding each, in the order of the tour.

    Args:
        home: As given on the command line.
        online: Whether to ask the hub of published weights if it can be reached.
    """
    checks: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
        ("python", doctor_machine.examine_python),
        ("libraries", lambda: doctor_stack.examine(online=online)),
        ("processor", doctor_machine.examine_processor),
        ("shared memory", doctor_machine.examine_shared_memory),
        ("open files", doctor_machine.examine_open_files),
        ("git", doctor_machine.examine_git),
        ("home", lambda: doctor_home.examine(find_home(home))),
    ]
    return [finding for topic, check in checks for finding in _guard(topic, check)]


def _guard(topic: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except DfxError as error:
        yield Finding(topic, Level.PROBLEM, error.message, error.hint)
    except Exception as error:  # noqa: BLE001  # what is examined may be broken in any way
        text = f"cannot be examined: {type(error).__name__}: {error}"
        yield Finding(topic, Level.PROBLEM, text, "see whether it works outside dfx")
