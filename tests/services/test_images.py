"""What a person means by some paths is found, and what cannot be used is said in its place."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from dfx.errors import ConfigError, NotFoundError
from dfx.services.explanation_mark import sign
from dfx.services.images import SUFFIXES, FoundImage, find_images, parse_list

Feed = Callable[[bytes], None]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("b.jpg", "a.png", "odd.xyz", "in/2.JPG", "in/1.webp", "in/deep/3.tiff"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for name in ("in/.hidden.jpg", "in/._1.webp", "in/notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    """Puts some bytes on stdin."""

    def put(data: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    return put


def find(*arguments: str) -> list[str]:
    """The paths found, all of which may be images."""
    found = find_images(arguments)

    assert [image for image in found if image.error] == []
    return [image.path for image in found]


def find_problems(*arguments: str) -> dict[str, str | None]:
    """What is said of each path, beside one that is good."""
    return {image.path: image.error for image in find_images((*arguments, "b.jpg"))[:-1]}


def refuse(*arguments: str) -> str:
    with pytest.raises(NotFoundError) as caught:
        find_images(arguments)

    assert caught.value.exit_code == 3 and "on stdin" in (caught.value.hint or "")
    return caught.value.message


IN = ["in/1.webp", "in/2.JPG", "in/deep/3.tiff"]


class TestOrder:
    def test_is_that_of_the_arguments(self) -> None:
        assert find("b.jpg", "in", "a.png", "b.jpg") == ["b.jpg", *IN, "a.png", "b.jpg"]

    def test_of_a_pattern_is_sorted(self) -> None:
        assert find("[ba].*") == ["a.png", "b.jpg"]

    def test_is_kept_where_something_cannot_be_used(self) -> None:
        assert find_images(["b.jpg", "gone.jpg", "in"]) == [
            FoundImage("b.jpg"),
            FoundImage("gone.jpg", "does not exist"),
            *(FoundImage(name) for name in IN),
        ]


class TestFiles:
    def test_that_are_named_may_have_any_ending(self) -> None:
        assert find("odd.xyz") == ["odd.xyz"]

    def test_are_called_as_they_were_given(self, feed: Feed) -> None:
        """`find .` writes ./b.jpg, and whoever has its list looks for that in the answer."""
        feed(b"./b.jpg\nin//1.webp\n")

        assert find("-", "./*.png") == ["./b.jpg", "in//1.webp", "./a.png"]

    def test_of_a_bracketed_name_are_taken_literally(self, folder: Path) -> None:
        (folder / "[ab].jpg").touch()

        assert find("[ab].jpg") == ["[ab].jpg"]

    def test_that_are_pipes_are_taken_where_they_are_named(self, folder: Path) -> None:
        reading, writing = os.pipe()
        os.mkfifo(folder / "pipe")

        assert find(f"/dev/fd/{reading}", "pipe") == [f"/dev/fd/{reading}", "pipe"]
        os.close(reading)
        os.close(writing)

    def test_that_links_lead_to_nowhere(self, folder: Path) -> None:
        (folder / "link.jpg").symlink_to("gone")

        assert find_problems("link.jpg") == {"link.jpg": "a link to a file that does not exist"}

    def test_with_bytes_that_are_no_text(self, folder: Path) -> None:
        name = os.fsdecode(b"\xff\xfe.jpg")
        (folder / name).touch()

        assert find(name, "*.jpg") == [name, "b.jpg", name]


class TestFolders:
    @pytest.mark.parametrize("name", ["in", "in/", "./in"])
    def test_are_taken_with_all_below(self, name: str) -> None:
        assert find(name) == IN

    def test_give_every_ending(self, folder: Path) -> None:
        for suffix in SUFFIXES:
            (folder / f"empty/x{suffix}").touch()
            (folder / f"empty/y{suffix.upper()}").touch()

        assert len(find("empty")) == 2 * len(SUFFIXES)

    def test_without_images(self) -> None:
        (problem,) = find_problems("empty").values()

        assert problem and problem.startswith("the folder holds no image; expected files ending in")

    def test_with_a_loop_and_a_pipe(self, folder: Path) -> None:
        """A link back is no reason to leave the images out, nor is what would never end."""
        (folder / "in/back").symlink_to(folder / "in")
        os.mkfifo(folder / "in/0.jpg")
        found = find_images(["in"])

        assert [image.path for image in found] == ["in/0.jpg", *IN[:2], "in/back", IN[2]]
        assert found[0].error == "a named pipe, not an image file"
        assert (
            found[3].error == f"links to {folder / 'in'}, a folder that it lies in (directory loop)"
        )

    def test_with_nothing_but_a_loop(self, folder: Path) -> None:
        (folder / "empty/back").symlink_to(folder / "empty")

        assert list(find_problems("empty")) == ["empty/back"]


class TestPatterns:
    def test_of_a_folder_leave_explanations_out_as_its_name_does(self, folder: Path) -> None:
        explained = io.BytesIO()
        Image.new("RGB", (4, 4)).save(explained, "PNG")
        (folder / "in/a.png.explained.png").write_bytes(sign(explained.getvalue(), "a"))

        assert find("i?") == find("in") == IN

    def test_of_any_depth(self) -> None:
        assert find("in/**/[123].*") == IN

    def test_that_match_folders_give_what_is_in_them(self) -> None:
        assert find("i*") == find("in/**") == IN

    def test_give_each_image_once(self) -> None:
        """The folder, and what is in it, both match."""
        assert find("in/**/[d123]*") == IN

    def test_that_match_nothing(self) -> None:
        assert find_problems("x*.jpg") == {"x*.jpg": "this pattern matches nothing"}

    def test_that_match_no_images(self) -> None:
        assert find_problems("emp*") == {"emp*": "this pattern matches folders without images"}

    def test_do_not_wait_for_pipes(self, folder: Path) -> None:
        os.mkfifo(folder / "pipe.jpg")

        assert find_problems("p*.jpg") == {"pipe.jpg": "a named pipe, not an image file"}


class TestStdin:
    def test_is_a_line_for_each_path(self, feed: Feed) -> None:
        feed(b"b.jpg\n\n  \nin\n[ab].*g")

        expected = ["odd.xyz", "b.jpg", *IN, "a.png", "b.jpg", "a.png"]

        assert find("odd.xyz", "-", "a.png") == expected

    def test_may_come_from_find_with_print0(self, feed: Feed, folder: Path) -> None:
        (folder / "two\nlines.jpg").touch()
        (folder / " ").touch()
        feed(b"two\nlines.jpg\0 \0b.jpg\0")

        assert find("-") == ["two\nlines.jpg", " ", "b.jpg"]

    @pytest.mark.parametrize(
        "data",
        [
            b"a.png\r\nb.jpg\r\n",
            b"\xef\xbb\xbfa.png\nb.jpg",
            "a.png\r\nb.jpg\r\n".encode("utf-16"),
            b"\xfe\xff" + "a.png\nb.jpg\n".encode("utf-16-be"),
        ],
    )
    def test_may_come_from_windows(self, data: bytes) -> None:
        assert parse_list(data) == ["a.png", "b.jpg"]

    def test_keeps_blanks_and_bytes_of_names(self) -> None:
        assert parse_list(b" a.png \n\xffb") == [" a.png ", os.fsdecode(b"\xffb")]

    def test_names_what_is_not_there(self, feed: Feed) -> None:
        feed(b"gone.jpg\nx*y\nb.jpg\n")

        assert find_problems("-") == {
            "gone.jpg": "does not exist",
            "x*y": "this pattern matches nothing",
            "b.jpg": None,
        }

    @pytest.mark.parametrize("data", [b"", b"\n\r\n", b"\0"])
    def test_without_paths(self, feed: Feed, data: bytes) -> None:
        feed(data)

        assert find_problems("-") == {"-": "there is no path on stdin; expected one on each line"}
        feed(data)
        assert "-: there is no path on stdin" in refuse("-")

    def test_that_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", None)

        assert "-: there is no path on stdin" in refuse("-")

    def test_that_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        descriptor = os.open("b.jpg", os.O_WRONLY)
        with os.fdopen(descriptor, "r") as stdin:
            monkeypatch.setattr("sys.stdin", stdin)

            assert "-: stdin cannot be read: Bad file descriptor" in refuse("-")

    def test_named_twice(self, feed: Feed) -> None:
        feed(b"b.jpg")

        with pytest.raises(ConfigError, match="'-' is given twice"):
            find_images(["-", "a.png", "-"])

    def test_named_in_its_own_list(self, feed: Feed, folder: Path) -> None:
        feed(b"b.jpg\n-\n")

        with pytest.raises(ConfigError, match="holds '-', which stands for that list") as caught:
            find_images(["-"])
        assert caught.value.hint == "a file of this name is ./-"
        (folder / "-").touch()
        feed(b"./-\n")
        assert find("-") == ["./-"]

    def test_of_many_paths_is_looked_at_one_by_one(
        self, feed: Feed, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A path that is there costs one call, whatever characters it has."""
        calls: list[str] = []
        stat = os.stat

        def count(path: str, **options: bool) -> os.stat_result:
            calls.append(path)
            return stat(path, **options)

        feed(b"b.jpg\n" * 500)
        monkeypatch.setattr(os, "stat", count)
        for expensive in ("listdir", "scandir", "lstat"):
            monkeypatch.delattr(os, expensive)

        assert len(find("-")) == 500
        assert len(calls) == 500


class TestNothingFound:
    def test_every_argument_is_named(self) -> None:
        assert refuse("gone.jpg", "x*") == (
            "no image was found:\n  gone.jpg: does not exist\n  x*: this pattern matches nothing"
        )

    def test_but_five_of_many(self) -> None:
        message = refuse(*(f"gone{number}.jpg" for number in range(1239)))

        assert len(message.splitlines()) == 7
        assert message.endswith("\n  gone4.jpg: does not exist\n  and 1,234 more")
        assert "more" not in refuse(*(f"gone{number}.jpg" for number in range(5)))

    def test_the_endings_are_named(self) -> None:
        assert re.search(r"empty: the folder holds no image; .*\.webp, \.bmp", refuse("empty"))

    def test_an_empty_name_is_not_the_folder_one_is_in(self) -> None:
        with pytest.raises(ConfigError, match="empty name"):
            find_images(["b.jpg", ""])
