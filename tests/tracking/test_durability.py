"""Several processes at once, and processes that are killed: nothing is lost, nothing is halved."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tracking_samples import Place, begin_run, gone

CREATE = """
with place.open() as store:
    for number in range(6):
        run, attempt = begin_run(store)
        for epoch in (1, 2):
            record_epoch(store, attempt, epoch)
            store.beat(attempt.id)
        assert run.id in [each.id for each in store.list_summaries()]
        print(run.number, flush=True)
"""

RECORD = """
with place.open() as store:
    run_id = int(arguments[0])
    attempt = continue_run(store, run_id)
    epoch = len(store.get_detail(run_id).epochs)
    while True:
        epoch += 1
        record_epoch(store, attempt, epoch)
        print(epoch, flush=True)
"""


def test_processes_create_runs_side_by_side(place: Place) -> None:
    """Numbers are unique and without a gap, no write fails, and no row is lost."""
    with place.open():
        pass
    workers = [place.start(CREATE) for _ in range(4)]
    printed = [worker.communicate()[0].split() for worker in workers]

    assert [worker.returncode for worker in workers] == [0] * 4
    numbers = sorted(int(number) for numbers in printed for number in numbers)
    assert numbers == list(range(1, 25))
    with place.open(create=False) as store:
        summaries = store.list_summaries()
        assert sorted(each.number for each in summaries) == numbers
        assert {(each.epochs, each.best_epoch) for each in summaries} == {(2, 2)}


def test_killed_process_leaves_whole_transactions(sqlite_place: Place) -> None:
    """After SIGKILL at any instant the database is sound, and every epoch is there with its files.

    What the process was told to be recorded is there; at most the one under way is as well.
    """
    choose = random.Random(0)
    with sqlite_place.open() as store:
        run, _ = begin_run(store, process=gone())
    told = 0
    for _ in range(4):
        with sqlite_place.start(RECORD, run.id) as worker:
            assert worker.stdout is not None
            told = int(worker.stdout.readline())
            time.sleep(choose.uniform(0.05, 0.4))
            worker.kill()
            told = max([told, *(int(line) for line in worker.stdout if line.endswith("\n"))])
        stored = _check_whole(sqlite_place.home / "dfx.db")

        assert stored in {told, told + 1}
    assert told > 8


def _check_whole(path: Path) -> int:
    """How many epochs there are, each with its two checkpoints and its report."""
    with closing(sqlite3.connect(path)) as connection:

        def ask(question: str) -> list[tuple[int, ...]]:
            return connection.execute(question).fetchall()

        assert ask("PRAGMA integrity_check") == [("ok",)]
        assert ask("PRAGMA foreign_key_check") == []
        epochs = ask("SELECT epoch FROM epochs ORDER BY epoch")
        assert epochs == [(epoch,) for epoch in range(1, len(epochs) + 1)]
        assert ask("SELECT epoch FROM evaluations ORDER BY epoch") == epochs
        files = ask("SELECT epoch, count(*) FROM checkpoints GROUP BY epoch ORDER BY epoch")
        assert files == [(epoch, 2) for (epoch,) in epochs]
        assert ask("SELECT best_epoch FROM runs") == [(len(epochs),)]
        return len(epochs)
