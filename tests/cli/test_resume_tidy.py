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
    resumed = dfx("resume", "one/1")
    left = {path.name for path in (FOLDER / "checkpoints").iterdir()}
    with closing(sqlite3.connect("runs/dfx.db")) as connection:
        paths = connection.execute("SELECT path FROM checkpoints").fetchall()

    assert len(written) == 2
    assert resumed.code == 0, resumed.stderr
    assert left == {Path(path).name for (path,) in paths} | {"mine.pt", "best-e0009-a1.pt"}
    assert not written & left
