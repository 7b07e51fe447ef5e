"""Options of the whole test suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the flag that keeps what is rendered now as what is expected."""
    parser.addoption("--rewrite-goldens", action="store_true", help="rewrite the golden outputs")
