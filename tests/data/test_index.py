"""Which images are used, under which digests, and what is remembered of having looked."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from dfx.data.index import SplitIndex, check_images, list_split
from dfx.errors import DataError, ImageError, StoreError
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


class TestMemory:
    def test_images_are_not_read_twice(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """Content that changes behind the memory's back, size and time kept, goes unseen."""
        draw_split(tmp_path, real=2, deepfake=1)
        memory = tmp_path / "deep" / "memory.tsv"
        first = check(tmp_path, memory=memory)
        path = first.images[0].path
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))

        assert check(tmp_path, memory=memory).sha256 == first.sha256
        assert check(tmp_path, memory=None).skipped == (("real/0.png", "not an image"),)

    def test_damage_is_remembered_in_the_same_words(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path / "with  two spaces", real=2, deepfake=1)
        damage(tmp_path / "with  two spaces")
        memory = tmp_path / "memory.tsv"
        first = check(tmp_path / "with  two spaces", memory=memory)

        assert check(tmp_path / "with  two spaces", memory=memory).skipped == first.skipped
        assert len(first.skipped) == 1

    @pytest.mark.parametrize("change", ["size", "time"])
    def test_a_changed_file_is_read_again(
        self, change: str, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=2, deepfake=1)
        memory = tmp_path / "memory.tsv"
        first = check(tmp_path, memory=memory)
        path = first.images[0].path
        status = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + (b"01" if change == "size" else b"0"))
        later = status.st_mtime_ns + (1 if change == "time" else 0)
        os.utime(path, ns=(status.st_atime_ns, later))

        assert check(tmp_path, memory=memory).sha256[0] != first.sha256[0]

    def test_a_mended_file_counts_again(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        draw_split(tmp_path, real=2, deepfake=1)
        memory = tmp_path / "memory.tsv"
        path = tmp_path / "train/real/1.png"
        whole = path.read_bytes()
        damage(tmp_path)
        check(tmp_path, memory=memory)
        path.write_bytes(whole)

        assert check(tmp_path, memory=memory).skipped == ()

    def test_lines_that_mean_nothing_are_passed_over(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=2, deepfake=1)
        memory = tmp_path / "memory.tsv"
        first = check(tmp_path, memory=memory)
        good = memory.read_bytes()
        memory.write_bytes(
            b"garbage\n\n\t\t\t\t\n-1\tx\ty\tz\tw\n\xff\xfe\0\n" + good + good[:25] + b"\n12\t"
        )

        assert check(tmp_path, memory=memory) == first

    def test_odd_names_are_remembered(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """Tabs, bytes that are no text, and what Unicode takes for the end of a line."""
        draw_split(tmp_path, real=1, deepfake=1)
        for name in (b"a\tb.png", b"a\xffb.png", "a\u2028b.png".encode(), b"a\rb.png", b"a\nb.png"):
            shutil.copy(
                tmp_path / "train/real/0.png",
                os.path.join(os.fsencode(tmp_path / "train/real"), name),  # noqa: PTH118  # bytes
            )
        memory = tmp_path / "memory.tsv"
        first = check(tmp_path, memory=memory)
        kept = memory.read_bytes()

        assert first.summarise().real == 6
        assert check(tmp_path, memory=memory) == first
        assert memory.read_bytes() == kept
        # All but the name with a newline, which is looked at anew each time.
        assert kept.count(b"\n") == 6

    def test_other_folders_stay_remembered(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        memory = tmp_path / "memory.tsv"
        check(draw_split(tmp_path / "one", real=1, deepfake=1), memory=memory)
        check(draw_split(tmp_path / "two", real=1, deepfake=1), memory=memory)

        assert len(memory.read_text().splitlines()) == 4

    def test_it_does_not_matter_from_where_it_is_called(
        self, tmp_path: Path, draw_split: DrawSplit, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        draw_split(tmp_path / "data", real=1, deepfake=1)
        memory = tmp_path / "memory.tsv"
        check(tmp_path / "data", memory=memory)
        monkeypatch.chdir(tmp_path)
        check(Path("data"), memory=memory)

        assert len(memory.read_text().splitlines()) == 2

    def test_where_it_cannot_be_written_is_said(
        self, tmp_path: Path, draw_split: DrawSplit
    ) -> None:
        draw_split(tmp_path, real=1, deepfake=1)
        (tmp_path / "file").touch()

        with pytest.raises(StoreError, match=r"cannot write .*file/memory\.tsv: "):
            check(tmp_path, memory=tmp_path / "file" / "memory.tsv")

    def test_two_processes_at_once_do_no_harm(self, tmp_path: Path, draw_split: DrawSplit) -> None:
        """Whoever writes last wins; the file is whole at any time; nobody reads a wrong line."""
        memory = tmp_path / "memory.tsv"
        roots = [draw_split(tmp_path / name, real=12, deepfake=12) for name in ("one", "two")]

        def work(root: Path) -> None:
            for limit in range(1, 13):
                index = check(root, memory=memory, limit=limit, fail_on_bad=True)
                assert len(index.images) == 2 * limit

        fork = multiprocessing.get_context("fork")
        processes = [fork.Process(target=work, args=(root,)) for root in roots]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)

        assert [process.exitcode for process in processes] == [0, 0]
        lines = memory.read_bytes().split(b"\n")
        assert lines.pop() == b"" and len(lines) >= 24
        assert all(line.count(b"\t") == 3 for line in lines)
        assert list(tmp_path.glob("memory.tsv*")) == [memory]
        for root in roots:
            assert check(root, memory=memory) == check(root)
