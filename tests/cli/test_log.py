"""`dfx log` from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dfx.config import ExperimentConfig
from dfx.records import Attempt, EpochRecord, Status
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

from .conftest import Command


@pytest.fixture
def store(folder: Path) -> Iterator[RunStore]:
    """In `runs` of the working folder."""
    (folder / "runs").mkdir()
    with RunStore.open(folder / "runs", create=True) as opened:
        yield opened


@pytest.fixture
def attempt(store: RunStore) -> Attempt:
    """The attempt of a run, `b4/1`, which this process is working on."""
    _, attempt = store.create_run(
        experiment="b4",
        config=ExperimentConfig(),
        home=store.home,
        uuid="00000000-0000-4000-8000-000000000000",
        process=this_process(),
        settings={},
        environment={},
    )
    return attempt


def _record(store: RunStore, attempt: Attempt, epoch: int) -> None:
    values = (epoch, epoch * 10, 0.5, 0.8, 0.4, 0.9, None, None, 1e-4, 60.0, 5.0, 1)
    store.record_epoch(
        attempt.id,
        EpochRecord(*values, datetime.now(UTC)),
        checkpoints=[],
        evaluation=None,
        improved=False,
    )


def _follow(*options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "dfx", "log", "b4/1", "--follow", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _read(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def test_what_happens_comes_as_it_happens(store: RunStore, attempt: Attempt) -> None:
    """As JSON one object a line; the command ends by itself when the run has."""
    process = _follow("--format", "json")
    started = json.loads(_read(process))
    _record(store, attempt, 1)
    epoch = json.loads(_read(process))
    store.finish_attempt(attempt.id, status=Status.FAILED, message="no luck")
    rest, errors = process.communicate()

    assert (started["event"], started["attempt"]) == ("started", 1)
    assert (epoch["event"], epoch["epoch"], epoch["val_accuracy"]) == ("epoch", 1, 0.9)
    assert json.loads(rest)["message"] == "no luck"
    assert (process.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_watching_ends_by_a_signal_without_a_word(
    store: RunStore, attempt: Attempt, number: signal.Signals, code: int
) -> None:
    """And the run goes on."""
    process = _follow()
    assert "attempt 1 starts at step 1" in _read(process)
    process.send_signal(number)
    rest, errors = process.communicate()
    _record(store, attempt, 1)

    assert (process.returncode, rest, errors) == (code, "", "")


def test_a_reader_that_goes_away_is_no_bug(store: RunStore, attempt: Attempt) -> None:
    process = _follow()
    _read(process)
    assert process.stdout is not None
    process.stdout.close()
    _record(store, attempt, 1)
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stderr.close()

    assert process.wait() == 1
    assert errors == ""


@pytest.mark.parametrize("options", [(), ("--follow",), ("--tail", "2")])
@pytest.mark.parametrize("fmt", ["table", "json", "csv", "md"])
def test_every_format_prints_on_stdout(
    dfx: Command, trained_folder: Path, fmt: str, options: tuple[str, ...]
) -> None:
    """The log of a run that has ended: start, two epochs, end."""
    outcome = dfx("log", "trained/1", "-f", fmt, *options, "--home", trained_folder / "runs")
    count = 2 if "--tail" in options else 4

    assert (outcome.code, outcome.stderr) == (0, "")
    assert "\x1b" not in outcome.stdout
    if fmt == "json" and "--follow" not in options:
        assert len(outcome.json()["events"]) == count
    else:
        assert len(outcome.stdout.splitlines()) == count + {"csv": 1, "md": 2}.get(fmt, 0)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("trained/2",), 3, "no run 'trained/2'"),
        (("trained", "--tail", "-1"), 2, "--tail"),
        (("trained", "--tail", "many"), 2, "'--tail'"),
        (("trained", "--format", "jsonl"), 2, "jsonl"),
        (("trained", "--follow", "--home", "nowhere"), 3, "nowhere"),
    ],
)
def test_what_is_wrong_is_named(
    dfx: Command, trained_folder: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    outcome = dfx("log", "--home", trained_folder / "runs", *arguments)

    assert outcome.code == code
    assert words in outcome.stderr
    assert outcome.stdout == ""
