"""Checkpoint files: whole or not there, and only what was written is read back."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dfx.errors import TrainingFailed, WeightsError
from dfx.training.checkpoint import (
    VERSION,
    dump_checkpoint,
    load_checkpoint,
    remove_drafts,
    write_durably,
)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class TestWriting:
    def test_makes_the_folder_and_gives_the_digest(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "x.pt"

        assert write_durably(path, b"content") == digest(b"content")
        assert path.read_bytes() == b"content"
        assert list(path.parent.iterdir()) == [path]

    @pytest.mark.parametrize("old", [None, b"the old one"])
    def test_a_full_disk_leaves_what_was_there(self, old: bytes | None, tmp_path: Path) -> None:
        """The limit on file size makes the real write call fail half-way."""
        path = tmp_path / "x.pt"
        if old:
            path.write_bytes(old)
        code = (
            "import resource, sys\nfrom pathlib import Path\n"
            "from dfx.errors import TrainingFailed\n"
            "from dfx.training.checkpoint import write_durably\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
            "try:\n    write_durably(Path(sys.argv[1]), bytes(1_234_567))\n"
            "except TrainingFailed as error:\n    print(error, '|', error.hint)\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )

        assert ended.stdout.startswith(f"cannot write {path} (1,234,567 bytes): File too large |")
        assert "dfx resume" in ended.stdout
        assert [p.read_bytes() for p in tmp_path.iterdir()] == ([old] if old else [])

    def test_a_kill_in_the_middle_leaves_what_was_there(self, tmp_path: Path) -> None:
        """The draft is whole before it takes the name: killed at the rename, the old one stands."""
        path = tmp_path / "x.pt"
        path.write_bytes(b"the old one")
        code = (
            "import os, sys\nfrom pathlib import Path\n"
            "from dfx.training.checkpoint import write_durably\n"
            "sys.addaudithook(lambda event, args: os._exit(9) if event == 'os.rename' else None)\n"
            "write_durably(Path(sys.argv[1]), b'the new one')\n"
        )
        ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)

        assert ended.returncode == 9
        assert path.read_bytes() == b"the old one"
        assert [p.read_bytes() for p in tmp_path.iterdir() if p != path] == [b"the new one"]
        remove_drafts(tmp_path)
        write_durably(path, b"the next one")
        assert path.read_bytes() == b"the next one"

    def test_is_on_the_disk_before_it_has_its_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Flushed, then renamed, then the folder flushed: power may fail between any two."""
        import os

        done: list[str] = []
        real_fsync, real_replace = os.fsync, Path.replace

        def fsync(descriptor: int) -> None:
            done.append("folder" if os.path.isdir(f"/dev/fd/{descriptor}") else "file")  # noqa: PTH112
            real_fsync(descriptor)

        def replace(self: Path, target: Path) -> Path:
            done.append("rename")
            return real_replace(self, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", replace)
        write_durably(tmp_path / "x.pt", b"content")

        assert done == ["file", "rename", "folder"]

    def test_where_a_file_is_in_the_way_of_the_folder(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        with pytest.raises(TrainingFailed, match=r"cannot write .*file/x\.pt \(3 bytes\)"):
            write_durably(tmp_path / "file" / "x.pt", b"abc")


class TestReading:
    def write(self, path: Path, **changes: object) -> str:
        data = dump_checkpoint({"tensor": torch.arange(3), "epoch": 2, **changes}, {"run": "b4/1"})
        return write_durably(path, data)

    def test_gives_back_what_was_written(self, tmp_path: Path) -> None:
        sha256 = self.write(tmp_path / "x.pt")
        found = load_checkpoint(tmp_path / "x.pt", sha256=sha256)

        assert found["tensor"].tolist() == [0, 1, 2]
        assert (found["epoch"], found["about"]) == (2, {"run": "b4/1"})

    @pytest.mark.parametrize("damage", ["bit", "cut", "empty", "other"])
    def test_a_changed_file_is_refused(self, damage: str, tmp_path: Path) -> None:
        path = tmp_path / "x.pt"
        sha256 = self.write(path)
        data = bytearray(path.read_bytes())
        match damage:
            case "bit":
                data[len(data) // 2] ^= 1
            case "cut":
                del data[-1]
            case "empty":
                data.clear()
            case "other":
                self.write(path, epoch=3)
                data = bytearray(path.read_bytes())
        path.write_bytes(data)

        with pytest.raises(WeightsError, match=r"x\.pt is not what was written: its digest is sha"):
            load_checkpoint(path, sha256=sha256)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"x\.pt: No such file"):
            load_checkpoint(tmp_path / "x.pt", sha256="sha256:0")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"version": VERSION + 1}, f"version {VERSION + 1}"),
            ({"format": "other"}, "is not a checkpoint of dfx"),
        ],
    )
    def test_a_newer_or_foreign_one_is_refused(
        self, changes: dict[str, object], words: str, tmp_path: Path
    ) -> None:
        sha256 = self.write(tmp_path / "x.pt", **changes)

        with pytest.raises(WeightsError, match=words):
            load_checkpoint(tmp_path / "x.pt", sha256=sha256)
