"""A real store for the services that only read it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dfx.tracking.store import RunStore

# Tests are imported by path, so what they share must be found by name.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a home may be made, and nothing in the environment that points elsewhere."""
    monkeypatch.delenv("DFX_DATABASE_URL", raising=False)
    return tmp_path / "runs"


@pytest.fixture
def store(home: Path) -> Iterator[RunStore]:
    """A store without runs."""
    home.mkdir()
    with RunStore.open(home, create=True) as opened:
        yield opened
