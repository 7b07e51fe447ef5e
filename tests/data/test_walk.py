"""Walking ends, and finds what is there."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

import pytest

from dfx.data.walk import find_obstacle, walk_images
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


class TestReports:
    """Where somebody is told of what is passed over, the walk goes on."""

    def walk(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        told: dict[str, str] = {}
        found = walk_images(folder, (".jpg",), report=told.__setitem__)
        names = sorted(Path(path).relative_to(folder).as_posix() for path in found)
        return names, {Path(path).relative_to(folder).as_posix(): why for path, why in told.items()}

    def test_of_a_link_that_leads_back(self, tmp_path: Path) -> None:
        touch(tmp_path / "a/b/c.jpg")
        (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
        loop = f"links to {tmp_path / 'a'}, a folder that it lies in (directory loop)"

        assert self.walk(tmp_path) == (["a/b/c.jpg"], {"a/b/up": loop})

    def test_of_a_link_that_leads_above_the_beginning(self, tmp_path: Path) -> None:
        """Nobody who names a folder means all that it lies in; without reports it is walked."""
        touch(tmp_path / "here/1.jpg", tmp_path / "2.jpg")
        (tmp_path / "here/up").symlink_to("..")
        loop = f"links to {tmp_path}, a folder that it lies in (directory loop)"

        assert self.walk(tmp_path / "here") == (["1.jpg"], {"up": loop})
        assert walk(tmp_path / "here") == ["1.jpg", "up/2.jpg"]

    def test_none_of_a_link_elsewhere(self, tmp_path: Path) -> None:
        touch(tmp_path / "elsewhere/1.jpg")
        (tmp_path / "here").mkdir()
        (tmp_path / "here/to").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "here/2.jpg").symlink_to(tmp_path / "elsewhere/1.jpg")

        assert self.walk(tmp_path / "here") == (["2.jpg", "to/1.jpg"], {})

    def test_of_a_folder_that_cannot_be_listed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The system's refusal is made up: root may list every folder."""
        touch(tmp_path / "a.jpg", tmp_path / "secret/b.jpg", tmp_path / "z/c.jpg")
        scandir = os.scandir

        def refuse(path: Path) -> object:
            if path.name == "secret":
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refuse)

        assert self.walk(tmp_path) == (["a.jpg", "z/c.jpg"], {"secret": "Permission denied"})
        with pytest.raises(DataError, match="secret: Permission denied"):
            walk(tmp_path)

    def test_of_what_has_an_images_name_but_is_no_file(self, tmp_path: Path) -> None:
        touch(tmp_path / "a.jpg")
        os.mkfifo(tmp_path / "pipe.jpg")
        os.mkfifo(tmp_path / "other")
        (tmp_path / "device.jpg").symlink_to("/dev/null")
        (tmp_path / "nowhere.jpg").symlink_to("gone")
        (tmp_path / "itself.jpg").symlink_to("itself.jpg")

        assert self.walk(tmp_path) == (
            ["a.jpg"],
            {
                "device.jpg": "a device, not an image file",
                "itself.jpg": "Too many levels of symbolic links",
                "nowhere.jpg": "a link to a file that does not exist",
                "pipe.jpg": "a named pipe, not an image file",
            },
        )
        assert len(walk(tmp_path)) == 5  # nobody is told, so that reading them will say it


def test_an_obstacle_is_named(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        # A socket's path may not be long.
        with contextlib.chdir(tmp_path):
            listening.bind("socket")

        assert find_obstacle(f"{tmp_path}/socket") == "a socket, not an image file"
    assert find_obstacle(f"{tmp_path}/a.jpg") is None
    assert find_obstacle(f"{tmp_path}") == "a folder, not an image file"
    assert find_obstacle(f"{tmp_path}/a.jpg/b") == "does not exist"
    assert find_obstacle("a\0b") == "does not exist"
    assert find_obstacle("x" * 5000) == "File name too long"
