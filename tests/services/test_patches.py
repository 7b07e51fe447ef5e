"""How the uncommitted changes of two runs differ, on patches that git has made."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from dfx.records.differences import PatchedFile
from dfx.services.patches import compare_patches, find_patch

NAMES = ("b4/1", "b4/2")
Change = Callable[[dict[str, bytes | None]], str]


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e@e", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


@pytest.fixture
def changed(tmp_path: Path) -> Change:
    """Gives the patch that some new contents make of a repository; None removes a file."""
    committed = {"train.py": b"one\ntwo\nthree\n", "old.py": b"x\n" * 9, "b.bin": b"\0\1\2"}
    for name, content in committed.items():
        (tmp_path / name).write_bytes(content)
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", "-A")
    _git(tmp_path, "commit", "-q", "-m", "first")

    def change(contents: dict[str, bytes | None]) -> str:
        for name, content in contents.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
        _git(tmp_path, "add", "-A")
        patch = _git(tmp_path, "diff", "HEAD", "--binary")
        _git(tmp_path, "reset", "-q", "--hard")
        return patch

    return change


def test_what_only_one_has_is_shown_as_it_is(changed: Change) -> None:
    patch = changed({"train.py": b"one\nTWO\nthree\nfour\n"})
    files, text = compare_patches("", patch, NAMES)

    assert files == [PatchedFile("train.py", None, (2, 1))]
    assert text == f"# train.py: only changed in b4/2\n{patch.removesuffix(chr(10))}"


def test_what_both_have_is_shown_as_a_difference(changed: Change) -> None:
    """Files that are changed in the same way are passed over."""
    a = changed({"train.py": b"one\n2\nthree\n", "old.py": b"y\n"})
    b = changed({"train.py": b"one\nzwei\nthree\n", "old.py": b"y\n"})
    files, text = compare_patches(a, b, NAMES)

    assert files == [PatchedFile("train.py", (1, 1), (1, 1))]
    assert text.splitlines()[:3] == [
        "# train.py: how the changes of b4/1 and b4/2 differ",
        "--- b4/1",
        "+++ b4/2",
    ]
    assert "-+2" in text.splitlines()
    assert "++zwei" in text.splitlines()
    assert "index" not in text


@pytest.mark.parametrize(
    ("contents", "expected"),
    [
        ({"old.py": None}, PatchedFile("old.py", (0, 9), None)),
        ({"new/ü é.py": b"a\nb\n"}, PatchedFile("new/ü é.py", (2, 0), None)),
        ({'"é"': b""}, PatchedFile('"é"', (0, 0), None)),
        ({"é\t1.bin": b"\0"}, PatchedFile("é\t1.bin", (0, 0), None)),
        ({"b.bin": b"\0\3"}, PatchedFile("b.bin", (0, 0), None)),
        ({"empty file": b""}, PatchedFile("empty file", (0, 0), None)),
        ({"old.py": None, "moved.py": b"x\n" * 9}, PatchedFile("moved.py", (0, 0), None)),
        (
            {"odd.py": b"++ b/not this\n-- a/nor that\ndiff --git a/x b/y\nx\x0cy\rz\n"},
            PatchedFile("odd.py", (4, 0), None),
        ),
    ],
    ids=[
        "removed",
        "not ascii",
        "quotes",
        "tab",
        "binary",
        "empty",
        "renamed",
        "looks like a patch",
    ],
)
def test_every_kind_of_change_has_its_file(
    changed: Change, contents: dict[str, bytes | None], expected: PatchedFile
) -> None:
    (file,), text = compare_patches(changed(contents), "", NAMES)

    assert expected == file
    assert file.path in text
    assert file.b is None


def test_a_change_on_another_revision_is_the_same_change(changed: Change) -> None:
    """Only git's digest of the whole file is another."""
    a = changed({"train.py": b"one\n2\nthree\n"})
    b = a.replace("index ", "index 1")

    assert compare_patches(a, b, NAMES) == ([], "")


def test_more_than_can_be_compared_is_shown_one_after_the_other(changed: Change) -> None:
    a = changed({"data.csv": b"a\n" * 15_000})
    b = changed({"data.csv": b"b\n" * 15_000})
    (file,), text = compare_patches(a, b, NAMES)

    assert file == PatchedFile("data.csv", (15_000, 0), (15_000, 0))
    assert text.count("\n+a") == text.count("\n+b") == 15_000
    assert "# data.csv: as changed in b4/2" in text


def test_a_patch_is_found_by_its_digest(tmp_path: Path) -> None:
    folder = tmp_path / ".patches"
    folder.mkdir()
    (folder / "aa.patch.gz").write_bytes(gzip.compress(b"diff \xff\n"))
    (folder / "bb.patch.gz").write_bytes(gzip.compress(b"diff\n" * 999)[:-20])
    (folder / "cc.patch.gz").write_bytes(b"not gzip")

    assert find_patch(tmp_path, "sha256:aa") == "diff �\n"
    for digest in ("bb", "cc", "dd"):
        assert find_patch(tmp_path, f"sha256:{digest}") is None
