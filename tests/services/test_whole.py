"""What is written for other programs is there as a whole, or nothing of it is."""

from __future__ import annotations

import errno
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from dfx.errors import ConfigError
from dfx.services.whole import whole_file, whole_folder


def list_names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def fail_inside(
    whole: Callable[[Path, Path], AbstractContextManager[Path]], target: Path, error: BaseException
) -> None:
    """Something is written, and then it goes wrong."""
    with whole(target, target) as draft:
        (draft / "half" if draft.is_dir() else draft).write_bytes(b"half of it")
        raise error


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    """Beside its place until then, so that it is renamed and not copied; with the folders above."""
    file = tmp_path / "a" / "b" / "detector.onnx"
    with whole_file(file, file) as draft:
        draft.write_bytes(b"all of it")
        assert draft.parent == file.parent and not file.exists()

    assert list_names(tmp_path) == ["a", "a/b", "a/b/detector.onnx"]
    assert file.read_bytes() == b"all of it"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ConfigError("no"), ValueError("bug")])
def test_nothing_is_left_of_a_file_that_failed(tmp_path: Path, error: BaseException) -> None:
    """The folders that were made for it neither; those that were there stay."""
    (tmp_path / "mine").mkdir()
    file = tmp_path / "mine" / "made" / "detector.onnx"
    with pytest.raises(type(error)):
        fail_inside(whole_file, file, error)

    assert list_names(tmp_path) == ["mine"]


def test_nothing_is_left_of_a_folder_that_failed(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "detector"
    with pytest.raises(ConfigError):
        fail_inside(whole_folder, folder, ConfigError("no"))

    assert list_names(tmp_path) == []


def test_nothing_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "detector.onnx"
    file.write_bytes(b"mine")
    for target, message, hint in (
        (file, "is there already; expected a new file", "name another file, or remove this"),
        (tmp_path, "is a folder; expected a new file", f"as {tmp_path / 'detector.onnx'}"),
    ):
        with pytest.raises(ConfigError) as caught, whole_file(target, target):
            raise AssertionError("it is refused before anything is written")
        assert message in caught.value.message
        assert caught.value.hint is not None and hint in caught.value.hint

    assert list_names(tmp_path) == ["detector.onnx"]
    assert file.read_bytes() == b"mine"


def test_a_link_to_nowhere_is_not_replaced(tmp_path: Path) -> None:
    link = tmp_path / "detector.onnx"
    link.symlink_to("nowhere")
    with pytest.raises(ConfigError, match="is there already"), whole_file(link, link):
        raise AssertionError("it is refused before anything is written")

    assert link.is_symlink()


def test_what_cannot_be_written_is_named_as_it_was_typed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    target = Path("file/detector.onnx")
    with (
        pytest.raises(ConfigError, match=r"^file/detector\.onnx cannot be written: Not a dir"),
        whole_file(tmp_path / target, target),
    ):
        raise AssertionError("its folder is a file")


def test_a_full_disk_stays_what_it_is(tmp_path: Path) -> None:
    """It has an exit code of its own, which others give it."""
    file = tmp_path / "detector.onnx"
    with pytest.raises(OSError, match="No space"):
        fail_inside(whole_file, file, OSError(errno.ENOSPC, "No space left on device"))

    assert list_names(tmp_path) == []
