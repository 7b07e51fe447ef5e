"""Removing and tidying where several homes share a server: each home's files are its own."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tracking_samples import begin_run, make_checkpoint, record_epoch

from dfx.errors import NotFoundError, StoreError
from dfx.records import Run, Status
from dfx.services.checking import Adoption, check_store
from dfx.services.cleanup import find_leftovers, remove_leftovers
from dfx.services.detector import Detector
from dfx.services.removal import plan_removal, remove_run
from dfx.services.show import show_run
from dfx.tracking.process import this_process
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
    write_files(one.home / run.directory)
    return run


def write_files(folder: Path, mark: str | None = None) -> None:
    """What a run has left, an hour ago and more."""
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).touch()
    if mark:
        (folder / ".run").write_text(f"{mark}\n")
    for path in folder.iterdir():
        os.utime(path, (0, 0))


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


@pytest.mark.parametrize("mark", [None, "another"])
@pytest.mark.parametrize("host", ["this", "other"])
def test_folder_of_another_run_of_that_name_is_not_touched(
    one: RunStore, tmp_path: Path, host: str, mark: str | None
) -> None:
    """Its run is one of a database that this home had before; with the server, names come again.

    The other machine may have its home at another path, or at the same.
    """
    home = one.home if host == "other" else tmp_path / "two"
    process = replace(this_process(), host=host)
    run, attempt = begin_run(one, process=process)
    record_epoch(one, attempt, 1)
    one.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    write_files(home / run.directory, mark)
    before = list_files(home)
    found = find_leftovers(home, unknown=True, backups=True)
    remove_leftovers(found, home, unknown=True, backups=True)
    with pytest.raises(StoreError, match=f"elsewhere: in {one.home}/b4/1 on {host}"):
        plan_removal([run.name], keep_files=False, home=home)
    with pytest.raises(NotFoundError, match="elsewhere") as refusal:
        Detector.load_run(run.name, home=home, device="cpu")
    check = check_store(home, files=True, adoption=Adoption(), notify=lambda message: None)

    assert found.items == ()
    assert refusal.value.hint == f"do it there; {home}/b4/1 is another run's"
    assert [finding.kind for finding in check.findings] == ["elsewhere"]
    assert show_run(run.name, home).folder is None
    assert list_files(home) == before


@pytest.mark.parametrize("how", ["mark", "digest", "size", "nothing"])
def test_home_that_was_moved_is_known_by_what_is_in_it(
    one: RunStore, tmp_path: Path, how: str
) -> None:
    """By the mark in the folder; in that of an older run, by a checkpoint as it was written.

    Runs of one recipe have files of the same names and sizes.
    """
    run, attempt = begin_run(one, process=replace(this_process(), host="other"))
    path, content = f"{run.directory}/last-10.pt", b"as it was written"
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    file = make_checkpoint("last", 10, path=path, bytes=len(content), sha256=digest)
    one.record_checkpoint(attempt.id, file)
    one.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    moved = tmp_path / "moved"
    write_files(moved / run.directory, run.uuid if how == "mark" else None)
    if how != "nothing":
        (moved / path).write_bytes(content if how == "digest" else content.upper())
    [removal] = plan_removal([run.name], keep_files=how in {"size", "nothing"}, home=moved)

    assert removal.home == (moved if how in {"mark", "digest"} else None)


def test_of_two_copies_here_that_of_the_home_it_was_made_in_is_the_run(
    one: RunStore, run: Run, tmp_path: Path
) -> None:
    for home in (one.home, tmp_path / "two"):
        (home / run.directory).mkdir(parents=True, exist_ok=True)
        (home / run.directory / ".run").write_text(run.uuid)
    folders = [show_run(run.name, tmp_path / "two").folder]
    (one.home / run.directory / ".run").write_text("another")
    folders.append(show_run(run.name, tmp_path / "two").folder)

    assert folders == [one.home / run.directory, tmp_path / "two" / run.directory]
