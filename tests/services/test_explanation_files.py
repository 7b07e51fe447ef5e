"""Each image has its own picture in a folder, and no other file is ever written over."""

from __future__ import annotations

import errno
import io
import os
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from dfx.errors import ConfigError, NoSpaceLeft
from dfx.services.explanation_files import (
    identify,
    place_picture,
    place_sheets,
    prepare_folder,
    remove_further_sheets,
    write_picture,
)
from dfx.services.explanation_mark import SHEET, is_explanation


def draw(value: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (4, 3), value).save(buffer, "PNG")
    return buffer.getvalue()


def explain(folder: Path, image: Path, value: int = 0) -> str:
    """Writes the picture of an image, as often as asked; gives its name."""
    path = place_picture(folder, image)
    write_picture(path, draw(value), subject=identify(image))
    return path.name


def list_names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


class TestNames:
    def test_picture_is_named_after_its_image_with_the_ending(self, tmp_path: Path) -> None:
        names = [explain(tmp_path, Path("in") / name) for name in ("img.png", "img.jpg", "img")]

        assert names == ["img.png.explained.png", "img.jpg.explained.png", "img.explained.png"]

    def test_images_of_one_name_are_told_apart_by_their_folders(self, tmp_path: Path) -> None:
        images = [Path("/x/a/img.png"), Path("/x/b/img.png"), Path("/y/b/img.png")]
        names = [explain(tmp_path, image, value) for value, image in enumerate(images)]

        assert names == [
            "img.png.explained.png",
            "b-img.png.explained.png",
            "y-b-img.png.explained.png",
        ]
        for value, name in enumerate(names):
            with Image.open(tmp_path / name) as picture:
                assert picture.getpixel((0, 0)) == value

    def test_names_stay_when_images_are_explained_again(self, tmp_path: Path) -> None:
        """In any order, by another way to name them, and in a process that knows nothing yet."""
        images = [Path("a/img.png"), Path("b/img.png"), Path("b-img.png"), Path("c/b-img.png")]
        first = [explain(tmp_path, image) for image in images]
        again = [explain(tmp_path, image.absolute()) for image in reversed(images)]

        assert again == first[::-1]
        assert len(set(first)) == 4
        assert list_names(tmp_path) == set(first)

    def test_where_folders_do_not_help_a_number_does(self, tmp_path: Path) -> None:
        (tmp_path / "img.png.explained.png").write_bytes(b"somebody's")
        names = [explain(tmp_path, Path("/img.png")) for _ in range(2)]

        assert names == ["img.png-2.explained.png"] * 2

    @pytest.mark.parametrize("letter", ["x", "é", "顔", "\udcff"])
    def test_long_names_are_cut_in_the_middle(self, tmp_path: Path, letter: str) -> None:
        """Whatever a letter takes; and those that become alike stay apart."""
        names = [f"first{letter * 245}"[:n] + f"{n}.png" for n in (84, 85)]
        images = [Path("a") / name for name in names]
        images += [Path("a") / f"begin{'y' * 100}{middle}{'z' * 110}.png" for middle in "12"]
        found = [explain(tmp_path, image) for image in images]

        assert found[0].endswith("84.png.explained.png")
        assert found[2].startswith("beginyyy") and found[2].endswith("zzz.png.explained.png")
        assert "..." in found[2]
        assert len(set(found)) == len(list_names(tmp_path)) == 4
        assert max(len(os.fsencode(name)) for name in found) <= 255 - len(".12345678.draft") - 1


class TestOwnership:
    def test_other_files_are_never_written_over(self, tmp_path: Path) -> None:
        """Also a picture of another program, a folder, and a link that leads nowhere."""
        (tmp_path / "a.png.explained.png").write_bytes(draw(7))
        (tmp_path / "b.png.explained.png").mkdir()
        (tmp_path / "c.png.explained.png").symlink_to(tmp_path / "nothing")
        before = (tmp_path / "a.png.explained.png").read_bytes()
        names = {explain(tmp_path, Path(f"/in/{letter}.png")) for letter in "abc"}

        assert names == {f"in-{letter}.png.explained.png" for letter in "abc"}
        assert (tmp_path / "a.png.explained.png").read_bytes() == before
        assert not (tmp_path / "nothing").exists()

    def test_picture_is_a_valid_one_that_does_not_tell_where_the_image_was(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / explain(tmp_path, Path("/secret/img.png"), 9)
        with Image.open(path) as picture:
            picture.verify()  # checksums, that of our own chunk included
        with Image.open(path) as picture:
            assert picture.getpixel((3, 2)) == 9
            assert picture.info["Software"].startswith("dfx --explain sha256:")
        assert b"secret" not in path.read_bytes()

    def test_what_dfx_explained_is_known_from_what_it_did_not(self, tmp_path: Path) -> None:
        other = tmp_path / "other.png"
        other.write_bytes(draw())
        image = tmp_path / "other.jpg"
        image.write_bytes(b"\xff\xd8")

        assert is_explanation(tmp_path / explain(tmp_path, other))
        assert not any(map(is_explanation, (other, image, tmp_path, tmp_path / "none.png")))


class TestSheets:
    def write(self, folder: Path, pages: int) -> None:
        places = place_sheets(folder)
        for path in islice(places, pages):
            write_picture(path, draw(), subject=SHEET)
        remove_further_sheets(places)

    def test_shorter_sheet_leaves_no_page_of_the_longer(self, tmp_path: Path) -> None:
        self.write(tmp_path, 4)
        explain(tmp_path, Path("img.png"))
        before = list_names(tmp_path)
        self.write(tmp_path, 2)

        assert {"contact-sheet-3.png", "contact-sheet-4.png"} == before - list_names(tmp_path)
        assert {"contact-sheet.png", "contact-sheet-2.png"} < list_names(tmp_path)

    def test_page_of_another_origin_is_left_out(self, tmp_path: Path) -> None:
        for name in ("contact-sheet.png", "contact-sheet-4.png"):
            (tmp_path / name).write_bytes(b"somebody's")
        for pages in (3, 1):
            self.write(tmp_path, pages)
            for name in ("contact-sheet.png", "contact-sheet-4.png"):
                assert (tmp_path / name).read_bytes() == b"somebody's"

        assert (tmp_path / "contact-sheet-2.png").exists()
        assert not (tmp_path / "contact-sheet-3.png").exists()


class TestFolder:
    def test_folder_is_made_and_left_empty(self, tmp_path: Path) -> None:
        prepare_folder(tmp_path / "a" / "b")

        assert list_names(tmp_path / "a" / "b") == set()

    @pytest.mark.parametrize("name", ["file", "file/below"])
    def test_file_is_refused(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "file").write_bytes(b"content")
        with pytest.raises(ConfigError, match=f"{name}' is a file, or below one") as caught:
            prepare_folder(tmp_path / name)

        assert "name a folder" in str(caught.value.hint)
        assert (tmp_path / "file").read_bytes() == b"content"

    def test_folder_that_cannot_be_written_is_refused(self) -> None:
        with pytest.raises(ConfigError, match="cannot write explanations to /proc/none") as caught:
            prepare_folder(Path("/proc/none"))

        assert "can be written" in str(caught.value.hint)

    def test_full_disk_is_told_before_the_first_picture(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Full(io.BytesIO):
            def write(self, _: Any) -> int:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full())
        with pytest.raises(NoSpaceLeft, match="No space left on device") as caught:
            prepare_folder(tmp_path)

        assert "another disk" in str(caught.value.hint)

    def test_full_disk_leaves_the_picture_before(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And its advice is not that of a training."""
        explain(tmp_path, Path("img.png"), 5)

        def fail(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(NoSpaceLeft, match=r"img\.png\.explained\.png: No space") as caught:
            explain(tmp_path, Path("img.png"), 6)

        assert "resume" not in str(caught.value.hint)
        assert list_names(tmp_path) == {"img.png.explained.png"}
        with Image.open(tmp_path / "img.png.explained.png") as picture:
            assert picture.getpixel((0, 0)) == 5
