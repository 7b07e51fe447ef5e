"""What has drifted of the code, and that the advice does what it says and no harm."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from dfx.config import ExperimentConfig
from dfx.records.findings import Drift
from dfx.services.drift import find_drift
from dfx.services.home import open_store
from dfx.services.provenance import describe_environment
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")

CONFIG = ExperimentConfig().replace({"train.device": "cpu", "data.root": "faces"})
Look = Callable[[], dict[str, Drift]]


@pytest.fixture
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a file, data and a home, neither of which git has been told to ignore."""
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "a")
        monkeypatch.setenv(f"{name}_EMAIL", "a@example.org")
    folder = Path(os.path.realpath(tmp_path / "the project"))
    for name in ("sub", "faces", "runs"):
        (folder / name).mkdir(parents=True)
    for name in ("a.py", "sub/b.py"):
        (folder / name).write_text("x = 1\n")
    for name in ("faces/1.png", "runs/kept.pt"):
        (folder / name).write_bytes(b"\0")
    monkeypatch.chdir(folder)
    git("init", "-q")
    git("add", "a.py", "sub")
    git("commit", "-qm", "x")
    return folder


@pytest.fixture
def record(top: Path) -> Callable[[], Look]:
    """Records a run of what is there, and gives what has drifted of its code at any time later."""

    def begin() -> Look:
        home = top / "runs"
        environment = describe_environment(torch.device("cpu"), home, data=Path("faces"))
        with RunStore.open(home, create=True) as store:
            run, _ = store.create_run(
                experiment="one",
                config=CONFIG,
                home=home,
                uuid=str(uuid.uuid4()),
                process=this_process(),
                settings=CONFIG.flat(),
                environment=environment,
            )
            detail = store.get_detail(run.id)
        config = CONFIG.replace({"data.root": str(top / "faces")})
        return lambda: {each.name: each for each in find_drift(detail, config, home)}

    return begin


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def follow(advice: str | None) -> None:
    """Types what is advised, in the folder that one is in."""
    assert advice is not None
    command = advice.removeprefix("there were none: ")
    subprocess.run(["bash", "-ec", command], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("place", "changed"),
    [(".", ["a.py"]), ("sub", ["new.py"]), ("sub", ["a.py", "sub/b.py", "new.py"])],
)
def test_setting_changes_aside_leaves_home_and_data(
    top: Path,
    record: Callable[[], Look],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    changed: list[str],
) -> None:
    """Changed files, new ones or both, from wherever it is typed."""
    drifted = record()
    for name in changed:
        (top / name).write_text("x = 2\n")
    monkeypatch.chdir(top / place)
    assert set(drifted()) == {"changes"}
    follow(drifted()["changes"].advice)

    assert drifted() == {}
    assert (top / "faces" / "1.png").exists()
    assert {"dfx.db", "kept.pt"} <= {path.name for path in (top / "runs").iterdir()}
    git("stash", "pop")
    assert all((top / name).read_text() == "x = 2\n" for name in changed)


@pytest.mark.parametrize(("place", "is_committed"), [(".", True), ("sub", False)])
def test_changes_of_then_come_back(
    top: Path,
    record: Callable[[], Look],
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    *,
    is_committed: bool,
) -> None:
    """Over others that are there now, at another revision, and from a folder within."""
    for name in ("a.py", "new.py"):
        (top / name).write_text("x = 2\n")
    drifted = record()
    (top / "sub" / "b.py").write_text("x = 3\n")
    if is_committed:
        git("commit", "-qam", "y")
    (top / "a.py").write_text("x = 4\n")
    monkeypatch.chdir(top / place)
    before = drifted()
    for drift in before.values():
        follow(drift.advice)

    assert set(before) == ({"revision", "changes"} if is_committed else {"changes"})
    assert drifted() == {}
    assert [(top / name).read_text() for name in ("a.py", "sub/b.py", "new.py")] == [
        "x = 2\n",
        "x = 1\n",
        "x = 2\n",
    ]


def test_files_beside_the_patch_are_named_with_their_digests(
    top: Path, record: Callable[[], Look]
) -> None:
    """Up to a few, each with what to do about it."""
    for name in ("gone.bin", "other.bin", ".env"):
        (top / name).write_bytes(b"\0then")
    drifted = record()
    (top / "gone.bin").unlink()
    for name in ("other.bin", "new.bin"):
        (top / name).write_bytes(b"\0now")
    (top / ".env").write_text("A=1")
    found = drifted()

    assert list(found) == ["file .env", "file gone.bin", "file new.bin", "other files"]
    env, gone, new, rest = found.values()
    assert (env.then, env.now) == ("5 bytes, not read", "3 bytes, not read")
    assert (str(gone.then)[:7], gone.now) == ("sha256:", None)
    assert "put it back" in str(gone.advice)
    assert (new.then, str(new.now)[:7]) == (None, "sha256:")
    assert "move it away" in str(new.advice)
    assert str(rest.advice).startswith("1 more")


def test_new_home_is_invisible_to_git(top: Path) -> None:
    """One that holds something already is left as it is."""
    for name in ("fresh", "runs"):
        with open_store(top / name, create=True):
            pass
    status = subprocess.run(
        ["git", "status", "--porcelain"], capture_output=True, text=True, check=True
    )

    assert (top / "fresh" / "dfx.db").exists()
    assert status.stdout.split() == ["??", "faces/", "??", "runs/"]
    assert not (top / "runs" / ".gitignore").exists()
