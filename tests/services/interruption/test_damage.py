"""Files that are not what was written are noticed, named and passed over."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from .children import Nursery, linux_only
from .comparing import Place, assert_equal
from .marks import Window

pytestmark = linux_only

Damage = Callable[[bytes], bytes]


def flip(content: bytes, position: int) -> bytes:
    """The content with one bit changed."""
    changed = bytearray(content)
    changed[position] ^= 1
    return bytes(changed)


DAMAGES: dict[str, Damage] = {
    "torn": lambda content: content[: 4096 * 40] + bytes(len(content) - 4096 * 40),
    "truncated": lambda content: content[: len(content) // 2],
    "flipped": lambda content: flip(content, len(content) // 2),
    "flipped at its end": lambda content: flip(content, -1),
}
"""What a disk, or a power cut on one that lies about its cache, makes of a file."""


@pytest.fixture(scope="module")
def killed(
    nursery: Nursery, options: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """A run that was killed in its third epoch, with two checkpoints. Only to be copied."""
    place = Place(tmp_path_factory.mktemp("killed") / "work")
    child = nursery.start(place.folder, "run", *options)
    assert child.reach(Window.STEP, 9)
    child.kill()
    assert child.wait() == -signal.SIGKILL, child.stderr
    return place


def copy(place: Place, folder: Path) -> Place:
    """The same in another folder."""
    copied = Place(folder / "work")
    shutil.copytree(place.home, copied.home)
    return copied


def damage(place: Place, kind: str, how: Damage) -> list[Path]:
    """Damages the newest file of a kind; all files of the kind, newest first."""
    files = [place.home / file.path for file in place.read().checkpoints if file.kind == kind]
    files[0].write_bytes(how(files[0].read_bytes()))
    return files


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_newest_checkpoint_is_passed_over(
    name: str, nursery: Nursery, killed: Place, whole: Place, tmp_path: Path
) -> None:
    """For the one before it, with one warning that names both; the end is the same."""
    place = copy(killed, tmp_path)
    newest, older = damage(place, "last", DAMAGES[name])
    child = nursery.run(place.folder, "resume", "one/1", "--set", "data.workers=1")
    (warning,) = [line for line in child.stderr.splitlines() if line.startswith("warning: ")]

    assert warning.startswith(f"warning: checkpoint passed over: {newest} is not what was written")
    assert warning.endswith(f"; using the one before it instead: {older}")
    assert_equal(whole, place)


def test_missing_newest_checkpoint_is_passed_over(
    nursery: Nursery, killed: Place, whole: Place, tmp_path: Path
) -> None:
    place = copy(killed, tmp_path)
    newest, older = damage(place, "last", lambda content: content)
    newest.unlink()
    child = nursery.run(place.folder, "resume", "one/1")

    assert f"{newest}: No such file or directory; using the one before it" in child.stderr
    assert f"instead: {older}" in child.stderr
    assert_equal(whole, place)


def test_where_all_are_damaged_nothing_is_thrown_away(
    nursery: Nursery, killed: Place, tmp_path: Path
) -> None:
    """Each is named, and the way out; the record stays as it was."""
    place = copy(killed, tmp_path)
    files = damage(place, "last", DAMAGES["flipped"])
    files[1].write_bytes(b"")
    before = place.read()
    child = nursery.start(place.folder, "resume", "one/1")
    code = child.wait()

    assert code == 4
    assert all(f"checkpoint passed over: {file}" in child.stderr for file in files)
    assert "hint: put its files back" in child.stderr
    assert place.read().epochs == before.epochs
    assert place.read().attempts == before.attempts


def test_damaged_best_weights_are_not_used_in_silence(
    nursery: Nursery, killed: Place, faces: Path, tmp_path: Path
) -> None:
    """`predict` refuses them; `resume` warns of them, and goes on, since it does not need them."""
    place = copy(killed, tmp_path)
    best = damage(place, "best", DAMAGES["flipped"])[0]
    refused = nursery.start(place.folder, "predict", "--run", "one/1", faces / "test")
    code, said = refused.wait(), refused.stderr
    resumed = nursery.run(place.folder, "resume", "one/1")

    assert code == 4
    assert f"best weights of one/1 are not there as they were written: {best}" in said
    assert "hint: put the file back from a copy, or name another run" in said
    epoch = int(best.name.removeprefix("best-e").partition("-")[0])
    words = f"warning: the best weights so far, of epoch {epoch}, are damaged: {best}"
    assert words in resumed.stderr
