"""Patterns match what a shell's would, and end."""

from __future__ import annotations

import glob
import os
from pathlib import Path

import pytest

from dfx.data.patterns import expand_pattern, is_pattern

FILES = ("a.jpg", "b.jpg", "[c].jpg", "c.jpg", "n.txt", "d/a.jpg", "d/e/a.jpg", "d/e/b.png")
FILES += ("d/.hidden/a.jpg", ".h.jpg", "f g/ü.jpg", "f*/x.jpg", "empty")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def expand(pattern: str) -> list[str]:
    told: dict[str, str] = {}
    found = expand_pattern(pattern, report=told.__setitem__)

    assert told == {}
    return found


@pytest.mark.parametrize(
    "pattern",
    [
        "*.jpg",
        "*",
        "?.jpg",
        "[ab].jpg",
        "[!ab].jpg",
        "*/a.jpg",
        "*/",
        "d/*/a.jpg",
        "d/e/*",
        "**/a.jpg",
        "**/*.jpg",
        "d/**/a.jpg",
        "**/e/*",
        "**/**/*.png",
        ".*",
        "d/.h*/a.jpg",
        "a.jpg/*",
        "nowhere/*",
        "*.gif",
        "f g/?.jpg",
        "x[",
    ],
)
@pytest.mark.parametrize("absolute", [False, True])
def test_is_what_the_standard_library_finds(folder: Path, pattern: str, absolute: bool) -> None:
    """Where no link leads back, and no name is a pattern, it is the reference."""
    (folder / "f*/x.jpg").unlink()
    (folder / "f*").rmdir()
    pattern = f"{folder}/{pattern}" if absolute else pattern
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207  # of the working folder too
    expected = sorted({os.path.normpath(path) for path in found})

    assert sorted(map(os.path.normpath, expand(pattern))) == expected


def test_a_name_that_is_there_stands_for_itself(folder: Path) -> None:
    assert expand("[c].jpg") == ["[c].jpg"]
    assert expand("f*/*.jpg") == ["f*/x.jpg"]
    (folder / "[c].jpg").unlink()
    assert expand("[c].jpg") == ["c.jpg"]


def test_two_stars_at_the_end_are_the_folder(folder: Path) -> None:
    assert expand("d/**") == expand("d/**/") == ["d"]
    assert expand("**") == ["."]
    assert expand("a.jpg/**") == []


def test_links_are_followed_once(folder: Path) -> None:
    (folder / "d/e/up").symlink_to(folder / "d")
    (folder / "d/other").symlink_to(folder / "f g")
    told: dict[str, str] = {}
    found = expand_pattern("d/**/*.jpg", report=told.__setitem__)

    assert found == ["d/a.jpg", "d/e/a.jpg", "d/other/ü.jpg"]
    assert list(told) == ["d/e/up"] and "directory loop" in told["d/e/up"]


def test_a_link_to_nowhere_matches(folder: Path) -> None:
    """So that somebody is told of it."""
    (folder / "z.jpg").symlink_to("gone")

    assert expand("[z].jpg") == ["z.jpg"]


def test_a_folder_that_cannot_be_listed_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal is made up: root may list every folder."""

    def refuse(path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "listdir", refuse)
    told: dict[str, str] = {}

    assert expand_pattern("d/*.jpg", report=told.__setitem__) == []
    assert told == {"d": "Permission denied"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a.jpg", False), ("a*", True), ("a?", True), ("[a", True), ("a]", False)],
)
def test_three_characters_make_a_pattern(text: str, expected: bool) -> None:
    assert is_pattern(text) is expected
