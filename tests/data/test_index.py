"""Which images are used, under which digests, and what is remembered of having looked."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from dfx.data.index import SplitIndex, check_images, list_split
from dfx.errors import DataError, ImageError
from dfx.records import DEEPFAKE, REAL

DrawSplit = Callable[..., Path]


def check(
    root: Path,
    *,
    memory: Path | None = None,
    limit: int | None = None,
    fail_on_bad: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> SplitIndex:
    listed = list_split(root, "train", limit=limit)
    return check_images("train", listed, memory=memory, fail_on_bad=fail_on_bad, progress=progress)


def names(root: Path, limit: int | None = None) -> list[str]:
    return [image.name for image in list_split(root, "train", limit=limit)]


class TestListing:
    def test_names_are_of_class_and_path(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=1, FAKE=1)
        draw_split(tmp_path, "train/real", sub=1)
        listed = list_split(tmp_path, "train", limit=None)

        assert [(i.name, i.label) for i in listed] == [
            ("real/0.png", REAL),
            ("real/sub/0.png", REAL),
            ("deepfake/0.png", DEEPFAKE),
        ]
        assert listed[2].path == tmp_path / "train/FAKE/0.png"
        assert listed[2].bytes == listed[2].path.stat().st_size

    def test_a_limit_is_per_class(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=9, deepfake=2)

        assert [len([n for n in names(tmp_path, 4) if n.startswith(c)]) for c in ("r", "d")] == [
            4,
            2,
        ]

    def test_a_larger_limit_adds_to_a_smaller(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=12, deepfake=12)
        taken = [set(names(tmp_path, limit)) for limit in range(1, 13)]

        assert all(smaller < larger for smaller, larger in itertools.pairwise(taken))
        assert taken[-1] == set(names(tmp_path))

    def test_a_limit_takes_from_everywhere(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """Not the first folder of the alphabet alone."""
        for folder in ("a", "b", "c"):
            draw_split(tmp_path, f"train/real/{folder}", x=20)
        draw_split(tmp_path, deepfake=1)

        assert {name[:6] for name in names(tmp_path, 15)[:-1]} == {"real/a", "real/b", "real/c"}

    def test_a_limit_does_not_depend_on_place_or_class_folder(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path / "one", real=9, deepfake=9)
        draw_split(tmp_path / "two", REAL=9, fake=9)

        assert names(tmp_path / "one", 3) == names(tmp_path / "two", 3)

    def test_the_order_is_by_name_with_and_without_a_limit(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        """So a limit above what is there changes nothing."""
        draw_split(tmp_path, real=12, deepfake=3)
        draw_split(tmp_path, "train/real", **{"1": 2, "1.png x": 1})

        assert names(tmp_path, 100) == names(tmp_path)


class TestDigests:
    def test_do_not_depend_on_place_or_folder_names(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path / "one", real=3, deepfake=2)
        shutil.copytree(tmp_path / "one/train/real", tmp_path / "two/train/Real")
        shutil.copytree(tmp_path / "one/train/deepfake", tmp_path / "two/train/fake")

        assert check(tmp_path / "one").summarise() == check(tmp_path / "two").summarise()

    def test_content_changes_one_of_them(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """The plain digest is of names and sizes; only the other one sees a changed byte."""
        draw_split(tmp_path, real=2, deepfake=2)
        path = tmp_path / "train/real/0.png"
        path.write_bytes(path.read_bytes() + b"0")
        before = check(tmp_path).summarise()
        path.write_bytes(path.read_bytes()[:-1] + b"1")
        after = check(tmp_path).summarise()

        assert after.digest == before.digest
        assert after.content_digest != before.content_digest

    def test_moving_an_image_to_the_other_class_changes_both(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=3, deepfake=2)
        before = check(tmp_path).summarise()
        (tmp_path / "train/real/2.png").rename(tmp_path / "train/deepfake/2.png")
        after = check(tmp_path).summarise()

        assert after.digest != before.digest
        assert after.content_digest != before.content_digest
        assert (after.real, after.deepfake, after.images) == (2, 3, 5)

    def test_are_pinned(self, tmp_path: Path) -> None:
        """Another canonical form would make every stored run look trained on other data."""
        for name in ("real/b.png", "real/a.png", "fake/c.png"):
            path = tmp_path / "train" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(PIXEL)
        summary = check(tmp_path).summarise()

        names = ("deepfake/c.png", "real/a.png", "real/b.png")
        of_sizes = sha256("".join(f"{name}\t{len(PIXEL)}\n" for name in names).encode())
        content = sha256(PIXEL).hexdigest()
        of_contents = sha256("".join(f"{name}\t{content}\n" for name in names).encode())

        assert summary.digest == "sha256:" + of_sizes.hexdigest()
        assert summary.content_digest == "sha256:" + of_contents.hexdigest()


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c63600000000200014898"
    "f3a60000000049454e44ae426082"
)
"""A black pixel as PNG."""


def damage(root: Path, name: str = "real/1.png") -> Path:
    path = root / "train" / name
    path.write_bytes(path.read_bytes()[:200])
    return path


class TestDamagedImages:
    def test_are_dropped_and_named(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """Nothing takes a dropped image's place."""
        draw_split(tmp_path, real=3, deepfake=2)
        damage(tmp_path)
        index = check(tmp_path)
        summary = index.summarise()

        assert [image.name for image in index.images] == [
            "real/0.png",
            "real/2.png",
            "deepfake/0.png",
            "deepfake/1.png",
        ]
        assert index.labels == [0, 0, 1, 1]
        assert (summary.real, summary.deepfake) == (2, 2)
        assert [name for name, _ in summary.skipped] == ["real/1.png"]
        assert summary.skipped[0][1].startswith("damaged image (")

    def test_do_not_count_in_the_digest(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=3, deepfake=2)
        path = damage(tmp_path)
        with_it = check(tmp_path).summarise()
        path.unlink()
        without = check(tmp_path).summarise()

        assert (with_it.digest, with_it.content_digest) == (without.digest, without.content_digest)

    def test_are_fatal_where_asked_for(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=3, deepfake=2)
        path = damage(tmp_path)

        with pytest.raises(ImageError, match="damaged image") as caught:
            check(tmp_path, fail_on_bad=True)

        assert caught.value.message.startswith(f"{path}: ")
        assert "data.on_bad_image=skip" in (caught.value.hint or "")

    def test_a_class_without_a_good_one_is_an_error(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=1, deepfake=2)
        damage(tmp_path, "real/0.png")

        with pytest.raises(DataError, match="'train' has no readable image of class 'real'"):
            check(tmp_path)

    @pytest.mark.parametrize(
        ("kind", "reason"),
        [
            ("text", "not an image"),
            ("empty", "the file is empty"),
            ("link to nowhere", "No such file or directory"),
            ("link to itself", "Too many levels of symbolic links"),
            ("pipe", "not a regular file"),
        ],
    )
    def test_reasons(self, kind: str, reason: str, tmp_path: Path, draw_split: DrawSplit) -> None:
        """Each is passed over with its reason, and none keeps the check waiting."""
        draw_split(tmp_path, real=1, deepfake=1)
        path = tmp_path / "train/real/odd  name.jpg"
        match kind:
            case "text":
                path.write_text("no image")
            case "empty":
                path.touch()
            case "link to nowhere":
                path.symlink_to(tmp_path / "nowhere.jpg")
            case "link to itself":
                path.symlink_to(path)
            case "pipe":
                os.mkfifo(path)

        assert check(tmp_path).skipped == (("real/odd  name.jpg", reason),)

    def test_a_file_that_goes_between_listing_and_checking(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=2, deepfake=1)
        listed = list_split(tmp_path, "train", limit=None)
        listed[0].path.unlink()
        index = check_images(
            "train", listed, memory=None, fail_on_bad=False, progress=lambda _d, _t: None
        )

        assert index.skipped == (("real/0.png", "No such file or directory"),)


class TestProgress:
    def test_counts_every_image(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=3, deepfake=2)
        told: list[tuple[int, int]] = []
        check(tmp_path, progress=lambda done, total: told.append((done, total)))

        assert told == [(n, 5) for n in range(1, 6)]

    def test_what_it_raises_ends_the_check_and_what_was_found_is_kept(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=3, deepfake=2)
        memory = tmp_path / "memory.tsv"

        def stop(done: int, _total: int) -> None:
            if done == 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            check(tmp_path, memory=memory, progress=stop)

        assert len(memory.read_text().splitlines()) == 2
