"""What of a run's files is left over: superseded, passed, missing, or newer than its record."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from by_hand_samples import make_evaluation_by_hand

from dfx.records import Status
from dfx.records.inventory import LeftoverKind
from dfx.tracking.store import RunStore

from .home_samples import (
    age,
    begin,
    end,
    finished,
    gone,
    keep_epoch,
    keep_evaluation,
    list_files,
    look,
    paths,
    resume,
    sweep,
    write,
)


def test_what_may_be_newer_than_the_record_is_only_reported(store: RunStore, home: Path) -> None:
    """Of a process that was killed, or forgotten by a database that was put back.

    Then the numbers of attempts come again, and that of a file tells nothing.
    """
    run, attempt = begin(store, process=gone())
    keep_epoch(store, run, attempt, 1)
    folder = f"{run.directory}/checkpoints"
    ahead = {
        f"{folder}/last-e0002-b000005-s00000015-a1.pt",
        f"{folder}/best-e0009-a2.pt",
        f"{run.directory}/val-e0009-a2.csv",
    }
    overtaken = f"{folder}/last-e0001-b000005-s00000005-a1.pt"
    for name in (*ahead, overtaken):
        write(home / name)
    found = look(home)
    end(store, resume(store, run), Status.FAILED)

    assert paths(found.reported) == ahead
    assert paths(found.removable) == {overtaken}
    assert all("dfx db check --adopt" in item.why for item in found.reported)
    assert paths(look(home, unknown=True).removable) == {*ahead, overtaken}
    assert paths(look(home).reported) == ahead


def test_what_is_newer_than_checkpoints_that_are_gone_is_only_reported(
    store: RunStore, home: Path
) -> None:
    run = finished(store)
    orphan = f"{run.directory}/checkpoints/last-e0003-b000000-s00000020-a2.pt"
    write(home / orphan)
    before = look(home)
    for path in (home / run.directory / "checkpoints").glob("last-*-a1.pt"):
        path.unlink()

    assert paths(before.removable) == {orphan}
    assert orphan in paths(look(home).reported)


def test_superseded_files_go_with_their_rows(store: RunStore, home: Path) -> None:
    run, attempt = begin(store, process=gone())
    first = keep_epoch(store, run, attempt, 1)
    second = keep_epoch(store, run, attempt, 2)
    attempt = resume(store, run)
    store.supersede_after(attempt.id, finished_epochs=1, step=10)
    end(store, attempt, Status.INTERRUPTED)
    (home / second[1]).unlink()
    found = look(home)
    sweep(home, found)
    [files] = store.list_run_files()

    assert paths(found.removable) == set(second)
    assert {i.kind for i in found.items if i.path == second[1]} == {LeftoverKind.MISSING}
    assert {file.path for file in files.files} == set(first)
    assert not any((home / path).exists() for path in second)
    assert all((home / path).exists() for path in first)


def test_best_and_last_stay_though_nothing_stands(store: RunStore, home: Path) -> None:
    run, attempt = begin(store, process=gone())
    first = keep_epoch(store, run, attempt, 1)
    second = keep_epoch(store, run, attempt, 2)
    attempt = resume(store, run)
    store.supersede_after(attempt.id, finished_epochs=0, step=0)
    end(store, attempt, Status.INTERRUPTED)

    assert paths(look(home).removable) == {*first, second[2]}


def test_missing_best_and_last_are_told_and_never_dropped(store: RunStore, home: Path) -> None:
    """Nor is any other row of a run whose files may only be out of reach."""
    run, attempt = begin(store)
    first = keep_epoch(store, run, attempt, 1)
    second = keep_epoch(store, run, attempt, 2)
    end(store, attempt)
    for path in (*first, *second):
        (home / path).unlink()
    found = look(home)
    sweep(home, found)
    [files] = store.list_run_files()

    assert found.removable == ()
    assert paths(found.reported) == {*first, *second}
    assert {file.path for file in files.files} == {*first, *second}
    needed = [item.why for item in found.reported if item.path in second]
    assert all("Put it back from a copy" in why for why in needed)


def test_rows_of_older_files_that_are_gone_are_dropped(store: RunStore, home: Path) -> None:
    run, attempt = begin(store)
    first = keep_epoch(store, run, attempt, 1)
    second = keep_epoch(store, run, attempt, 2)
    end(store, attempt)
    for path in first:
        (home / path).unlink()
    found = look(home)
    sweep(home, found)
    [files] = store.list_run_files()
    detail = store.get_detail(run.id)

    assert paths(found.removable) == set(first)
    assert {file.path for file in files.files} == set(second)
    assert [one.predictions for one in detail.evaluations] == [None, second[2]]


def test_evaluation_that_a_row_names_stays(store: RunStore, home: Path) -> None:
    """Also one whose weights the run has gone back behind: its test split was used all the same."""
    run, attempt = begin(store, process=gone())
    keep_epoch(store, run, attempt, 1)
    superseded = keep_epoch(store, run, attempt, 2)
    keep_evaluation(store, run, 1, epoch=1, split="val")
    keep_evaluation(store, run, 2, epoch=2)
    attempt = resume(store, run)
    store.supersede_after(attempt.id, finished_epochs=1, step=10)
    end(store, attempt)

    assert paths(look(home, unknown=True).items) == set(superseded)


def test_evaluation_that_was_cut_off_goes(store: RunStore, home: Path) -> None:
    """Once it is old, with what others have not put there; one at work is left alone."""
    run = finished(store)
    keep_evaluation(store, run)
    kept = list_files(home)
    folder = home / run.directory / "evaluations"
    for name in ("0002-val-e0001/report.html", "0002-val-e0001/.roc.png.0a1b.draft"):
        write(folder / name)
    for name in ("0003-val-e0001", ".0004.draft", "0005-test-e0002"):
        (folder / name).mkdir()
    write(folder / "0002-val-e0001" / "notes.txt")
    write(folder / "0006-test-e0002" / "report.html", old=False)
    age(*(folder / name for name in ("0002-val-e0001", "0003-val-e0001", ".0004.draft")))
    found = look(home)
    swept = sweep(home, found)

    assert {Path(path).name for path in paths(found.items)} == {
        "0002-val-e0001",
        "0003-val-e0001",
        ".0004.draft",
    }
    assert found.bytes == 20
    assert {item.kind for item in found.removable} == {LeftoverKind.EVALUATION}
    assert [why for _, why in swept.kept] == ["removed but for what dfx did not write: notes.txt"]
    assert list_files(folder) == {
        *(name.removeprefix(f"{run.directory}/evaluations/") for name in kept if "/evalu" in name),
        "0002-val-e0001/notes.txt",
        "0006-test-e0002/report.html",
    }
    assert not (folder / ".0004.draft").exists()
    assert (folder / "0005-test-e0002").is_dir()


def test_whole_evaluation_without_a_row_is_only_reported(store: RunStore, home: Path) -> None:
    """A database that was put back may have forgotten it; --unknown removes it."""
    run = finished(store)
    folder = keep_evaluation(store, run, is_recorded=False).folder
    found, unknown = look(home), look(home, unknown=True)

    assert paths(found.reported) == paths(unknown.removable) == {folder}
    assert "dfx db check --adopt" in found.reported[0].why
    store.record_evaluation(run.id, make_evaluation_by_hand(run.directory))
    assert sweep(home, unknown, unknown=True).kept == ((folder, "no longer a leftover"),)
    assert (home / str(folder) / "report.html").exists()


def test_evaluation_keeps_its_numbers_when_its_files_are_gone(store: RunStore, home: Path) -> None:
    run = finished(store)
    first = keep_evaluation(store, run, 1)
    second = keep_evaluation(store, run, 2, split="val")
    shutil.rmtree(home / str(first.folder))
    (home / str(second.predictions)).unlink()
    found = look(home)
    sweep(home, found)
    evaluations = store.get_detail(run.id).evaluations[-2:]

    assert paths(found.removable) == {first.folder, second.predictions}
    assert {item.kind for item in found.items} == {LeftoverKind.MISSING}
    assert evaluations == (
        replace(first, folder=None, predictions=None),
        replace(second, predictions=None),
    )
    assert look(home).items == ()


def test_evaluations_are_not_forgotten_where_a_disk_may_be_missing(
    store: RunStore, home: Path
) -> None:
    run = finished(store)
    folder = keep_evaluation(store, run).folder
    shutil.rmtree(home / run.directory)
    found = look(home)

    assert folder in paths(found.reported)
    assert found.removable == ()


def test_evaluations_of_an_unknown_run_go_with_it(store: RunStore, home: Path) -> None:
    run = finished(store)
    keep_evaluation(store, run)
    store.remove_run(run.id)
    for path in (home / run.directory).rglob("*"):
        age(path)
    age(home / run.directory)
    found = look(home, unknown=True)
    size = sum((home / name).stat().st_size for name in list_files(home))
    sweep(home, found, unknown=True)

    assert paths(found.removable) == {run.directory}
    assert found.bytes == size
    assert not (home / run.directory).exists()
