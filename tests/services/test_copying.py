"""A copy is whole, also of a home in which runs write and prune all the time."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dfx.digests import hash_file
from dfx.errors import ConfigError, StoreError
from dfx.messages import Message
from dfx.records import Status
from dfx.records.condition import BackupReport
from dfx.services.copying import back_up_database, back_up_home
from dfx.tracking.store import RunStore

from .home_samples import keep_evaluation, list_files

WRITER = """
import dataclasses, hashlib, sys, uuid
from pathlib import Path
from dfx.config import ExperimentConfig
from dfx.records import CheckpointFile, EpochRecord
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore
from datetime import UTC, datetime

home = Path(sys.argv[1])
with RunStore.open(home, create=True) as store:
    run, attempt = store.create_run(
        experiment="busy", config=ExperimentConfig(), home=home, uuid=str(uuid.uuid4()),
        process=this_process(), settings={}, environment={},
    )
    (home / run.directory / "checkpoints").mkdir(parents=True)
    epoch = 0
    while True:
        epoch += 1
        files = []
        for kind in ("best", "last"):
            path = f"{run.directory}/checkpoints/{kind}-{epoch}.pt"
            data = f"{kind} {epoch} ".encode() * 20_000
            (home / path).write_bytes(data)
            sha256 = "sha256:" + hashlib.sha256(data).hexdigest()
            files.append(CheckpointFile(kind, epoch, epoch, path, len(data), sha256))
        record = EpochRecord(
            epoch, epoch, 0.5, 0.5, 0.5, 0.5, None, None, 1e-4, 1.0, 1.0, 1, datetime.now(UTC)
        )
        store.record_epoch(
            attempt.id, record, checkpoints=files, evaluation=None, improved=True
        )
        old = [file.path for file in store.list_checkpoints(run.id)][2:]
        store.forget_checkpoints(attempt.id, old)
        for path in old:
            (home / path).unlink()
        print(epoch, flush=True)
"""


@contextmanager
def writing(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that finishes epochs and prunes their files without a pause."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(home)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == "1\n"
        yield writer
        assert writer.poll() is None
    finally:
        writer.kill()
        writer.communicate()


def ignore(message: Message) -> None:
    """Nobody looks at the progress."""


def count_epochs(database: Path) -> int:
    """How far a copy goes; it is sound, and every file its rows name is there as written."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        return int(connection.execute("SELECT count(*) FROM epochs").fetchone()[0])


@dataclass(frozen=True)
class Copies:
    """A home with one run, whose process was killed, and copies made while it worked."""

    home: Path
    homes: list[BackupReport]
    databases: list[BackupReport]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Copies:
    """Only to be read, and to be copied."""
    folder = tmp_path_factory.mktemp("busy")
    home = folder / "runs"
    with writing(home):
        homes = [back_up_home(home, folder / f"copy-{number}", ignore) for number in range(4)]
        databases = [back_up_database(home) for _ in range(4)]
    return Copies(home, homes, databases)


def test_homes_are_copied_while_a_run_writes_and_prunes(copies: Copies) -> None:
    """Each copy is a home in which the run, interrupted there, can be gone on with."""
    for report in copies.homes:
        copy = report.target
        with RunStore.open(copy, create=False) as store:
            detail = store.get_detail(1)
        assert report.left_out == ()
        assert detail.run.status is Status.INTERRUPTED
        assert len(detail.checkpoints) in {2, 4}
        for file in detail.checkpoints:
            assert hash_file(copy / file.path) == file.sha256
        held = {path.name for path in (copy / "busy/1/checkpoints").iterdir()}
        assert held == {Path(file.path).name for file in detail.checkpoints}
    reached = [count_epochs(report.target / "dfx.db") for report in copies.homes]

    assert reached == sorted(reached)
    assert reached[0] < reached[-1]
    assert list(copies.home.parent.glob(".*")) == []


def test_databases_are_copied_while_a_run_writes(copies: Copies) -> None:
    """Copies within one second do not take each other's place."""
    reached = [count_epochs(report.target) for report in copies.databases]

    assert reached == sorted(reached)
    assert len({report.target for report in copies.databases}) == 4
    assert all(report.target.name.endswith(".backup") for report in copies.databases)


@pytest.fixture
def home(copies: Copies, tmp_path: Path) -> Path:
    """The home, for a test to spoil."""
    ignored = shutil.ignore_patterns("*.backup")
    return Path(shutil.copytree(copies.home, tmp_path / "runs", ignore=ignored))


def test_file_that_is_gone_or_damaged_is_left_out_and_named(home: Path, tmp_path: Path) -> None:
    with RunStore.open(home, create=False) as store:
        files = store.list_checkpoints(1)
    (home / files[0].path).unlink()
    (home / files[1].path).write_bytes(b"something else")
    report = back_up_home(home, tmp_path / "copy", ignore)

    assert len(report.left_out) == 2
    assert report.left_out[0] == f"{files[0].path} is gone"
    assert report.left_out[1].startswith(f"{files[1].path} is damaged: its digest is sha256:")
    assert not (tmp_path / "copy" / files[1].path).exists()
    assert (home / files[1].path).read_bytes() == b"something else"


def test_copy_has_whose_folder_it_is(home: Path, tmp_path: Path) -> None:
    """As each folder of a run says it; in that of an older run there is no mark."""
    back_up_home(home, tmp_path / "unmarked", ignore)
    (home / "busy/1/.run").write_text("0a1b2c3d\n")
    back_up_home(home, tmp_path / "marked", ignore)

    assert not (tmp_path / "unmarked/busy/1/.run").exists()
    assert (tmp_path / "marked/busy/1/.run").read_text() == "0a1b2c3d\n"


def test_copy_has_the_reports_of_evaluations(home: Path, tmp_path: Path) -> None:
    """All that dfx wrote of them, also where no row names them yet; what is gone is said once."""
    with RunStore.open(home, create=False) as store:
        run = store.get_run(1)
        for number in (1, 2, 3):
            keep_evaluation(store, run, number, is_recorded=number != 2)
    reports = home / run.directory / "evaluations"
    (reports / "0001-test-e0001" / "notes.txt").write_text("mine")
    shutil.rmtree(reports / "0003-test-e0001")
    report = back_up_home(home, tmp_path / "copy", ignore)
    with RunStore.open(tmp_path / "copy", create=False) as store:
        uses = store.get_detail(1).test_uses

    assert list_files(tmp_path / "copy" / run.directory / "evaluations") == {
        f"{folder}/{name}"
        for folder in ("0001-test-e0001", "0002-test-e0001")
        for name in ("predictions.csv", "report.html", "roc.png", "evaluation.json")
    }
    assert report.left_out == (
        f"{run.directory}/evaluations/0003-test-e0001/predictions.csv is gone",
    )
    assert [use.is_recorded for use in uses] == [True, False, True]


def test_copy_that_fails_leaves_nothing(home: Path, tmp_path: Path) -> None:
    def fail(message: Message) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        back_up_home(home, tmp_path / "copy", fail)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["runs"]


@pytest.mark.parametrize("name", ["runs/copy", "full", "file"])
def test_target_that_cannot_be_one(home: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=name) as refusal:
        back_up_home(home, tmp_path / name, ignore)

    assert refusal.value.hint
    assert (tmp_path / "full" / "mine").exists()
    assert not (home / "copy").exists()


def test_damaged_database_is_not_copied(home: Path, tmp_path: Path) -> None:
    """There is no copy that is as damaged as what it was made of."""
    with closing(sqlite3.connect(home / "dfx.db")) as connection:
        for number in range(200):
            connection.execute(f"CREATE TABLE filling_{number} (x)")
        connection.commit()
    database = home / "dfx.db"
    content = bytearray(database.read_bytes())
    content[-8192:] = b"\x5a" * 8192
    database.write_bytes(content)
    for copy in (
        lambda: back_up_home(home, tmp_path / "copy", ignore),
        lambda: back_up_database(home),
    ):
        with pytest.raises(StoreError, match="damaged"):
            copy()

    assert not (tmp_path / "copy").exists()
    assert list(home.glob("*.backup")) == []
