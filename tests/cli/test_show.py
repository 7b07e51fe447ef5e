"""`dfx show` from the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .conftest import Command


def test_files_are_listed_with_their_sizes(dfx: Command, trained_folder: Path) -> None:
    """Every file of the run's folder, and nothing else."""
    home = trained_folder / "runs"
    shown = dfx("show", "trained/1", "--format", "json", "--home", home).json()
    files = [path for path in (home / "trained/1").rglob("*") if path.is_file()]

    assert {(file["path"], file["bytes"]) for file in shown["files"]} == {
        (path.relative_to(home).as_posix(), path.stat().st_size) for path in files
    }
    assert shown["folder"] == str(home / "trained/1")
    assert (shown["tags"], shown["note"]) == ([], None)


def test_a_file_that_is_gone_is_said_to_be(
    dfx: Command, trained_folder: Path, folder: Path
) -> None:
    shutil.copytree(trained_folder / "runs", folder / "runs")
    best = max((folder / "runs/trained/1/checkpoints").glob("best-*.pt"))
    best.unlink()
    table = dfx("show", "trained").stdout
    shown = dfx("show", "trained", "--format", "json").json()

    assert f"checkpoints/{best.name}" in table
    assert [f["path"] for f in shown["files"] if f["bytes"] is None] == [
        f"trained/1/checkpoints/{best.name}"
    ]
    (line,) = [line for line in table.splitlines() if best.name in line]
    assert " gone " in line


def test_page_has_curves_and_marks_the_best_epoch(
    dfx: Command, trained_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    outcome = dfx("show", "trained", "--home", trained_folder / "runs")

    assert outcome.code == 0
    assert "train  ⠒⠒●⠒⠒ validation  * best epoch (" in outcome.stdout
    assert "│ Deepfake " in outcome.stdout
    assert "\x1b" not in outcome.stdout
    assert max(map(len, outcome.stdout.splitlines())) <= max(80, len(str(trained_folder)) + 30)


def test_an_ascii_terminal_gets_ascii_curves(
    dfx: Command, trained_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "out").open("w", encoding="ascii") as file:
        monkeypatch.setattr("sys.stdout", file)
        code = dfx("show", "trained", "--home", trained_folder / "runs").code
    text = (tmp_path / "out").read_text("ascii")

    assert code == 0
    assert "..o.. train  ==#== validation" in text
    assert "\\u28" not in text
