"""What earlier checks found is used, as long as it holds."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dfx.errors import StoreError

from .test_index import check, damage

DrawSplit = Callable[..., Path]


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

        with pytest.raises(StoreError, match=r"cannot write .*file/memory\.tsv \(\d+ bytes\): "):
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
