"""What removing runs would take away, before and after."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import RenderableType

from dfx.display.removal import describe_removed, removal_page
from dfx.records import RunDetail
from dfx.records.inventory import Removal

HOME = Path("/data/runs")


@pytest.fixture
def removal(detail: RunDetail) -> Removal:
    """Two files that go, and one that stays."""
    folder = detail.run.directory
    files = {f"{folder}/checkpoints/best-e0001-a1.pt": 70_100_000, f"{folder}/log.csv": 300}
    return Removal(detail.run, 1, HOME, files, (f"{folder}/notes.txt",))


def test_page(
    removal: Removal,
    render: Callable[[RenderableType, int], str],
    golden: Callable[[str, str], None],
) -> None:
    record_only = Removal(removal.run, 3, None, {}, elsewhere="/data/runs/b4/1 on desk")

    golden("rm", render(removal_page([removal, record_only]), 80))


def test_what_is_gone_is_said(removal: Removal) -> None:
    run = removal.run
    record_only = Removal(run, 3, None, {}, elsewhere="/data/runs/b4/1 on desk")

    assert describe_removed(removal).splitlines() == [
        f"{run.name} is removed (2 files, 70 MB)",
        f"left, since dfx did not write it: {run.directory}/notes.txt",
    ]
    assert describe_removed(record_only) == (
        f"the record of {run.name} is removed; its files stay: /data/runs/b4/1 on desk"
    )
