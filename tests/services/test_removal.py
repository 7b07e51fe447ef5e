"""Removing runs: all or none, rows before files, and nothing that is not the run's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfx.errors import AmbiguousReference, NotFoundError, RunBusy, StoreError
from dfx.records import Run, Status
from dfx.records.inventory import LeftoverKind
from dfx.services.adopt import adopt_runs
from dfx.services.cleanup import find_leftovers, remove_leftovers
from dfx.services.removal import plan_removal, remove_run
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
    resume,
    write,
)


def list_runs(store: RunStore) -> list[str]:
    return [summary.run for summary in store.list_summaries()]


def test_run_goes_with_its_files_and_no_others(store: RunStore, home: Path) -> None:
    """Those that no longer stand go too; the folder stays for what dfx did not write."""
    run = finished(store)
    other = finished(store)
    attempt = resume(store, run)
    store.supersede_after(attempt.id, finished_epochs=1, step=10)
    end(store, attempt)
    keep_evaluation(store, run)
    write(home / run.directory / "notes.txt")
    write(home / run.directory / "evaluations/0001-test-e0001/mine.png")
    kept = {name for name in list_files(home) if name.startswith(other.directory)}
    [removal] = plan_removal([run.name], keep_files=False, home=home)
    remove_run(removal, home)

    mine = ("b4/1/evaluations/0001-test-e0001/mine.png", "b4/1/notes.txt")
    report = removal.files["b4/1/evaluations/0001-test-e0001/evaluation.json"]
    assert (len(removal.files), removal.bytes) == (11, 100 + report)
    assert removal.foreign == mine
    assert list_runs(store) == [other.name]
    assert list_files(home) == {*kept, *mine}
    assert finished(store).name == "b4/3"


def test_run_whose_removal_is_cut_off_stays_removed(
    store: RunStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files are marked by the time its rows go, so nobody takes it up again."""
    run = finished(store)
    age(*(path for path in (home / run.directory).rglob("*")))
    [removal] = plan_removal([run.name], keep_files=False, home=home)
    remove = RunStore.remove_run

    def remove_and_die(store: RunStore, run_id: int) -> None:
        remove(store, run_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(RunStore, "remove_run", remove_and_die)
    with pytest.raises(KeyboardInterrupt):
        remove_run(removal, home)

    assert list_runs(store) == []
    assert (home / run.directory / ".removed").read_text() == f"{run.name} {run.uuid}\n"
    assert adopt_runs(home, lambda _: None).adopted == ()


def test_refused_removal_leaves_no_mark(
    store: RunStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody goes on with the run just before its rows would go."""
    run = finished(store)
    [removal] = plan_removal([run.name], keep_files=False, home=home)
    before, remove = list_files(home), RunStore.remove_run

    def begin_and_remove(store: RunStore, run_id: int) -> Run:
        resume(store, run)
        return remove(store, run_id)

    monkeypatch.setattr(RunStore, "remove_run", begin_and_remove)
    with pytest.raises(RunBusy):
        remove_run(removal, home)

    assert list_runs(store) == [run.name]
    assert list_files(home) == before


def test_empty_folder_goes(store: RunStore, home: Path) -> None:
    run = finished(store)
    [removal] = plan_removal([str(run.id)], keep_files=False, home=home)
    remove_run(removal, home)

    assert not (home / run.directory).exists()


@pytest.mark.parametrize("reference", ["b4", "best", "latest"])
def test_reference_that_leaves_a_choice_is_refused(
    store: RunStore, home: Path, reference: str
) -> None:
    finished(store)
    with pytest.raises(AmbiguousReference, match=f"'{reference}' leaves a choice") as refusal:
        plan_removal([reference], keep_files=False, home=home)

    assert "dfx rm b4/1" in str(refusal.value.hint)


def test_all_are_looked_at_before_one_goes(store: RunStore, home: Path) -> None:
    finished(store)
    begin(store)
    before = list_files(home)
    with pytest.raises(RunBusy, match="b4/2 is being worked on by process"):
        plan_removal(["b4/1", "b4/2"], keep_files=False, home=home)
    with pytest.raises(NotFoundError, match="no run 'b4/9'"):
        plan_removal(["b4/1", "b4/9"], keep_files=False, home=home)

    assert list_runs(store) == ["b4/1", "b4/2"]
    assert list_files(home) == before


def test_run_that_is_named_twice_goes_once(store: RunStore, home: Path) -> None:
    run = finished(store)

    assert len(plan_removal([run.name, run.uuid, "1"], keep_files=False, home=home)) == 1


def test_run_that_has_gone_on_since_it_was_shown_stays(store: RunStore, home: Path) -> None:
    run = finished(store)
    [removal] = plan_removal([run.name], keep_files=False, home=home)
    attempt = resume(store, run)
    with pytest.raises(RunBusy):
        remove_run(removal, home)
    keep_epoch(store, run, attempt, 3)
    end(store, attempt)
    before = list_files(home)
    with pytest.raises(RunBusy, match="b4/1 is not as it was a moment ago"):
        remove_run(removal, home)

    assert list_runs(store) == [run.name]
    assert list_files(home) == before


def test_lost_run_may_go(store: RunStore, home: Path) -> None:
    run, _ = begin(store, process=gone())
    [removal] = plan_removal([run.name], keep_files=False, home=home)
    remove_run(removal, home)

    assert removal.run.status is Status.LOST
    assert list_runs(store) == []


def test_record_alone_goes_where_files_are_kept(store: RunStore, home: Path) -> None:
    run = finished(store)
    before = list_files(home)
    [removal] = plan_removal([run.name], keep_files=True, home=home)
    remove_run(removal, home)

    assert (removal.files, removal.elsewhere) == ({}, str(home / run.directory))
    assert list_runs(store) == []
    assert list_files(home) == before


@pytest.mark.parametrize("part", ["", "checkpoints"])
def test_files_behind_a_link_are_elsewhere(
    store: RunStore, home: Path, tmp_path: Path, part: str
) -> None:
    run = finished(store)
    folder, big = home / run.directory / part, tmp_path / "big"
    folder.rename(big)
    folder.symlink_to(big)
    before = list_files(big)
    with pytest.raises(StoreError, match=f"the files of b4/1 are elsewhere: in {big}") as refusal:
        plan_removal([run.name], keep_files=False, home=home)
    [removal] = plan_removal([run.name], keep_files=True, home=home)
    remove_run(removal, home)

    assert refusal.value.hint == "remove only its record here: dfx rm --keep-files b4/1"
    assert list_runs(store) == []
    assert list_files(big) == before


def test_files_of_a_removal_that_was_cut_off_are_found(
    store: RunStore, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are gone by then, so that none points at nothing."""
    run = finished(store)
    [removal] = plan_removal([run.name], keep_files=False, home=home)

    def stop(*_: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr("dfx.services.removal.remove_own_files", stop)
        with pytest.raises(RuntimeError, match="cut off"):
            remove_run(removal, home)
    rows = list_runs(store)
    folder = home / run.directory
    age(*folder.rglob("*"), folder)
    found = find_leftovers(home, unknown=False, backups=False)
    remove_leftovers(found, home, unknown=False, backups=False)

    assert rows == []
    assert [(i.kind, i.path) for i in found.removable] == [(LeftoverKind.REMOVED_RUN, "b4/1")]
    assert not folder.exists()
