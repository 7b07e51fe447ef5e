"""What of a run's folder is dfx's own, and that nothing else is ever touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfx.errors import StoreError
from dfx.services.run_files import (
    CHECKPOINT_NAME,
    PREDICTIONS_NAME,
    find_folder,
    list_foreign_files,
    list_own_files,
    next_free_attempt,
    next_free_number,
    read_mark,
    remove_file,
    remove_own_files,
)

from .home_samples import list_files, write

OWN = (
    "checkpoints/best-e0001-a1.pt",
    "checkpoints/last-e0002-b000003-s00000007-a12.pt",
    "checkpoints/.best-e0002-a1.pt.0a1b2c3d.draft",
    "evaluations/0001-val-e0001/predictions.csv",
    "evaluations/0001-val-e0001/report.html",
    "evaluations/0002-test-e0001/evaluation.json",
    "evaluations/0002-test-e0001/.roc.png.0a1b2c3d.draft",
    "log.csv",
    "val-e0001-a1.csv",
    ".log.csv.0a1b2c3d.draft",
    ".run",
    ".removed",
)
FOREIGN = (
    *("checkpoints/mine.pt", "notes.txt", "plots/loss.png", "checkpoints/log.csv", "best.csv"),
    *("evaluations/notes.txt", "evaluations/mine/report.html", "evaluations/report.html"),
    *("evaluations/0001-val-e0001/notes.txt", "evaluations/0001-val-e0001/mine/roc.png"),
    *("evaluations/.0003.draft/notes.txt", "0001-val-e0001/report.html"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a run, with files of dfx and of others."""
    folder = tmp_path / "b4" / "1"
    for name in (*OWN, *FOREIGN):
        write(folder / name)
    return folder


def names(folder: Path, paths: list[Path]) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in paths}


def test_own_and_foreign_files_are_told_apart(folder: Path) -> None:
    own = list_own_files(folder)

    assert names(folder, own) == set(OWN)
    assert names(folder, list_foreign_files(folder, own)) == {
        "checkpoints/mine.pt",
        "checkpoints/log.csv",
        "notes.txt",
        "plots",
        "best.csv",
        "evaluations/notes.txt",
        "evaluations/mine",
        "evaluations/report.html",
        "evaluations/0001-val-e0001/notes.txt",
        "evaluations/0001-val-e0001/mine",
        "evaluations/.0003.draft/notes.txt",
        "0001-val-e0001",
    }


def test_file_that_a_row_names_is_own_only_in_the_folder(folder: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "b4" / "2" / "best.csv")
    own = list_own_files(folder, [folder / "best.csv", outside, folder / "plots" / "loss.png"])

    assert names(folder, own) == {*OWN, "best.csv"}


def test_only_own_files_are_removed(folder: Path) -> None:
    remove_own_files(folder, list_own_files(folder))

    assert list_files(folder) == set(FOREIGN)


def test_empty_folder_goes_too(folder: Path) -> None:
    """With folders of evaluations that never got a file, or never a name."""
    for name in FOREIGN:
        (folder / name).unlink()
    for name in ("plots", "evaluations/mine", "evaluations/0001-val-e0001/mine", "0001-val-e0001"):
        (folder / name).rmdir()
    (folder / "evaluations" / "0004-val-e0001").mkdir()
    remove_own_files(folder, list_own_files(folder))

    assert not folder.exists()
    assert folder.parent.is_dir()


def test_links_are_never_followed(folder: Path, tmp_path: Path) -> None:
    """Neither a linked folder of checkpoints nor a linked file is the run's own."""
    elsewhere = tmp_path / "big"
    (folder / "checkpoints").rename(elsewhere)
    (folder / "checkpoints").symlink_to(elsewhere)
    (folder / "val-e0002-a1.csv").symlink_to(elsewhere / "mine.pt")
    (folder / "evaluations" / "0005-val-e0001").symlink_to(folder / "evaluations/0001-val-e0001")
    before = list_files(elsewhere)
    own = list_own_files(folder)
    foreign = list_foreign_files(folder, own)
    remove_own_files(folder, own)

    assert names(folder, foreign) >= {
        "checkpoints",
        "val-e0002-a1.csv",
        "evaluations/0005-val-e0001",
    }
    assert list_files(elsewhere) == before
    assert (folder / "checkpoints").is_symlink()


def test_folder_behind_a_link_or_outside_is_not_in_the_home(tmp_path: Path) -> None:
    home = tmp_path / "runs"
    (home / "b4").mkdir(parents=True)
    (tmp_path / "big").mkdir()
    (home / "b4" / "2").symlink_to(tmp_path / "big")
    (home / "b4" / "3").mkdir()
    (home / "b4" / "3" / "checkpoints").symlink_to(tmp_path / "big")

    assert find_folder(home, "b4/1") == home / "b4" / "1"
    for directory in ("b4/2", "b4/3", "../big", "b4/../../big", str(tmp_path / "big"), ""):
        assert find_folder(home, directory) is None


def test_home_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    home = tmp_path / "runs"
    home.symlink_to(tmp_path / "big")

    assert find_folder(home, "b4/1") == home / "b4" / "1"


def test_what_cannot_be_removed_is_named(folder: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot remove .*plots"):
        remove_file(folder / "plots")


def test_names_of_files_are_understood() -> None:
    """Those that are removed are found by them."""
    last = CHECKPOINT_NAME.fullmatch("last-e0002-b000003-s00000007-a12.pt")
    best = CHECKPOINT_NAME.fullmatch("best-e0002-a1.pt")
    report = PREDICTIONS_NAME.fullmatch("val-e0003-a2.csv")

    assert last and last.groupdict() == {
        "kind": "last",
        "epoch": "0002",
        "step": "00000007",
        "attempt": "12",
    }
    assert best and best.groupdict() == {
        "kind": "best",
        "epoch": "0002",
        "step": None,
        "attempt": "1",
    }
    assert report and report.groupdict() == {"epoch": "0003", "attempt": "2"}


def test_attempt_after_those_that_files_name(folder: Path) -> None:
    """Whoever has written them, and wherever a link leads; drafts are nothing."""
    numbers = [next_free_attempt(folder.with_name("new")), next_free_attempt(folder)]
    (folder / "val-e0003-a20.csv").touch()
    (folder / "checkpoints" / ".best-e0001-a99.pt.0a1b2c3d.draft").touch()
    numbers.append(next_free_attempt(folder))
    (folder / "checkpoints").rename(folder.with_name("big"))
    (folder / "checkpoints").symlink_to(folder.with_name("big"))
    (folder / "checkpoints" / "last-e0002-b000000-s00000010-a30.pt").touch()

    assert numbers == [1, 13, 21]
    assert next_free_attempt(folder) == 31


@pytest.mark.parametrize(
    ("content", "found"), [(b"0a1b\n", "0a1b"), (b"", ""), (b"\xff", "\ufffd")]
)
def test_mark_says_whose_folder_it_is(folder: Path, content: bytes, found: str) -> None:
    (folder / ".run").write_bytes(content)

    assert read_mark(folder) == found


def test_mark_that_is_not_there_is_told_from_one_that_cannot_be_read(folder: Path) -> None:
    (folder / ".run").unlink()
    missing = [read_mark(folder), read_mark(folder / "nowhere"), read_mark(folder / "log.csv")]
    (folder / ".run").mkdir()

    assert missing == [None, None, None]
    assert read_mark(folder) == ""


def test_number_after_the_folders_that_are_there(tmp_path: Path) -> None:
    for name in ("1", "12", "x"):
        (tmp_path / "b4" / name).mkdir(parents=True)

    assert next_free_number(tmp_path / "b4") == 13
    assert next_free_number(tmp_path / "new") == 1
