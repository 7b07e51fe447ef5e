"""That a run's folder says whose it is, and that no other run writes there."""

from __future__ import annotations

import pytest

from dfx.errors import StoreError
from dfx.services.keeping import mark_folder
from dfx.tracking.store import RunStore

from .home_samples import begin, list_files


def test_folder_is_marked_once(store: RunStore) -> None:
    run, _ = begin(store)
    mark_folder(store.home, run)
    mark = store.home / run.directory / ".run"
    before = mark.stat()
    mark_folder(store.home, run)

    assert list_files(store.home) == {f"{run.directory}/.run"}
    assert mark.read_text() == f"{run.uuid}\n"
    assert (mark.stat().st_ino, mark.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_folder_of_another_run_is_refused(store: RunStore) -> None:
    run, _ = begin(store)
    mark = store.home / run.directory / ".run"
    mark.parent.mkdir(parents=True)
    mark.write_text("another\n")
    with pytest.raises(StoreError, match=f"{run.directory} is not the folder of b4/1") as refusal:
        mark_folder(store.home, run)

    assert "start a new run" in str(refusal.value.hint)
    assert mark.read_text() == "another\n"
