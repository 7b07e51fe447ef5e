"""What an attempt that was cut off has left half done is finished by the next one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from .conftest import Command
from .test_run import TINY, read_csv

FOLDER = Path("runs/one/1")
FORGOTTEN = "last-e0009-b000000-s00000099-a7.pt"
"""A checkpoint of a record that was lost."""


def cut_off(call: Callable[[], object], monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Makes a call that comes no further than to some function of `dfx.services.keeping`."""

    def stop(*_args: object, **_values: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(f"dfx.services.keeping.{place}", stop)
        with pytest.raises(RuntimeError, match="cut off"):
            call()


def test_log_has_the_last_epoch_too(
    dfx: Command, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nothing is left to train."""
    options = ("--data", faces, *TINY, "--epochs", 1)
    cut_off(lambda: dfx("run", "--name", "one", *options), monkeypatch, "write_log")
    missing = not (FOLDER / "log.csv").exists()
    resumed = dfx("resume", "one/1")

    assert missing
    assert resumed.code == 0, resumed.stderr
    assert [row["epoch"] for row in read_csv(FOLDER / "log.csv")] == ["1"]


def test_files_without_a_row_go_once_they_are_overtaken(
    dfx: Command, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before, and nothing that has a row, or that somebody else has put there."""
    run = ("run", "--name", "one", "--data", faces, *TINY)
    cut_off(lambda: dfx(*run, "--epochs", 2), monkeypatch, "RunStore.record_epoch")
    written = {path.name for path in (FOLDER / "checkpoints").iterdir()}
    (FOLDER / "checkpoints" / "mine.pt").touch()
    (FOLDER / "checkpoints" / "best-e0009-a1.pt").touch()
    (FOLDER / "checkpoints" / FORGOTTEN).touch()
    resumed = dfx("resume", "one/1")
    left = {path.name for path in (FOLDER / "checkpoints").iterdir()}
    with closing(sqlite3.connect("runs/dfx.db")) as connection:
        paths = connection.execute("SELECT path FROM checkpoints").fetchall()
        attempts = connection.execute("SELECT number FROM attempts ORDER BY id").fetchall()

    assert len(written) == 2
    assert resumed.code == 0, resumed.stderr
    assert left == {Path(path).name for (path,) in paths} | {
        *("mine.pt", "best-e0009-a1.pt", FORGOTTEN)
    }
    assert not written & left
    assert attempts == [(1,), (8,)]
    assert all(path.endswith("-a8.pt") for (path,) in paths)
    (ahead,) = [line for line in resumed.stderr.splitlines() if line.startswith("warning: ")]
    assert ahead.startswith("warning: one/1 has files that are newer than its record: ")
    assert FORGOTTEN in ahead
    assert "dfx db check --adopt" in resumed.stderr


def test_folder_says_whose_it_is_before_anything_else(
    dfx: Command, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that of an older run, which has no mark, the next attempt leaves it."""
    options = ("--data", faces, *TINY, "--epochs", 1)
    cut_off(lambda: dfx("run", "--name", "one", *options), monkeypatch, "Keeper.tidy")
    first = {path.name for path in FOLDER.iterdir()}
    marked = (FOLDER / ".run").read_text()
    (FOLDER / ".run").unlink()
    resumed = dfx("resume", "one/1")

    assert first == {".run"}
    assert marked.strip() == dfx("show", "one/1", "-f", "json").json()["uuid"]
    assert resumed.code == 0, resumed.stderr
    assert (FOLDER / ".run").read_text() == marked
