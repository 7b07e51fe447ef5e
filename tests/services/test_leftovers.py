"""What of a run's files is left over: superseded, passed, missing, or newer than its record."""

from __future__ import annotations

from pathlib import Path

from dfx.records import Status
from dfx.records.inventory import LeftoverKind
from dfx.tracking.store import RunStore

from .home_samples import (
    begin,
    end,
    finished,
    gone,
    keep_epoch,
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
