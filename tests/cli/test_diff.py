"""`dfx diff` from the command line."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path

import pytest

from .conftest import Command
from .test_run import TINY


def _git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def two_runs(dfx: Command, faces: Path) -> Path:
    """`one/1` of clean code, and `one/2` with an uncommitted change, another seed and rate."""
    Path("model.py").write_text("a\nb\n")
    Path(".gitignore").write_text("runs/\n")
    _git("init", "-q")
    _git("add", "-A")
    _git("commit", "-q", "-m", "first")
    run = ("run", "--name", "one", "--data", faces, *TINY, "--epochs", "1")
    assert dfx(*run).code == 0
    Path("model.py").write_text("a\nB\n")
    assert dfx(*run, "--lr", "3e-3", "--seed", "1").code == 0
    return Path("runs")


def test_two_runs_are_told_apart(dfx: Command, two_runs: Path) -> None:
    document = dfx("diff", "one/1", "one/2", "--format", "json").json()
    page = dfx("diff", "one/1", "one/2").stdout
    patch = dfx("diff", "one/1", "one/2", "--patch").stdout
    rows = dfx("diff", "one/1", "one/2", "--patch", "--format", "csv").stdout

    assert {(c["key"], c["a"], c["b"]) for c in document["settings"]} == {
        ("optim.lr", 1e-4, 3e-3),
        ("train.seed", 0, 1),
    }
    assert document["code"]["files"] == [{"path": "model.py", "a": None, "b": [1, 1]}]
    assert document["code"]["text"] is None
    assert document["packages"] == document["environment"] == []
    assert [split["changes"] for split in document["data"]] == [[], []]
    assert document["is_same_validation"]
    assert "+B" not in page
    assert "-b" in patch.splitlines()
    assert "+B" in patch.splitlines()
    (row,) = [r for r in csv.DictReader(io.StringIO(rows)) if r["key"] == "uncommitted changes"]
    assert row["difference"].endswith("\n-b\n+B")


@pytest.mark.parametrize("fmt", ["table", "json", "csv", "md"])
def test_every_format_prints_on_stdout(dfx: Command, trained_folder: Path, fmt: str) -> None:
    """A run compared with itself, by two references."""
    home = trained_folder / "runs"
    outcome = dfx("diff", "trained", "best", "--format", fmt, "--home", home)

    assert outcome.code == 0
    assert outcome.stdout.strip()
    assert "\x1b" not in outcome.stdout
    assert outcome.stderr.splitlines()[-1] == "A and B are the same run, trained/1"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("trained/1", "trained/2"), 3, "no run 'trained/2'"),
        (("trainde", "trained"), 3, "did you mean trained"),
        (("trained/1",), 2, "Missing argument 'B'"),
        (("trained", "trained", "--format", "xml"), 2, "xml"),
    ],
)
def test_what_is_wrong_is_named(
    dfx: Command, trained_folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    outcome = dfx("diff", *arguments, "--home", trained_folder / "runs")

    assert outcome.code == code
    assert words in outcome.stderr
    assert outcome.stdout == ""


def test_without_a_home_there_is_nothing_to_compare(dfx: Command) -> None:
    outcome = dfx("diff", "a/1", "a/2")

    assert outcome.code == 3
    assert not Path("runs").exists()
