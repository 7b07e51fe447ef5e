"""Removing and tidying where several homes share a server: each home's files are its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tracking_samples import begin_run, record_epoch

from dfx.errors import StoreError
from dfx.records import Run, Status
from dfx.services.cleanup import find_leftovers, remove_leftovers
from dfx.services.removal import plan_removal, remove_run
from dfx.tracking.store import RunStore

FILES = ("best-10.pt", "last-10.pt", "val.csv", ".log.csv.0a1b2c3d.draft")


@pytest.fixture
def one(
    make_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RunStore]:
    """The store as one of the homes has opened it."""
    url = make_database()
    monkeypatch.setenv("DFX_DATABASE_URL", url)
    with RunStore.open(tmp_path / "one", url=url, create=True) as opened:
        yield opened


@pytest.fixture
def run(one: RunStore) -> Run:
    """A completed run of that home, with a draft beside its files."""
    run, attempt = begin_run(one)
    record_epoch(one, attempt, 1)
    one.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    folder = one.home / run.directory
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
        os.utime(folder / name, (0, 0))
    return run


def list_files(home: Path) -> list[str]:
    return sorted(path.name for path in home.rglob("*") if path.is_file())


def test_run_of_another_home_here_is_removed_with_its_files(
    one: RunStore, run: Run, tmp_path: Path
) -> None:
    two = tmp_path / "two"
    two.mkdir()
    [removal] = plan_removal([run.name], keep_files=False, home=two)
    remove_run(removal, two)

    assert removal.home == one.home
    assert list_files(one.home) == []
    assert one.list_summaries() == []


def test_run_whose_files_are_on_another_machine_is_removed_by_its_record_only(
    one: RunStore, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "one").rename(tmp_path / "elsewhere")
    two = tmp_path / "two"
    two.mkdir()
    with pytest.raises(StoreError, match=f"elsewhere: in {one.home}/b4/1 on ") as refusal:
        plan_removal([run.name], keep_files=False, home=two)
    [removal] = plan_removal([run.name], keep_files=True, home=two)
    remove_run(removal, two)

    assert "dfx rm --keep-files b4/1" in str(refusal.value.hint)
    assert list_files(tmp_path / "elsewhere") == sorted(FILES)
    assert one.list_summaries() == []


def test_home_is_tidied_and_no_other(one: RunStore, run: Run, tmp_path: Path) -> None:
    """What another home has a row of is not unknown here, and its missing files are not missed."""
    two = tmp_path / "two"
    shutil.copytree(one.home, two)
    (one.home / run.directory / "best-10.pt").unlink()
    there = find_leftovers(two, unknown=True, backups=True)
    here = find_leftovers(one.home, unknown=True, backups=True)
    remove_leftovers(here, one.home, unknown=True, backups=True)

    assert there.items == ()
    assert [(item.path, item.removable) for item in here.items] == [
        ("b4/1/.log.csv.0a1b2c3d.draft", True),
        ("b4/1/best-10.pt", False),
    ]
    assert list_files(one.home) == ["last-10.pt", "val.csv"]
    assert list_files(two) == sorted(FILES)


def test_files_that_runs_of_a_local_database_share_stay(one: RunStore, run: Run) -> None:
    """The runs of `dfx.db` in the same home may refer to them."""
    patch = one.home / ".patches" / f"{'d' * 64}.patch.gz"
    patch.parent.mkdir()
    patch.touch()
    os.utime(patch, (0, 0))
    alone = find_leftovers(one.home, unknown=False, backups=False)
    RunStore.open(one.home, create=True).close()
    beside = find_leftovers(one.home, unknown=False, backups=False)

    assert alone.removable[0].path == f".patches/{patch.name}"
    assert [item.path for item in beside.removable] == ["b4/1/.log.csv.0a1b2c3d.draft"]
    assert beside.skipped[0][0] == ".patches and .images"
