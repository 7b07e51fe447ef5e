"""Eight processes make runs, record epochs and compare, all in one home: nothing is lost."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tracking_samples import Place

from dfx.tracking.schema import HEAD

PROCESSES = 8

WORK = '''
import json
from typer.testing import CliRunner
from dfx.cli.app import app
from dfx.records import Status

number, runs, epochs, seconds = map(float, arguments)
if place.url:
    os.environ["DFX_DATABASE_URL"] = place.url
told = {"made": {}, "reads": 0, "waits": []}


def timed(write, *arguments, **options):
    began = time.monotonic()
    made = write(*arguments, **options)
    told["waits"].append(time.monotonic() - began)
    return made


def compare(store):
    """As a person would, and as the program does: every run that has ended here is there."""
    asked = ["compare", "--format", "json", "--home", str(place.home)]
    outcome = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.stderr
    seen = {run["run"]: run["epochs"] for run in json.loads(outcome.stdout)["runs"]}
    summaries = {summary.run: summary.epochs for summary in store.list_summaries()}
    for found in seen, summaries:
        assert {name: found[name] for name in told["made"]} == told["made"]
    told["reads"] += 2


sys.stdin.readline()
end = time.monotonic() + seconds
with place.open() as store:
    while len(told["made"]) < runs or time.monotonic() < end:
        # Half of the processes share an experiment, so that they share its counter too.
        name = f"own-{number:.0f}" if number % 2 else "shared"
        run, attempt = timed(begin_run, store, experiment=name)
        timed(store.record_data, attempt.id, [make_split("train"), make_split()])
        for epoch in range(1, int(epochs) + 1):
            timed(store.beat, attempt.id)
            timed(record_epoch, store, attempt, epoch, improved=epoch % 2 == 1)
        timed(store.finish_attempt, attempt.id, status=Status.COMPLETED, message=None)
        told["made"][run.name] = int(epochs)
        compare(store)
print(json.dumps(told))
'''


def work_together(place: Place, *, runs: int, epochs: int, seconds: float) -> list[dict[str, Any]]:
    """What each of the processes says that it has done, all having begun at one moment."""
    workers = [place.start(WORK, n, runs, epochs, seconds) for n in range(PROCESSES)]
    return [json.loads(told) for told in start_at_once(workers)]


def start_at_once(workers: list[subprocess.Popen[str]]) -> list[str]:
    """Lets processes go on that wait for a line, and gives what they print."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    printed = [worker.communicate()[0] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    return printed


def check_nothing_is_lost(place: Place, told: list[dict[str, Any]]) -> None:
    """Every run is there with every epoch, checkpoint and evaluation, under a number of its own."""
    made = {name: epochs for one in told for name, epochs in one["made"].items()}
    assert len(made) == sum(len(one["made"]) for one in told)
    with place.open(create=False) as store:
        summaries = store.list_summaries()
        assert {summary.run: summary.epochs for summary in summaries} == made
        shared = sorted(s.number for s in summaries if s.experiment == "shared")
        assert shared == list(range(1, len(shared) + 1))
        for summary in summaries:
            detail = store.get_detail(summary.id)
            epochs = range(1, made[summary.run] + 1)
            improved = [epoch for epoch in epochs if epoch % 2]
            files = [(file.kind, file.epoch) for file in detail.checkpoints]

            assert [epoch.epoch for epoch in detail.epochs] == list(epochs)
            assert [evaluation.epoch for evaluation in detail.evaluations] == improved
            assert sorted(files) == [
                *(("best", epoch) for epoch in improved),
                *(("last", epoch) for epoch in epochs),
            ]
    if place.url is None:
        with closing(sqlite3.connect(place.home / "dfx.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_eight_processes_lose_nothing(place: Place) -> None:
    told = work_together(place, runs=2, epochs=3, seconds=0)

    assert [len(one["made"]) for one in told] == [2] * PROCESSES
    check_nothing_is_lost(place, told)


@pytest.mark.slow
def test_eight_processes_lose_nothing_for_a_minute(
    sqlite_place: Place, record_property: Callable[[str, object], None]
) -> None:
    told = work_together(sqlite_place, runs=1, epochs=15, seconds=60)
    check_nothing_is_lost(sqlite_place, told)
    runs = sum(len(one["made"]) for one in told)
    waits = sorted(wait for one in told for wait in one["waits"])
    figures = {
        "runs": runs,
        "epochs": 15 * runs,
        "writes": len(waits),
        "readings of all runs": sum(one["reads"] for one in told),
        "milliseconds of a write, median": round(1000 * waits[len(waits) // 2]),
        "milliseconds of a write, most": round(1000 * waits[-1]),
        "writes above 100 ms": sum(wait > 0.1 for wait in waits),
    }
    for name, value in figures.items():
        record_property(name, value)
    print(figures)  # noqa: T201  # `pytest -s` shows it


def test_first_starts_of_an_old_database_upgrade_it_once(sqlite_place: Place) -> None:
    """Four processes open the file that the first dfx wrote: one upgrades it, all can use it."""
    sqlite_place.home.mkdir()
    database = sqlite_place.home / "dfx.db"
    shutil.copy(Path(__file__).parent / "revisions" / "0001.db", database)
    script = (
        "sys.stdin.readline()\n"
        "with place.open(create=False) as store:\n"
        "    run, _ = begin_run(store)\n"
        "    print(run.name, len(store.list_summaries()) > 5)\n"
    )
    printed = start_at_once([sqlite_place.start(script) for _ in range(4)])
    with closing(sqlite3.connect(database)) as connection:
        revision = connection.execute("SELECT version_num FROM dfx_alembic_version").fetchall()
        check = connection.execute("PRAGMA integrity_check").fetchall()

    assert sorted(printed) == [f"b4/{number} True\n" for number in range(1, 5)]
    assert revision == [(HEAD,)]
    assert check == [("ok",)]
    assert len(list(sqlite_place.home.glob("dfx.db.0001.*"))) == 1
