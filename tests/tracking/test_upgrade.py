"""A real database of each released revision is upgraded, and then used.

The files in `revisions/` were written by the dfx of that revision: by `dfx run` and `dfx resume`
with a tiny network, some of them interrupted, killed and diverging. Host, folders and most packages
in them were replaced afterwards.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from by_hand_samples import make_evaluation_by_hand
from tracking_samples import begin_run, continue_run, make_epoch, make_evaluation

from dfx.records import Status
from dfx.tracking.schema import HEAD, REVISIONS
from dfx.tracking.store import RunStore

FILES = Path(__file__).parent / "revisions"
OLD = REVISIONS[:-1]


def test_every_old_revision_has_a_file() -> None:
    assert [path.stem for path in sorted(FILES.glob("*.db"))] == list(OLD)
    assert OLD


@pytest.fixture(params=OLD)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A home whose database is of an old revision."""
    shutil.copy(FILES / f"{request.param}.db", tmp_path / "dfx.db")
    with closing(sqlite3.connect(tmp_path / "dfx.db")) as connection:
        found = connection.execute("SELECT version_num FROM dfx_alembic_version").fetchall()
    assert found == [(request.param,)]
    return tmp_path


def count(path: Path) -> dict[str, int]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for (table,) in found
        }


def test_old_database_keeps_its_runs(home: Path) -> None:
    """Every row is there, and a copy of the file as it was."""
    before = count(home / "dfx.db")
    with RunStore.open(home, create=False) as store:
        summaries = {summary.run: summary for summary in store.list_summaries()}
    copies = list(home.glob("*.backup"))

    assert before.items() <= count(home / "dfx.db").items()
    assert [count(copy) for copy in copies] == [before]
    assert {name: summary.status for name, summary in summaries.items()} == {
        "tiny/1": Status.COMPLETED,
        "tiny/2": Status.COMPLETED,
        "diverged/1": Status.FAILED,
        "long/1": Status.LOST,
        "stopped/1": Status.INTERRUPTED,
    }
    assert summaries["tiny/2"].best_epoch == 3
    assert summaries["tiny/2"].val_auc == 0.96875
    if "tags" in before:
        assert summaries["tiny/1"].tags == ("baseline",)
        assert summaries["tiny/2"].note == "learned with a smaller step"
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        found = connection.execute("SELECT version_num FROM dfx_alembic_version").fetchall()
    assert found == [(HEAD,)]


def test_old_evaluations_are_those_of_training(home: Path) -> None:
    """Nobody has used a test split with an old dfx; uses are counted from here on."""
    with RunStore.open(home, create=False) as store:
        runs = {summary.run: summary.id for summary in store.list_summaries()}
        details = [store.get_detail(run_id) for run_id in runs.values()]
        store.record_evaluation(runs["tiny/1"], make_evaluation_by_hand("tiny/1"))
        use = store.record_test_use(
            runs["tiny/1"], epoch=1, dataset="dataset", dataset_digest="sha256:test"
        )

        assert {e.origin for detail in details for e in detail.evaluations} == {"training"}
        assert store.get_detail(runs["tiny/1"]).evaluations[-1] == make_evaluation_by_hand("tiny/1")
        assert use == 1


def test_old_database_is_used(home: Path) -> None:
    """Old runs are read in full and go on; new ones are made, tagged and removed."""
    with RunStore.open(home, create=False) as store:
        for summary in store.list_summaries():
            detail = store.get_detail(summary.id)

            assert detail.run.config.model.name == "test_efficientnet"
            assert len(detail.epochs) == summary.epochs
            assert detail.run.host == "workstation"
        lost = next(s for s in store.list_summaries() if s.status is Status.LOST)
        attempt = continue_run(store, lost.id)
        epoch = lost.epochs + 1
        store.record_epoch(
            attempt.id,
            make_epoch(epoch, attempt=attempt.number),
            checkpoints=[],
            evaluation=make_evaluation(epoch),
            improved=False,
        )
        store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
        run, _ = begin_run(store, experiment="tiny")
        store.add_tags(lost.id, ["old"])
        store.remove_run(next(s.id for s in store.list_summaries() if s.run == "tiny/2"))

        assert (run.name, attempt.number) == ("tiny/3", 3)
        assert store.get_run(lost.id).tags == ("old",)
        assert [s.run for s in store.list_summaries()] == [
            "tiny/1",
            "diverged/1",
            "long/1",
            "stopped/1",
            "tiny/3",
        ]
