"""Walking ends, and finds what is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfx.data.walk import walk_images
from dfx.errors import DataError


def walk(folder: Path) -> list[str]:
    return sorted(
        Path(path).relative_to(folder).as_posix() for path in walk_images(folder, (".jpg",))
    )


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_goes_down_every_folder(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg", tmp_path / "b/c/d.JPG", tmp_path / "b/e.png", tmp_path / ".f/g.jpg")

    assert walk(tmp_path) == ["a.jpg", "b/c/d.JPG"]


def test_a_link_back_to_a_folder_above_ends(tmp_path: Path) -> None:
    touch(tmp_path / "a/b/c.jpg")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "a/b/self").symlink_to(tmp_path / "a/b")
    (tmp_path / "a/b/root").symlink_to(tmp_path)

    assert walk(tmp_path) == ["a/b/c.jpg"]


def test_links_between_two_folders_end(tmp_path: Path) -> None:
    touch(tmp_path / "a/1.jpg", tmp_path / "b/2.jpg")
    (tmp_path / "a/to").symlink_to(tmp_path / "b")
    (tmp_path / "b/to").symlink_to(tmp_path / "a")

    assert walk(tmp_path) == ["a/1.jpg", "a/to/2.jpg", "b/2.jpg", "b/to/1.jpg"]


def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere/1.jpg")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/to").symlink_to(tmp_path / "elsewhere")

    assert walk(tmp_path / "here") == ["to/1.jpg"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: No such file or directory"):
        walk(tmp_path / "gone")
