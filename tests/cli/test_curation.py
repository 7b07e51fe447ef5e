"""Tags, notes and names from the command line."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
import torch

from .conftest import Command, Outcome
from .test_bad_input import check
from .test_run import TINY


@pytest.fixture
def runs(trained_folder: Path, folder: Path) -> Path:
    """A home of one's own with the run `trained/1`."""
    return Path(shutil.copytree(trained_folder / "runs", folder / "runs"))


def test_tags_are_given_listed_and_taken_away(dfx: Command, runs: Path) -> None:
    given = dfx("tag", "trained/1", "paper", "good", "paper")
    listed = dfx("tag", "--format", "json").json()
    taken = dfx("tag", "trained/1", "new", "--remove", "paper", "--remove", "good", "-f", "json")

    assert given.stdout.split() == ["run", "tags", "trained/1", "good,", "paper"]
    assert listed == {
        "tags": [{"tag": "good", "runs": ["trained/1"]}, {"tag": "paper", "runs": ["trained/1"]}]
    }
    assert taken.json() == {"run": "trained/1", "tags": ["new"]}
    assert dfx("tag", "trained/1", "--format", "csv").stdout == "run,tag\ntrained/1,new\n"
    assert dfx("tag", "--format", "csv").stdout == "tag,run\nnew,trained/1\n"


def test_run_that_was_picked_is_named(dfx: Command, runs: Path) -> None:
    outcome = dfx("tag", "trained", "good")

    assert outcome.stderr == "trained/1: the latest run of trained\n"


@pytest.mark.parametrize(
    ("tag", "reason"),
    [
        ("two\nlines", "white space"),
        ("two words", "white space"),
        ("", "empty"),
        ("a,b", "holds ,"),
        ('say"x"', 'holds "'),
        ("bell\x07", "cannot be printed"),
        ("x" * 65, "65 characters, expected at most 64"),
    ],
)
def test_word_that_cannot_be_a_tag(dfx: Command, runs: Path, tag: str, reason: str) -> None:
    """Nothing is changed, not even by the good ones beside it."""
    check(dfx("tag", "trained/1", "good", tag), 2, "cannot be a tag", reason)

    assert dfx("tag", "--format", "json").json() == {"tags": []}


def test_mistakes_with_tags_change_nothing(dfx: Command, runs: Path) -> None:
    dfx("tag", "trained/1", "good")
    check(dfx("tag", "trained/1", "new", "--remove", "bad"), 3, "no tag 'bad'", "good")
    check(dfx("tag", "trained/1", "x", "--remove", "x"), 2, "both to be added and removed")
    check(dfx("tag", "--remove", "good"), 2, "--remove good")
    check(dfx("tag", "good"), 3, "no run 'good'", "is a tag, of trained/1")
    check(dfx("tag", "nothing", "x"), 3, "no run 'nothing'")

    assert dfx("tag", "trained/1", "-f", "json").json()["tags"] == ["good"]


def test_what_looks_alike_is_one_tag(dfx: Command, runs: Path) -> None:
    dfx("tag", "trained/1", "gr\u00f6\u00dfe", "gro\u0308\u00dfe")

    assert dfx("tag", "trained/1", "-f", "json").json()["tags"] == ["gr\u00f6\u00dfe"]


def test_note_is_written_read_and_taken_away(
    dfx: Command, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = dfx("note", "trained/1", "first line\n\tsecond: größer")
    read = dfx("note", "trained/1", "--format", "json").json()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"from\r\nstdin\r\n")))
    dfx("note", "trained/1", "-")
    from_stdin = dfx("note", "trained/1")
    removed = dfx("note", "trained/1", "--remove")

    assert "note of trained/1 written" in written.stderr
    assert read == {"run": "trained/1", "note": "first line\n\tsecond: größer"}
    assert from_stdin.stdout == "from\nstdin\n"
    assert (removed.stdout, removed.stderr) == ("", "note of trained/1 removed\n")
    assert dfx("note", "trained/1").stdout == ""
    assert dfx("note", "trained/1", "-f", "csv").stdout == "run,note\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("a\x1b[31mb",), 2, "'\\x1b' at character 2"),
        ((" \n",), 2, "empty"),
        (("x" * 10_001,), 2, "10001 characters"),
        (("text", "--remove"), 2, "--remove takes no text"),
    ],
)
def test_mistakes_with_notes_change_nothing(
    dfx: Command, runs: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    dfx("note", "trained/1", "as it was")
    check(dfx("note", "trained/1", *arguments), code, words)

    assert dfx("note", "trained/1").stdout == "as it was\n"


def test_note_on_stdin_that_is_no_text(
    dfx: Command, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\xff")))
    check(dfx("note", "trained/1", "-"), 2, "not UTF-8")
    check(dfx("note", "trained/1", "--remove"), 3, "has no note")


def test_renamed_run_is_called_so_everywhere(dfx: Command, runs: Path, faces: Path) -> None:
    """And goes on in the folder it has; a new run of the old name gets a folder of its own."""
    image = faces / "val" / "real" / "00.png"
    renamed = dfx("rename", "trained", "final")
    predicted = dfx("predict", "--run", "final/1", image, "--format", "json", "--device", "cpu")
    resumed = dfx("resume", "final/1", "--epochs", 3)
    last = max((runs / "trained" / "1" / "checkpoints").glob("last-*.pt"))
    about = torch.load(last, weights_only=True)["about"]["run"]
    again = dfx("run", "--name", "trained", "--data", faces, *TINY, "--epochs", 1)
    listed = {run["run"]: run["directory"] for run in dfx("compare", "-f", "json").json()["runs"]}

    assert "trained is now final, with 1 run" in renamed.stderr
    assert "files stay where they are, in the folder trained" in renamed.stderr
    assert predicted.stderr.startswith("Using final/1, epoch ")
    assert predicted.json()[0]["run"] == "final/1"
    assert resumed.code == again.code == 0
    assert (about["experiment"], about["number"]) == ("final", 1)
    assert listed == {"final/1": "trained/1", "trained/2": "trained/2"}


def test_moved_run_says_its_number(dfx: Command, runs: Path) -> None:
    """It passes over numbers whose folders are there."""
    (runs / "other" / "4").mkdir(parents=True)
    moved = dfx("rename", "1", "other")

    assert moved.stderr.splitlines() == [
        "trained/1 is now other/5",
        "files stay where they are, in the folder trained/1",
    ]


def test_recipe_that_keeps_the_old_name_is_told(dfx: Command, runs: Path, folder: Path) -> None:
    (folder / "experiments").mkdir()
    (folder / "experiments" / "trained.toml").touch()
    renamed = dfx("rename", "trained", "final")

    assert "its recipe is experiments/trained.toml" in renamed.stderr


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("trained", "a/b", 2, "'a/b' cannot name an experiment"),
        ("trained", "best", 2, "'best' cannot name an experiment"),
        ("trained", "17", 2, "'17' cannot name an experiment"),
        ("trained", "trained", 2, "is called so already"),
        ("trained/1", "trained", 2, "is a run of 'trained' already"),
        ("trained/1", "TRAINED", 2, "only in upper and lower case"),
        ("nothing", "new", 3, "no run 'nothing'"),
        ("latest", "new", 3, "'latest' leaves a choice"),
    ],
)
def test_mistakes_with_names_change_nothing(
    dfx: Command, runs: Path, old: str, new: str, code: int, words: str
) -> None:
    before = dfx("compare", "-f", "json").stdout
    check(dfx("rename", old, new), code, words)

    assert dfx("compare", "-f", "json").stdout == before


@pytest.mark.parametrize("command", ["tag", "note", "rename", "rm", "gc"])
def test_no_home_is_told_and_none_is_made(dfx: Command, folder: Path, command: str) -> None:
    arguments = {"tag": ["x"], "note": ["x"], "rename": ["x", "y"], "rm": ["x/1"], "gc": []}
    outcome: Outcome = dfx(command, *arguments[command])

    check(outcome, 3)
    assert list(folder.iterdir()) == []
