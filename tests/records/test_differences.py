from __future__ import annotations

import doctest
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from dfx.records import Attempt, ProcessIdentity, differences
from dfx.records.differences import get_code, get_environment, get_packages
from dfx.services import diff


@pytest.mark.parametrize("module", [differences, diff])
def test_examples_hold(module: ModuleType) -> None:
    assert doctest.testmod(module).attempted > 0
    assert doctest.testmod(module).failed == 0


def _attempt(environment: dict[str, Any]) -> Attempt:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    process = ProcessIdentity("atelier", "boot", 1, "0")
    return Attempt(1, 1, process, {}, environment, 0, now, now, None, None, None)


def test_an_environment_is_flat_and_has_neither_code_nor_packages() -> None:
    attempt = _attempt(
        {
            "torch": "2.6.0",
            "card": {"name": "RTX 4070 Ti", "memory": 12},
            "command": ["dfx", "run"],
            "folder": "/srv/faces",
            "packages": {"timm": "1.0.9"},
            "code": {"revision": "0123", "patch": None},
        }
    )

    assert get_environment(attempt) == {
        "host": "atelier",
        "torch": "2.6.0",
        "card.name": "RTX 4070 Ti",
        "card.memory": 12,
    }
    assert get_packages(attempt) == {"timm": "1.0.9"}
    assert get_code(attempt) == {"revision": "0123", "patch": None}


def test_what_was_not_recorded_is_empty() -> None:
    attempt = _attempt({"code": None})

    assert get_environment(attempt) == {"host": "atelier"}
    assert get_packages(attempt) == get_code(attempt) == {}
