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
def empty_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunStore]:
    """A store without runs, in `runs/`."""
    monkeypatch.delenv("DFX_DATABASE_URL", raising=False)
    with RunStore.open(tmp_path / "runs", create=True) as opened:
        yield opened
