"""The examples in docstrings are what happens."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import dfx

PACKAGE = Path(dfx.__file__).parent
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>> " in path.read_text()]


def test_there_are_examples() -> None:
    assert len(WITH_EXAMPLES) > 5


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_examples_are_true(path: Path) -> None:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    result = doctest.testmod(importlib.import_module(".".join(parts)))

    assert result.attempted > 0
    assert result.failed == 0
