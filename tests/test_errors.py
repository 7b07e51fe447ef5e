"""Exit codes and the tree of errors, as the module's own drawing says."""

from __future__ import annotations

import inspect
import re

import pytest

from dfx import errors
from dfx.errors import DfxError, Interrupted

CLASSES = [
    thing
    for _, thing in inspect.getmembers(errors, inspect.isclass)
    if issubclass(thing, DfxError) and thing not in {DfxError, Interrupted}
]


def drawn() -> dict[str, tuple[str, int]]:
    """Parent and exit code by name, read from the drawing in the module's docstring."""
    found: dict[str, tuple[str, int]] = {}
    parents: list[tuple[int, str]] = [(4, "DfxError")]
    for indent, name, code in re.findall(r"^( +)(\w+) +(\d)\b", errors.__doc__ or "", re.MULTILINE):
        while parents[-1][0] >= len(indent) > 4:
            parents.pop()
        found[name] = parents[-1][1], int(code)
        parents.append((len(indent), name))
    return found


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_the_drawing_is_right(kind: type[DfxError]) -> None:
    assert drawn()[kind.__name__] == (kind.__mro__[1].__name__, kind.exit_code)


def test_the_drawing_is_complete() -> None:
    assert set(drawn()) == {kind.__name__ for kind in CLASSES}


def test_a_message_and_a_hint() -> None:
    error = DfxError("what", hint="how")

    assert (str(error), error.message, error.hint) == ("what", "what", "how")
    assert DfxError("what").hint is None


@pytest.mark.parametrize(("number", "code"), [(2, 130), (15, 143)])
def test_an_interruption_exits_as_shells_report_it(number: int, code: int) -> None:
    assert Interrupted("stopped", signal_number=number).exit_code == code
