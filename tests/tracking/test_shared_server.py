"""Two homes on two machines that share one server: what is said of the other one's runs."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tracking_samples import Place, begin_run, make_split, record_epoch

from dfx.errors import NotFoundError
from dfx.records import Status
from dfx.services.compare import compare_runs
from dfx.services.detector import Detector
from dfx.services.diff import compare_two
from dfx.services.resume import resume_run
from dfx.services.show import show_run
from dfx.tracking.process import this_process


@pytest.fixture
def homes(
    make_database: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """This machine's home with `b4/1`, and that of another with `b4/2`, which is not here."""
    url = make_database()
    monkeypatch.setenv("DFX_DATABASE_URL", url)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    elsewhere = replace(this_process(), host="other")
    for home, process, digest in ((ours, this_process(), "aa"), (theirs, elsewhere, "bb")):
        home.mkdir()
        with Place(home, url).open() as store:
            run, attempt = begin_run(
                store,
                process=process,
                settings={"train.epochs": 15},
                environment={"code": {"revision": "0" * 40, "patch": f"sha256:{digest}"}},
            )
            store.record_data(attempt.id, [make_split("val", content_digest=f"sha256:{digest}")])
            record_epoch(store, attempt, 1)
            store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
            (home / run.directory).mkdir(parents=True)
            (home / run.directory / "log.csv").write_text("epoch\n")
            (home / run.directory / ".run").write_text(run.uuid)
            (home / ".patches").mkdir()
            (home / ".patches" / f"{digest}.patch.gz").write_bytes(gzip.compress(b""))
    return ours, theirs


def test_a_run_whose_files_are_elsewhere_says_so(homes: tuple[Path, Path]) -> None:
    ours, theirs = homes
    shutil.rmtree(theirs)
    here, there = (show_run(f"b4/{number}", ours) for number in (1, 2))

    assert here.folder == ours / "b4/1"
    assert here.sizes is not None
    assert here.sizes["b4/1/log.csv"] == 6
    assert (there.folder, there.sizes) == (None, None)
    assert (there.detail.run.host, there.detail.run.home) == ("other", str(theirs))


def test_another_home_of_this_machine_is_looked_into(homes: tuple[Path, Path]) -> None:
    shown = show_run("b4/2", homes[0])

    assert shown.folder == homes[1] / "b4/2"
    assert shown.sizes is not None
    assert shown.sizes["b4/2/log.csv"] == 6


def test_what_cannot_be_compared_from_here_says_where_it_is(homes: tuple[Path, Path]) -> None:
    ours, theirs = homes
    shutil.rmtree(theirs)
    difference = compare_two("b4/1", "b4/2", home=ours, notify=lambda notice: None)
    _, val = difference.data

    assert difference.code.notes == (f"the uncommitted changes of b4/2 are in {theirs} on other",)
    assert val.images is None
    assert val.note is not None


def test_weights_and_checkpoints_that_are_elsewhere_are_not_looked_for_here(
    homes: tuple[Path, Path],
) -> None:
    """Nothing is recorded by a resume that cannot begin."""
    ours, theirs = homes
    shutil.rmtree(theirs)
    where = f"the files of b4/2 are elsewhere: in {theirs}/b4/2 on other"
    with pytest.raises(NotFoundError, match=where):
        Detector.load_run("b4/2", home=ours, device="cpu")
    with pytest.raises(NotFoundError, match=where):
        resume_run("b4/2", epochs=30, settings=[], home=ours, notify=lambda message: None)

    assert len(show_run("b4/2", ours).detail.attempts) == 1


def test_runs_of_both_homes_are_ranked_together(homes: tuple[Path, Path]) -> None:
    """What cannot be tested without the other's predictions says where these are."""
    ours, theirs = homes
    shutil.rmtree(theirs)
    (group,) = compare_runs(ours).groups
    assert group.test is not None

    assert [run.summary.run for run in group.runs] == ["b4/1", "b4/2"]
    assert group.test.p is None
    assert "b4/1" in str(group.test.reason)
