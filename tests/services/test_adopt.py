"""Runs come back from their files: each once, and only those whose files are there to stay."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import torch

from dfx.errors import StoreError
from dfx.messages import Counting, Message, Notice, RunFinished
from dfx.records import Run
from dfx.records.condition import Adopted, FoundRun
from dfx.services import salvage
from dfx.services.adopt import adopt_runs
from dfx.services.resume import resume_run
from dfx.tracking.store import RunStore

from .home_samples import keep_evaluation

RUN = "trained/1"


@pytest.fixture
def home(trained_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with the files of a completed run of two epochs, and no database."""
    monkeypatch.delenv("DFX_DATABASE_URL", raising=False)
    copy = Path(shutil.copytree(trained_folder / "runs", tmp_path / "runs"))
    (copy / "dfx.db").unlink()
    return copy


def ignore(message: Message) -> None:
    """Nobody looks at the progress."""


def when_all_are_read(act: Callable[[], object]) -> Callable[[Message], None]:
    """Does something between the reading of runs and their recording."""

    def notify(message: Message) -> None:
        if isinstance(message, Counting) and message.done == message.total:
            act()

    return notify


def list_lasts(home: Path, directory: str = RUN) -> list[Path]:
    return sorted((home / directory).glob("checkpoints/last-*.pt"))


def list_runs(home: Path) -> list[str]:
    with RunStore.open(home, create=False) as store:
        return [summary.run for summary in store.list_summaries()]


def list_recorded(home: Path) -> set[str]:
    """Paths that rows name."""
    with RunStore.open(home, create=False) as store:
        return {file.path for run in store.list_run_files() for file in run.files}


def rewrite(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes what a *last* checkpoint says."""
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


@pytest.mark.parametrize("furthest", ["backup/1", RUN])
def test_of_copies_the_one_that_goes_furthest_is_taken(home: Path, furthest: str) -> None:
    """The other is named with the way out. Of equals, it is the run's own folder."""
    shutil.copytree(home / RUN, home / "backup/1")
    if furthest != RUN:
        list_lasts(home)[-1].unlink()
    adoption = adopt_runs(home, ignore)
    [passed] = adoption.passed_over

    assert [(run.run, run.directory) for run in adoption.adopted] == [(RUN, furthest)]
    assert {passed.path} == {RUN, "backup/1"} - {furthest}
    assert passed.message == f"it is a copy of {furthest}"
    assert passed.hint
    assert {Path(path).parts[0] for path in list_recorded(home)} == {Path(furthest).parts[0]}


def test_copy_of_a_recorded_run_is_not_attached_to_it(home: Path) -> None:
    """Even where it is ahead of the record, which would point into two folders."""
    shutil.copytree(home / RUN, home / "backup/1")
    list_lasts(home)[-1].unlink()
    adopt_runs_of(home, RUN)
    before = list_recorded(home)
    adoption = adopt_runs(home, ignore)
    [passed] = adoption.passed_over

    assert (adoption.adopted, passed.path) == ((), "backup/1")
    assert passed.message == f"the folder backup/1 is a copy of that of {RUN}, {RUN}"
    assert RUN in str(passed.hint)
    assert list_recorded(home) == before


def adopt_runs_of(home: Path, directory: str) -> None:
    """Adopts one folder while the others are out of the way."""
    aside = home.parent / "aside"
    aside.mkdir()
    others = [path for path in home.iterdir() if path.name != directory.split("/", maxsplit=1)[0]]
    for path in others:
        path.rename(aside / path.name)
    adopt_runs(home, ignore)
    for path in others:
        (aside / path.name).rename(home / path.name)


@pytest.mark.parametrize("what", ["mark", "file", "folder"])
def test_run_that_is_removed_while_others_are_read_stays_away(home: Path, what: str) -> None:
    act = {
        "mark": lambda: (home / RUN / ".removed").write_text(""),
        "file": list_lasts(home)[0].unlink,
        "folder": lambda: shutil.rmtree(home / RUN),
    }[what]
    adoption = adopt_runs(home, when_all_are_read(act))
    [passed] = adoption.passed_over

    assert adoption.adopted == ()
    assert (passed.path, passed.is_fault) == (RUN, False)
    assert "removed while runs were being read" in passed.message
    assert list_runs(home) == []


def test_run_that_is_removed_while_it_is_recorded_is_withdrawn(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = RunStore.adopt_run

    def record_and_lose(store: RunStore, found: FoundRun, *, gone: set[str]) -> Adopted | None:
        one = record(store, found, gone=gone)
        list_lasts(home)[0].unlink()
        return one

    monkeypatch.setattr(RunStore, "adopt_run", record_and_lose)
    adoption = adopt_runs(home, ignore)

    assert adoption.adopted == ()
    assert len(adoption.passed_over) == 1
    assert list_runs(home) == []


def flip_directory(path: Path, offset: int, bits: int) -> None:
    """Flips bits in the first entry of an archive's directory."""
    with closing(zipfile.ZipFile(path)) as archive:
        start = archive.start_dir
    content = bytearray(path.read_bytes())
    content[start + offset] ^= bits
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("offset", "bits"),
    [(8, 0x01), (10, 0x40), (6, 0x80), (42, 0x10), (20, 0x01)],
    ids=["encrypted", "method", "version", "place", "size"],
)
def test_damage_to_an_archive_costs_that_file_only(home: Path, offset: int, bits: int) -> None:
    """The one before it is the witness, and the damaged one is named."""
    newest = list_lasts(home)[-1]
    flip_directory(newest, offset, bits)
    adoption = adopt_runs(home, ignore)

    assert [(run.run, run.epochs) for run in adoption.adopted] == [(RUN, 1)]
    assert newest.relative_to(home).as_posix() in {each.path for each in adoption.passed_over}


def test_all_checkpoints_damaged_are_one_error(home: Path) -> None:
    for path in list_lasts(home):
        flip_directory(path, 10, 0x40)
    with pytest.raises(StoreError, match="it is not whole") as refusal:
        adopt_runs(home, ignore)

    assert refusal.value.hint


def test_file_that_is_pruned_while_it_is_read_is_passed_over(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working run takes its older checkpoint away; the newer one tells enough."""
    listen, oldest = salvage._listen, list_lasts(home)[0]

    def listen_and_prune(file: Any) -> Any:
        heard = listen(file)
        if file.path == oldest:
            oldest.unlink()
        return heard

    monkeypatch.setattr(salvage, "_listen", listen_and_prune)
    adoption = adopt_runs(home, ignore)
    [passed] = adoption.passed_over

    assert [(run.run, run.epochs) for run in adoption.adopted] == [(RUN, 2)]
    assert passed.path == oldest.relative_to(home).as_posix()
    assert (passed.message, passed.hint) == ("it was removed while it was read", None)


def test_what_is_lost_is_told(home: Path) -> None:
    """Predictions and a patch that are gone, and a name that no file knows."""
    environment = {"code": {"revision": "0" * 40, "patch": "sha256:" + "a" * 64}}
    rewrite(
        list_lasts(home)[-1],
        lambda content: content["about"]["attempts"][0].update(environment=environment),
    )
    lost = sorted((home / RUN).glob("val-*.csv"))
    for path in lost:
        path.unlink()
    [run] = adopt_runs(home, ignore).adopted
    with RunStore.open(home, create=False) as store:
        evaluations = store.get_detail(run.id).evaluations
    epochs = ", ".join(str(each.epoch) for each in evaluations)

    assert len(lost) == len(evaluations) > 0
    assert {each.predictions for each in evaluations} == {None}
    word = "epoch" if len(lost) == 1 else "epochs"
    assert f"the predictions of {word} {epochs}: no file is there" in run.gaps
    assert "the uncommitted changes of attempt 1: no whole patch is there" in run.gaps
    assert any("dfx rename" in gap for gap in run.gaps)


def test_evaluations_by_hand_come_back(home: Path) -> None:
    """Those that stand, and the uses of test splits; of one that was cut off nothing is known."""
    adopt_runs(home, ignore)
    with RunStore.open(home, create=False) as store:
        run = store.get_run(1)
        now = datetime.now(UTC)
        for number, epoch in ((1, 1), (3, 2)):
            time = now + timedelta(seconds=number)
            keep_evaluation(store, run, number, epoch=epoch, created_at=time)
            store.record_test_use(1, epoch=epoch, dataset="faces", dataset_digest="sha256:test")
        keep_evaluation(store, run, 5, split="val", created_at=run.created_at, is_recorded=False)
        before = store.get_detail(1)
    for file in home.glob("dfx.db*"):
        file.unlink()
    [adopted] = adopt_runs(home, ignore).adopted
    with RunStore.open(home, create=False) as store:
        after = store.get_detail(1)

    assert after.evaluations == before.evaluations
    assert [use.number for use in before.test_uses] == [1, 2, 3, 4]
    assert [(use.number, use.is_recorded) for use in after.test_uses] == [(1, True), (3, True)]
    assert any("uses of a test split of which nothing came" in gap for gap in adopted.gaps)
    assert adopt_runs(home, ignore).adopted == ()


def test_forgotten_evaluation_is_taken_up(home: Path) -> None:
    """Of a run whose checkpoints are all recorded, after an older database was put back."""
    adopt_runs(home, ignore)
    with RunStore.open(home, create=False) as store:
        time = datetime.now(UTC) + timedelta(seconds=1)
        evaluation = keep_evaluation(store, store.get_run(1), created_at=time, is_recorded=False)
    [adopted] = adopt_runs(home, ignore).adopted
    with RunStore.open(home, create=False) as store:
        detail = store.get_detail(1)

    assert (adopted.run, adopted.is_new) == (RUN, False)
    assert detail.evaluations[-1] == evaluation
    assert detail.test_uses[0].is_recorded
    assert detail.run.status == "completed"


def test_scores_that_are_none_stop_nothing(home: Path) -> None:
    """An earlier dfx has written no evaluations down: they are made of the scores, where it can."""
    for path in list_lasts(home):
        rewrite(path, lambda content: content["about"].pop("evaluations"))
    tables = sorted((home / RUN).glob("val-*.csv"))
    for path in tables:
        path.write_text("truth,p_deepfake\nreal," + "0" * 200_000 + "\n")
    adoption = adopt_runs(home, ignore)

    assert [(run.run, run.evaluations) for run in adoption.adopted] == [(RUN, 0)]
    assert {path.relative_to(home).as_posix() for path in tables} <= {
        each.path for each in adoption.passed_over
    }


def test_run_without_best_weights_goes_on_to_its_end(home: Path) -> None:
    """That there are none is said, since nothing can be predicted with it."""
    for path in list_lasts(home):
        rewrite(path, lambda content: content["selection"].update(best_value=9.0))
    for path in (home / RUN).glob("checkpoints/best-*.pt"):
        path.unlink()
    adopt_runs(home, ignore)
    told: list[Message] = []
    run: Run = resume_run(RUN, epochs=3, settings=[], home=home, notify=told.append)
    warnings = [m.text for m in told if isinstance(m, Notice) and m.level == "warning"]
    [end] = [message for message in told if isinstance(message, RunFinished)]

    assert (run.status, run.best_epoch, end.evaluation) == ("completed", None, None)
    assert any("has no best weights" in text for text in warnings)
