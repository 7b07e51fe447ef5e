"""`dfx compare` by evaluations as it is typed, on a real database with predictions in files."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Command

# Samples of the services, found by name.
sys.path.insert(0, str(Path(__file__).parents[1] / "services"))

from evaluation_samples import SUITE, draw_scores, evaluate
from leaderboard_samples import add_run, write_scores

from dfx.tracking.store import RunStore

HEAVY = {"torch", "torchvision", "timm", "pandas", "sklearn", "matplotlib", "alembic", "scipy"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three runs: two scored on their own test images, one on another set; one under a suite."""
    home = tmp_path_factory.mktemp("boards") / "runs"
    home.mkdir()
    with RunStore.open(home, create=True) as store:
        for name, accuracy, skill in (("good", 0.8, 1.0), ("weak", 0.9, 0.3)):
            run = add_run(store, name, accuracies=[accuracy], settings={"optim.lr": accuracy / 100})
            evaluate(store, run, draw_scores(1, skill=skill))
            path = store.home / run.directory / "val-e0001-a1.csv"
            write_scores(path, *draw_scores(2, skill=skill))
        evaluate(store, run, draw_scores(3), dataset="other", digest="sha256:other", is_own=False)
        run = add_run(store, "robust", accuracies=[0.7])
        suite = {name: 0.9 - 0.1 * i for i, name in enumerate(SUITE)}
        evaluate(store, run, draw_scores(4), split="val", digest="sha256:val", suite=suite)
    return home


def test_split_test_ranks_by_test_images(dfx: Command, home: Path) -> None:
    document = dfx("compare", "--home", home, "--split", "test", "-f", "json").json()
    table = dfx("compare", "--home", home, "--split", "test").stdout
    runs = [(run["dataset"], run["rank"], run["run"]) for run in document["runs"]]

    assert runs == [("other", 1, "weak/1"), ("faces", 1, "good/1"), ("faces", 2, "weak/1")]
    assert [test["method"] for test in document["tests"]] == ["mcnemar", "delong"]
    assert document["tests"][1]["p"] < 0.05
    assert [run["test_uses"] for run in document["runs"]] == [2, 1, 2]
    assert f"dfx evaluate robust/1 --split test --home {home}" in table
    words = " ".join(table.split())
    assert "1 and 2 differ in AUC (DeLong p" in words
    assert "makes the test set a validation set" in words


def test_split_val_is_the_leaderboard(dfx: Command, home: Path) -> None:
    usual = dfx("compare", "--home", home)

    assert dfx("compare", "--home", home, "--split", "val").stdout == usual.stdout
    assert usual.stdout.split()[0:3] == ["#", "run", "val"]


def test_options_of_the_test_board_work(dfx: Command, home: Path) -> None:
    options = ("--where", "run = 'weak*' or run = 'good*'", "--limit", 1, "--metric", "loss")
    limited = dfx("compare", "--home", home, "--split", "test", *options, "-f", "json").json()
    columns = ("--columns", "test_auc,lr,test_uses", "--sort", "lr:desc", "-f", "csv")
    printed = dfx("compare", "--home", home, "--split", "test", *columns).stdout
    lines = list(csv.DictReader(io.StringIO(printed)))

    assert limited["metric"] == "test_loss"
    assert [run["run"] for run in limited["runs"]] == ["weak/1", "good/1"]
    assert [each["omitted"] for each in limited["sets"]] == [0, 1]
    assert list(lines[0]) == [
        *("rank", "run", "dataset_digest", "content_digest"),
        *("test_auc", "optim.lr", "test_uses"),
    ]
    assert [line["run"] for line in lines] == ["weak/1", "weak/1", "good/1"]
    every = dfx("compare", "--home", home, "--split", "test", "--all", "-f", "json").json()
    assert every["runs"][0]["model.name"] == "efficientnet_b4.ra2_in1k"


def test_matrix_has_runs_by_data_sets(dfx: Command, home: Path) -> None:
    document = dfx("compare", "--home", home, "--matrix", "-f", "json").json()
    table = dfx("compare", "--home", home, "--matrix", "--metric", "auc").stdout
    wide = dfx("compare", "--home", home, "--matrix", "-f", "md").stdout.splitlines()
    flat = dfx("compare", "--home", home, "--matrix", "-f", "csv").stdout.splitlines()

    assert [each["dataset"] for each in document["sets"]] == ["faces", "other"]
    assert [run["run"] for run in document["runs"]] == ["weak/1", "good/1", "robust/1"]
    assert document["runs"][0]["worst"]["dataset"] == "other"
    assert table.split()[:8] == ["run", "own", "val", "faces", "test", "other", "test", "worst"]
    assert wide[0] == "| run | own val | faces test | other test | worst elsewhere |"
    assert (len(wide), len(flat)) == (2 + 3, 1 + 3 + 3)


def test_robustness_has_every_condition(dfx: Command, home: Path) -> None:
    outcome = dfx("compare", "--home", home, "--robustness", "-f", "json").json()
    flat = dfx("compare", "--home", home, "--robustness", "-f", "csv").stdout
    table = dfx("compare", "--home", home, "--robustness").stdout
    (run,) = outcome["runs"]

    assert [each["name"] for each in run["conditions"]] == list(SUITE)
    assert (run["worst"]["name"], run["lowest"]["jpeg"]["name"]) == ("resaved", "jpeg-30")
    assert outcome["others"] == ["weak/1", "good/1"]
    assert len(list(csv.DictReader(io.StringIO(flat)))) == len(SUITE)
    assert "faces, val" in table
    assert f"dfx evaluate RUN --robustness --home {home}" in table


@pytest.mark.parametrize("board", [["--split", "test"], ["--matrix"], ["--robustness"]])
def test_where_there_is_nothing_yet_it_is_said(
    dfx: Command, folder: Path, board: list[str]
) -> None:
    missing = folder / "none"
    printed = dfx("compare", *board, "--home", missing)

    assert dfx("compare", *board, "-f", "json").json() == {"runs": []}
    assert printed.code == 0
    # Where a line of 80 columns ends in it hangs on how long the path is.
    assert f"Norunsin{missing}haveweightsyet." in "".join(printed.stdout.split())
    assert dfx("compare", *board, "-f", "csv").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (["--split", "train"], "--split: runs are not compared on 'train'", "train_accuracy"),
        (["--split", "test", "--matrix"], "--split test and --matrix cannot", "one after"),
        (["--matrix", "--group"], "--matrix and --group cannot", "leave --group away"),
        (["--robustness", "--all"], "--robustness and --all cannot", "`dfx compare --all`"),
        (["--split", "test", "--metric", "val_auc"], "'val_auc'", "test_average_precision"),
        (["--split", "test", "--metric", ""], "--metric: ''", "test_accuracy"),
        (["--metric", ""], "--metric: ''", "val_accuracy"),
        (["--split", "test", "--sort", "test_auc"], "no column 'test_auc'", "--metric"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(
    dfx: Command, options: list[str], message: str, hint: str
) -> None:
    outcome = dfx("compare", *options)

    assert (outcome.code, outcome.stdout) == (2, "")
    assert message in outcome.stderr
    assert hint in outcome.stderr


def modules_after(home: Path, *options: str) -> set[str]:
    """The modules that a command has loaded when it ends, in a process of its own."""
    code = (
        "import json, sys\n"
        f"sys.argv = ['dfx', 'compare', '--home', {str(home)!r}, *{options!r}]\n"
        "from dfx.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=home
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    ("options", "with_numpy"),
    [
        ([], False),
        (["--metric", "val_auc"], True),
        (["--split", "test"], True),
        (["--split", "test", "--limit", "1"], False),
        (["--matrix"], False),
        (["--robustness"], False),
    ],
)
def test_only_a_test_of_aucs_loads_numpy_and_nothing_loads_more(
    home: Path, options: list[str], with_numpy: bool
) -> None:
    """The usual leaderboard does not even load what the others are made of."""
    loaded = modules_after(home, *options)
    others = {"dfx.records.boards", "dfx.tracking.evaluations", "dfx.services.boards"}

    assert loaded & HEAVY == set()
    assert ("numpy" in loaded) is with_numpy
    assert (others & loaded == set()) is (not options or options[0] == "--metric")


@pytest.mark.parametrize("board", [(), ("--split", "test"), ("--matrix",), ("--robustness",)])
def test_lost_record_is_told_by_every_board(
    dfx: Command, folder: Path, board: tuple[str, ...]
) -> None:
    """Nobody is advised to start anew beside the files of runs."""
    checkpoint = folder / "runs" / "b4" / "1" / "checkpoints" / "best-e0001-a1.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    outcome = dfx("compare", *board)

    assert outcome.code == 3
    assert "dfx db check --adopt" in outcome.stderr


def test_bare_names_on_the_test_board_are_its_own(dfx: Command, home: Path) -> None:
    command = ("compare", "--home", home, "--split", "test", "-f", "csv", "--columns")
    bare, full = (
        dfx(*command, names).stdout for names in ("accuracy,uses", "test_accuracy,test_uses")
    )

    assert bare == full
    assert "val_accuracy" not in bare
