"""A run whose rows were lost goes on from its files as if they had not been."""

from __future__ import annotations

import json
import shutil
import signal
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dfx.records import Evaluation, RunDetail, RunSummary, Status
from dfx.tracking.store import RunStore

from .children import Nursery, linux_only
from .comparing import Place, assert_equal
from .marks import Window

pytestmark = linux_only


@pytest.fixture(scope="module")
def killed(
    nursery: Nursery, options: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """A run that was interrupted in its second epoch, and killed in its third. Only to be copied.

    Beside the home is `earlier.db`, a copy of its database after the interruption.
    """
    place = Place(tmp_path_factory.mktemp("killed") / "work")
    child = nursery.start(place.folder, "run", *options)
    assert child.freeze_in(Window.STEP, 6)
    child.notify(signal.SIGTERM)
    child.thaw()
    assert child.wait() == 128 + signal.SIGTERM, child.stderr
    shutil.copyfile(place.home / "dfx.db", place.folder / "earlier.db")
    child = nursery.start(place.folder, "resume", "one")
    assert child.reach(Window.STEP, 5)
    child.kill()
    assert child.wait() == -signal.SIGKILL, child.stderr
    return place


@pytest.fixture
def place(killed: Place, tmp_path: Path) -> Place:
    """Its copy, for a test to spoil."""
    copied = Place(tmp_path / "work")
    shutil.copytree(killed.home, copied.home)
    return copied


def adopt(nursery: Nursery, place: Place) -> dict[str, Any]:
    child = nursery.run(place.folder, "db", "check", "--adopt", "--format", "json")
    return dict(json.loads(child.stdout))


def lose_database(place: Place) -> None:
    for file in place.home.glob("dfx.db*"):
        file.unlink()


def read_summary(place: Place) -> RunSummary:
    with RunStore.open(place.home, create=False) as store:
        (summary,) = store.list_summaries()
        return summary


def test_lost_database_is_made_anew(nursery: Nursery, place: Place) -> None:
    """Every field of the record is what it was, but for what no checkpoint could know."""
    before, summary = place.read(), read_summary(place)
    lose_database(place)
    report = adopt(nursery, place)
    after = place.read()
    differing = {
        field.name
        for field in fields(RunSummary)
        if getattr(summary, field.name) != getattr(read_summary(place), field.name)
    }
    (adopted,) = report["adopted"]

    assert differing == {"status", "seconds"}
    assert (summary.status, read_summary(place).status) == (Status.LOST, Status.INTERRUPTED)
    # Runs are said to be in the home that their files were found in.
    may_differ = {"status": Status.INTERRUPTED, "seconds": after.run.seconds}
    assert after.run == replace(before.run, **may_differ, home=str(place.home))
    assert before.epochs == after.epochs
    assert before.checkpoints == after.checkpoints
    assert before.evaluations == after.evaluations
    assert before.attempts[0] == after.attempts[0]
    assert [a.process for a in before.attempts] == [a.process for a in after.attempts]
    assert [a.environment for a in before.attempts] == [a.environment for a in after.attempts]
    assert [a.settings for a in before.attempts] == [a.settings for a in after.attempts]
    assert (adopted["run"], adopted["is_new"]) == ("one/1", True)
    assert "tags" in adopted["gaps"][0]
    assert report["faults"] == 0


def test_adopted_run_ends_as_if_nothing_had_been_lost(
    nursery: Nursery, place: Place, whole: Place
) -> None:
    """Resumed to its end, it has the weights of the uninterrupted run to the bit."""
    lose_database(place)
    adopt(nursery, place)
    nursery.run(place.folder, "resume", "one")

    assert_equal(whole, place)


def test_nothing_is_adopted_twice(nursery: Nursery, place: Place) -> None:
    lose_database(place)
    adopt(nursery, place)
    before = place.read()
    again = adopt(nursery, place)

    assert again["adopted"] == []
    assert place.read() == before


def test_database_put_back_is_brought_up_to_the_files(
    nursery: Nursery, place: Place, killed: Place, whole: Place
) -> None:
    """An older backup learns what happened since, keeps what it alone knows, and goes on."""
    newest = place.read()
    lose_database(place)
    shutil.copyfile(killed.folder / "earlier.db", place.home / "dfx.db")
    with RunStore.open(place.home, create=False) as store:
        store.set_note(1, "kept")
    older = place.read()
    report = adopt(nursery, place)
    after = place.read()

    assert len(older.epochs) < len(newest.epochs)
    assert [a["is_new"] for a in report["adopted"]] == [False]
    assert report["faults"] == 0
    assert after.epochs == newest.epochs
    assert after.checkpoints == newest.checkpoints
    assert after.evaluations == newest.evaluations
    assert after.run.best_epoch == newest.run.best_epoch
    assert (after.run.id, after.run.note) == (older.run.id, "kept")
    nursery.run(place.folder, "resume", "one")
    assert_equal(whole, place)


def forget_testimony(place: Place) -> None:
    """Makes the checkpoints say no more than those of the first dfx did."""
    for path in place.run.glob("checkpoints/last-*.pt"):
        content = torch.load(path, weights_only=True)
        about = content["about"]
        for key in ("attempts", "evaluations", "written_at"):
            del about[key]
        for key in ("recipe_digest", "config", "config_version", "tags", "note"):
            del about["run"][key]
        torch.save(content, path)


def _scores(detail: RunDetail) -> list[Evaluation]:
    """Its evaluations but for when they were made."""
    return [replace(each, created_at=detail.run.created_at) for each in detail.evaluations]


def test_files_of_an_earlier_dfx_are_read(nursery: Nursery, place: Place) -> None:
    """Evaluations are computed anew from the scores; what cannot be known is said."""
    before = place.read()
    lose_database(place)
    forget_testimony(place)
    report = adopt(nursery, place)
    after = place.read()
    (adopted,) = report["adopted"]

    assert report["faults"] == 0
    assert before.epochs == after.epochs
    assert _scores(before) == _scores(after)
    assert before.run.recipe_digest == after.run.recipe_digest
    assert [a.number for a in after.attempts] == [1, 2]
    assert after.run.host == "unknown"
    assert "processes and environments" in adopted["gaps"][0]


def test_damaged_and_foreign_files_are_passed_over_and_named(
    nursery: Nursery, place: Place, whole: Place
) -> None:
    """The checkpoint before a damaged one serves; what is something else is left alone."""
    last = [place.home / file.path for file in place.read().checkpoints if file.kind == "last"]
    lose_database(place)
    content = bytearray(last[0].read_bytes())
    content[len(content) // 2] ^= 1
    last[0].write_bytes(content)
    foreign = last[0].with_name("last-e0009-b000000-s00000999-a9.pt")
    torch.save({"state": torch.zeros(3)}, foreign)
    torn = last[0].with_name("last-e0009-b000000-s00000999-a8.pt")
    torn.write_bytes(bytes(content[: len(content) // 2]))
    alien = last[0].with_name("mine.pt")
    alien.write_text("notes")
    report = adopt(nursery, place)
    passed_over = {f["path"] for f in report["findings"] if f["kind"] == "passed over"}
    nursery.run(place.folder, "resume", "one")

    assert passed_over == {
        path.relative_to(place.home).as_posix() for path in (last[0], foreign, torn, alien)
    }
    assert [a["checkpoints"] for a in report["adopted"]] == [2]
    assert foreign.exists()
    assert_equal(whole, place)
