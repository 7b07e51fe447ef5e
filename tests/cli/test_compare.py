"""`dfx compare` as it is typed, on a real database that an older dfx has written."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command

DATABASE = Path(__file__).parents[1] / "tracking" / "revisions" / "0001.db"


@pytest.fixture(autouse=True)
def runs(folder: Path) -> Path:
    """Five runs on one validation set; the one that diverged has no epoch."""
    home = folder / "runs"
    home.mkdir()
    shutil.copy(DATABASE, home / "dfx.db")
    return home


def names(dfx: Command, *options: object) -> list[str]:
    return [run["run"] for run in dfx("compare", "-f", "json", *options).json()["runs"]]


def test_all_runs_are_ranked(dfx: Command) -> None:
    assert names(dfx) == ["long/1", "stopped/1", "tiny/1", "tiny/2", "diverged/1"]


def test_options_go_together(dfx: Command) -> None:
    where = "status = completed or status = lost"
    found = names(dfx, "--where", where, "--sort", "lr", "--limit", 2, "--metric", "loss")

    assert found == ["long/1", "tiny/2"]


def test_csv_has_the_columns_asked_for(dfx: Command) -> None:
    outcome = dfx("compare", "--columns", "lr,val_loss", "--where", "seed = 1", "-f", "csv")
    (row,) = csv.DictReader(io.StringIO(outcome.stdout))

    assert list(row) == ["rank", "run", "optim.lr", "val_loss"]
    assert (row["rank"], row["run"], row["optim.lr"]) == ("1", "tiny/2", "0.001")
    assert len(row["val_loss"]) > 12


def test_all_settings_are_columns(dfx: Command) -> None:
    document = dfx("compare", "--all", "-f", "json").json()

    assert document["runs"][0]["model.name"] == "test_efficientnet"
    assert "1  long/1" in dfx("compare", "--all").stdout


def test_recipes_are_grouped(dfx: Command) -> None:
    """The two completed runs differ in more than the seed."""
    recipes = dfx("compare", "--group", "-f", "json").json()["recipes"]

    assert [(recipe["runs"], recipe["std"]) for recipe in recipes] == [
        (["tiny/1"], None),
        (["tiny/2"], None),
    ]


def test_an_old_copy_without_its_files_says_why_there_is_no_test(dfx: Command) -> None:
    words = " ".join(dfx("compare").stdout.split())  # however wide they were printed

    assert "1 and 2 were not tested: the predictions of long/1" in words


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--where", "val_acc > 0.9"], "--where: there is no column 'val_acc'", "val_accuracy"),
        (["--where", "("], "--where: expected a column, not 'the end'", None),
        (["--metric", "f3"], "--metric: 'f3' is not a metric", "val_f1"),
        (["--columns", "lr,nothing"], "--columns: there is no column 'nothing'", "columns are"),
        (["--sort", "lr:up"], "--sort: 'up' is no direction", "optim.lr:desc"),
        (["--group", "--sort", "lr"], "--group and --sort cannot go together", "--sort"),
    ],
)
def test_a_mistake_in_an_option_is_told(
    dfx: Command, options: list[str], message: str, hint: str | None
) -> None:
    outcome = dfx("compare", *options)

    assert (outcome.code, outcome.stdout) == (2, "")
    assert message in outcome.stderr
    assert (hint or "") in outcome.stderr


def test_a_limit_of_none_is_refused(dfx: Command) -> None:
    outcome = dfx("compare", "--limit", 0)

    assert outcome.code == 2
    assert "--limit" in outcome.stderr


def test_a_command_in_a_hint_is_for_the_home_that_was_named(dfx: Command, runs: Path) -> None:
    """What is copied from there must not act on another home."""
    named = dfx("rm", "tiny", "--home", runs)
    plain = dfx("rm", "tiny")

    assert named.code == plain.code != 0
    assert f"(with --home {runs})" in named.stderr
    assert "--home" not in plain.stderr


def test_a_home_that_is_not_there_is_named(dfx: Command, folder: Path) -> None:
    outcome = dfx("compare", "--home", folder / "none")

    assert outcome.code == 0
    assert f"No runs in {folder / 'none'} yet." in outcome.stdout.replace("\n", "")


def test_a_home_may_be_typed_with_dots(dfx: Command, folder: Path) -> None:
    (folder / "below").mkdir()

    assert names(dfx, "--home", folder / "below" / ".." / "runs") == names(dfx)


def test_commands_work_in_an_ascii_locale(folder: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for options in ([], ["--format", "json"]):
        done = subprocess.run(
            [sys.executable, "-m", "dfx", "compare", *options],
            cwd=folder,
            env=environment,
            capture_output=True,
            check=False,
        )

        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.isascii()
