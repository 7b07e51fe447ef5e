"""What `dfx gc` finds in a home, and that it takes nothing which somebody needs."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dfx.errors import StoreError
from dfx.records.inventory import LeftoverKind, Leftovers
from dfx.services import cleanup
from dfx.services.provenance import describe_environment
from dfx.services.survey import survey_home
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

from .home_samples import (
    IMAGES,
    PATCH,
    age,
    begin,
    end,
    finished,
    gone,
    keep_epoch,
    list_files,
    look,
    paths,
    resume,
    sweep,
    write,
)


def test_finished_run_has_no_leftovers(store: RunStore, home: Path) -> None:
    """Nor does what others have put into the home count as one."""
    run = finished(store)
    (home / run.directory / ".run").write_text(run.uuid)
    for name in (f"{run.directory}/notes.txt", "data/2024/face.png", "readme.txt", "b4/x/log.csv"):
        write(home / name)
    write(home / ".images" / "checked.tsv")
    write(home / ".images" / f"{IMAGES}.csv.gz")
    write(home / ".patches" / f"{PATCH}.patch.gz")

    assert look(home) == Leftovers(home, (), ())


def test_files_without_a_row_go(store: RunStore, home: Path) -> None:
    run = finished(store)
    kept = list_files(home)
    names = {
        f"{run.directory}/checkpoints/last-e0001-b000001-s00000001-a1.pt",
        f"{run.directory}/checkpoints/last-e0003-b000000-s00000020-a9.pt",
        f"{run.directory}/checkpoints/best-e0002-a9.pt",
        f"{run.directory}/checkpoints/.best-e0001-a1.pt.0a1b2c3d.draft",
        f"{run.directory}/val-e0001-a9.csv",
        f"{run.directory}/.log.csv.0a1b2c3d.draft",
        ".images/.x.csv.gz.0a1b2c3d.draft",
        ".images/checked.tsv.4711",
        f".images/{'c' * 64}.csv.gz",
        f".patches/{'d' * 64}.patch.gz",
        "dfx.db.0001.20260102T030405Z.backup.unfinished",
    }
    for name in names:
        write(home / name)
    found = look(home)
    swept = sweep(home, found)

    assert paths(found.removable) == names
    assert (found.reported, found.skipped, found.bytes) == ((), (), 10 * len(names))
    assert {item.run for item in found.removable} == {None, run.name}
    assert (swept.removed, swept.kept) == (found.removable, ())
    assert list_files(home) == kept
    assert look(home).items == ()


def test_young_files_that_may_get_a_row_stay(store: RunStore, home: Path) -> None:
    """What lies in the folder of a run that has ended was written by nobody at work."""
    run = finished(store)
    young = {
        f".patches/{'d' * 64}.patch.gz",
        ".images/checked.tsv.4711",
        "dfx.db.x.backup.unfinished",
    }
    for name in (*young, "new/7/checkpoints/best-e0001-a1.pt"):
        write(home / name, old=False)
    write(home / run.directory / "val-e0001-a9.csv", old=False)
    orphan = f"{run.directory}/checkpoints/best-e0001-a0.pt"
    write(home / orphan, old=False)
    found = look(home, unknown=True)

    assert paths(found.items) == {orphan}
    assert {path for path, _ in found.skipped} == {*young, "new/7"}


def test_run_at_work_is_left_alone(store: RunStore, home: Path) -> None:
    run, attempt = begin(store)
    keep_epoch(store, run, attempt, 1)
    write(home / run.directory / "checkpoints" / ".best-e0002-a1.pt.0a1b2c3d.draft")
    write(home / run.directory / "checkpoints" / "best-e0001-a0.pt")
    found = look(home)

    assert found.items == ()
    assert [name for name, _ in found.skipped] == [run.name]
    assert "is working on it" in found.skipped[0][1]


def test_run_that_begins_after_the_look_is_left_alone(store: RunStore, home: Path) -> None:
    """It is looked at again before anything goes: files of runs, and those that runs share."""
    run = finished(store)
    orphan = f"{run.directory}/checkpoints/best-e0001-a0.pt"
    patch = f".patches/{'d' * 64}.patch.gz"
    for name in (orphan, patch):
        write(home / name)
    found = look(home)
    resume(store, run)
    (home / patch).touch()  # as a run does before its row is there
    swept = sweep(home, found)

    assert paths(found.removable) == {orphan, patch}
    assert swept.removed == ()
    assert {path for path, _ in swept.kept} == {orphan, patch}
    assert (home / orphan).exists() and (home / patch).exists()


def test_shared_file_that_is_wanted_at_the_last_moment_is_put_back(
    store: RunStore, home: Path
) -> None:
    finished(store)
    wanted = write(home / ".images" / f"{IMAGES}.csv.gz")
    young = write(home / ".patches" / f"{'d' * 64}.patch.gz", old=False)
    loose = write(home / ".patches" / f"{'e' * 64}.patch.gz")
    remarks = [cleanup._remove_shared(store, path) for path in (wanted, young, loose)]

    assert remarks == ["a run has begun that refers to it"] * 2 + [None]
    assert wanted.exists() and young.exists() and not loose.exists()
    assert list_files(home / ".patches") == {young.name}


def test_patch_that_a_run_uses_again_is_young(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it stays until the row is there which refers to it."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "code.py")
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for arguments in (("init", "-q"), ("add", "code.py"), (*identity, "commit", "-qm", "x")):
        subprocess.run(["git", *arguments], check=True)
    (tmp_path / "code.py").write_text("changed")
    describe_environment(torch.device("cpu"), home, data=tmp_path / "data")
    [patch] = (home / ".patches").iterdir()
    age(patch)
    before = survey_home(home).patches[0][1].is_young
    described = describe_environment(torch.device("cpu"), home, data=tmp_path / "data")
    [(digest, after)] = survey_home(home).patches

    assert (before, after.is_young) == (False, True)
    assert described["code"]["patch"] == digest


def test_run_that_was_lost_elsewhere_may_wake_up(store: RunStore, home: Path) -> None:
    """One that was lost here has ended for certain."""
    asleep = replace(this_process(), host="laptop")
    for process in (asleep, gone()):
        run, attempt = begin(store, process=process)
        keep_epoch(store, run, attempt, 1)
        write(home / run.directory / ".log.csv.0a1b2c3d.draft")
    with_heartbeat = look(home)

    assert paths(with_heartbeat.removable) == {"b4/2/.log.csv.0a1b2c3d.draft"}
    assert [name for name, _ in with_heartbeat.skipped] == ["b4/1"]


@pytest.mark.parametrize("name", ["checkpoints/best-e0009-a2.pt", "val-e0009-a2.csv"])
def test_what_files_ahead_of_the_record_may_need_stays(
    store: RunStore, home: Path, name: str
) -> None:
    """The attempt that wrote them may have had changes or images that no row knows now."""
    run = finished(store)
    shared = {f".patches/{'d' * 64}.patch.gz", f".images/{'c' * 64}.csv.gz"}
    for path in (*shared, f"{run.directory}/{name}"):
        write(home / path)
    found = look(home)

    assert paths(found.items) == {f"{run.directory}/{name}"}
    assert [what for what, _ in found.skipped] == [".patches and .images"]
    assert paths(look(home, unknown=True).removable) == {f"{run.directory}/{name}", *shared}


def test_unknown_run_stays_unless_asked_for(store: RunStore, home: Path) -> None:
    """And so does what its rows may refer to once it is taken up again."""
    run = finished(store, "lost")
    store.remove_run(run.id)
    patch = write(home / ".patches" / f"{PATCH}.patch.gz")
    folder = home / run.directory
    write(folder / "notes.txt")
    age(*folder.rglob("*"), folder)
    found = look(home)
    sweep(home, found)
    asked = look(home, unknown=True)
    swept = sweep(home, asked, unknown=True)

    assert [(i.kind, i.path, i.bytes) for i in found.items] == [
        (LeftoverKind.UNKNOWN_RUN, "lost/1", 70)
    ]
    assert (found.removable, len(found.skipped)) == ((), 1)
    assert "dfx db check --adopt" in found.reported[0].why
    assert paths(asked.removable) == {"lost/1", f".patches/{patch.name}"}
    assert list_files(home) == {"lost/1/notes.txt"}
    assert swept.kept == (("lost/1", "removed but for what dfx did not write: notes.txt"),)


def test_unknown_run_without_a_checkpoint_is_not_thrown_away_either(
    store: RunStore, home: Path
) -> None:
    """Its log may be all that is left; drafts alone are nothing."""
    for name in ("lost/1/log.csv", "lost/2/checkpoints/.best-e0001-a1.pt.00000000.draft"):
        path = write(home / name)
        age(path.parent, *([path.parent.parent] if "checkpoints" in name else []))
    found = look(home)

    assert paths(found.reported) == {"lost/1"}
    assert paths(found.removable) == {"lost/2"}


def test_backups_of_the_database_go_only_when_asked_for(store: RunStore, home: Path) -> None:
    finished(store)
    backup = write(home / "dfx.db.0001.20260102T030405Z.backup")
    found = look(home)
    sweep(home, found)
    stayed = backup.exists()
    sweep(home, look(home, backups=True), backups=True)

    assert (found.removable, paths(found.reported)) == ((), {backup.name})
    assert stayed and not backup.exists()
    assert (home / "dfx.db").exists()


def test_what_cannot_be_removed_is_told_and_the_rest_goes(
    store: RunStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished(store)
    stuck, loose = (write(home / run.directory / f".{name}.00000000.draft") for name in ("a", "b"))
    remove = cleanup.remove_file

    def refuse(path: Path) -> None:
        if path == stuck:
            raise StoreError(f"cannot remove {path}: Permission denied")
        remove(path)

    monkeypatch.setattr("dfx.services.cleanup.remove_file", refuse)
    swept = sweep(home, look(home))

    assert [path for path, _ in swept.failed] == [stuck.relative_to(home).as_posix()]
    assert paths(swept.removed) == {loose.relative_to(home).as_posix()}
    assert stuck.exists() and not loose.exists()


def test_mark_of_a_removal_goes_from_a_run_that_is_known(store: RunStore, home: Path) -> None:
    """It would have its files removed once its record is lost."""
    run = finished(store)
    mark = write(home / run.directory / ".removed")
    sweep(home, look(home))

    assert not mark.exists()


def test_moved_and_renamed_runs_are_known_by_their_folders(store: RunStore, home: Path) -> None:
    run = finished(store)
    store.move_run(run.id, "other")
    store.rename_experiment("other", "third")

    assert look(home, unknown=True).items == ()


@pytest.mark.parametrize("part", ["", "checkpoints"])
def test_links_are_not_followed(store: RunStore, home: Path, tmp_path: Path, part: str) -> None:
    """Neither to the folder of a run nor to its checkpoints, of which some are superseded."""
    run = finished(store)
    attempt = resume(store, run)
    store.supersede_after(attempt.id, finished_epochs=1, step=10)
    end(store, attempt)
    linked = home / run.directory / part
    linked.rename(tmp_path / "big")
    linked.symlink_to(tmp_path / "big")
    write(tmp_path / "big" / ".log.csv.0a1b2c3d.draft")
    (home / "linked").symlink_to(tmp_path)
    found = look(home, unknown=True)

    assert found.items == ()
    assert found.skipped == ((run.name, "its folder is behind a link"),)
