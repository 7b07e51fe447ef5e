from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import RenderableType

from dfx.display.database import (
    FINDING_COLUMNS,
    backup_page,
    check_document,
    check_page,
    check_rows,
    condition_document,
    condition_page,
    condition_row,
    upgrade_page,
)
from dfx.display.formats import to_csv, to_json
from dfx.records import Status
from dfx.records.condition import (
    Adopted,
    BackupReport,
    CheckReport,
    Counts,
    LiveAttempt,
    Observation,
    StoreCondition,
    UpgradeReport,
)

CONDITION = StoreCondition(
    database="/data/faces/runs/dfx.db",
    kind="sqlite",
    version="SQLite 3.45.1",
    state="older",
    revision="0001",
    expected_revision="0002",
    bytes=1_310_720,
    wal_bytes=32_768,
    counts=Counts(
        experiments=3,
        runs={
            Status.RUNNING: 1,
            Status.COMPLETED: 12,
            Status.INTERRUPTED: 0,
            Status.FAILED: 2,
            Status.LOST: 1,
        },
        epochs=180,
        checkpoints=52,
        checkpoint_bytes=9_400_000_000,
        evaluations=61,
    ),
    live=(LiveAttempt("b4-baseline/3", 2, "tower", 4711, datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),),
    problem=None,
    hint=None,
)

REPORT = CheckReport(
    database="/data/faces/runs/dfx.db",
    revision="0002",
    runs=16,
    checked_files=113,
    checked_bytes=9_400_000_000,
    adopted=(
        Adopted("b4/1", 7, "b4/1", Status.INTERRUPTED, 9, 3, 4, is_new=True, gaps=("its notes",)),
    ),
    findings=(
        Observation(
            "damaged file",
            "b4/2",
            "b4/2/checkpoints/best-e0009-a1.pt",
            "it has 1,000 bytes; 70,999,123 were written",
            "put it back from a backup; a better epoch replaces it too",
        ),
        Observation("elsewhere", "b4/3", None, "its files are on [red]tower", None, is_fault=False),
    ),
)

Render = Callable[[RenderableType, int], str]


@pytest.mark.parametrize("width", [80, 140])
def test_pages_look_as_kept(render: Render, golden: Callable[[str, str], None], width: int) -> None:
    pages = [
        condition_page(CONDITION),
        check_page(REPORT),
        backup_page(BackupReport(Path("/backup/runs"), 140, 9_400_000_000, 16, ())),
        upgrade_page(UpgradeReport("/data/runs/dfx.db", "0001", "0002", Path("/data/copy"))),
        upgrade_page(UpgradeReport("/data/runs/dfx.db", "0002", "0002", None)),
    ]
    text = "\n".join(render(page, width) for page in pages)

    assert max(map(len, text.splitlines())) <= width
    golden(f"database-{width}", text)


def test_names_are_never_taken_for_markup(render: Render) -> None:
    assert "on [red]tower" in render(check_page(REPORT), 80)


def test_nothing_wrong_is_said(render: Render) -> None:
    report = CheckReport("/data/runs/dfx.db", "0002", 0, 0, 0, (), ())

    assert "Nothing is wrong." in render(check_page(report), 80)
    assert "Nothing is wrong." not in render(check_page(REPORT), 80)


def test_documents_have_the_documented_names() -> None:
    condition = json.loads(to_json(condition_document(CONDITION)))
    report = json.loads(to_json(check_document(REPORT)))

    assert list(report) == [
        *("database", "revision", "runs", "checked_files", "checked_bytes"),
        *("faults", "adopted", "findings"),
    ]
    assert list(FINDING_COLUMNS) == list(report["findings"][0])
    assert report["faults"] == 1
    assert condition["runs"]["lost"] == 1
    assert condition["live"][0]["heartbeat_at"] == "2026-01-02T03:04:00Z"


def test_csv_has_a_line_a_finding_and_a_header_without_any() -> None:
    assert len(to_csv(check_rows(REPORT), FINDING_COLUMNS).splitlines()) == 3
    assert to_csv([], FINDING_COLUMNS) == "kind,run,path,message,hint,is_fault\n"
    assert to_csv([condition_row(CONDITION)]).splitlines()[1].startswith("/data/faces/runs/dfx.db,")
