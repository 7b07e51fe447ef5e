"""Processes of `dfx`, started from a nursery and watched from outside."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .marks import Marks, Window

linux_only = pytest.mark.skipif(
    sys.platform != "linux",
    reason="forks a process that has loaded torch, and watches it through /proc: Linux only",
)
HANGS_SECONDS = 240.0
"""After which a process is taken to hang. Nothing here waits for a time otherwise."""


@dataclass
class Child:
    """A process of `dfx`, in a process group of its own."""

    nursery: Nursery
    pid: int
    marks: Marks
    folder: Path

    def wait(self) -> int:
        """Its exit code; negative where a signal ended it."""
        code = self.nursery.ask(wait=self.pid, seconds=HANGS_SECONDS)["code"]
        if code is None:
            os.kill(self.pid, signal.SIGKILL)
            raise AssertionError(f"hangs in {self.marks.instant()}; it said:\n{self.stderr}")
        assert isinstance(code, int)
        return code

    def reach(self, window: Window, entries: int = 1) -> bool:
        """Waits until a window was entered so often; False where the process ends before."""
        descriptor = os.pidfd_open(self.pid)
        try:
            over = select.poll()
            over.register(descriptor, select.POLLIN)
            while self.marks.entries(window) < entries:
                if over.poll(0):
                    return False
                time.sleep(0.0002)
        finally:
            os.close(descriptor)
        return True

    def freeze_in(self, window: Window, entries: int = 1) -> bool:
        """Stops it within a window, the first time that succeeds; False where it ends before."""
        while self.reach(window, entries):
            self.freeze()
            if self.marks.window is window:
                return True
            entries = self.marks.entries(window) + 1
            self.thaw()
        return False

    def freeze(self) -> None:
        """Stops it where it is, until `thaw`."""
        os.kill(self.pid, signal.SIGSTOP)
        while self._stat_state() not in {"T", "Z", "X"}:
            time.sleep(0.0005)

    def thaw(self) -> None:
        """Lets it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def notify(self, number: int) -> None:
        """Sends it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Ends it without giving it a chance to notice."""
        os.kill(self.pid, signal.SIGKILL)

    def _stat_state(self) -> str:
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]

    @property
    def stdout(self) -> str:
        """What it has printed."""
        return (self.folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        """What it has said."""
        return (self.folder / "stderr").read_text()


class Nursery:
    """The process that forks all others; see `nursery.py`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._read() == {"ready": True}

    def start(
        self,
        folder: Path,
        *arguments: object,
        filling: dict[str, Any] | None = None,
        largest_file: int | None = None,
    ) -> Child:
        """Starts `dfx` with some arguments.

        Args:
            folder: Where it works; what it says is kept beside it.
            arguments: Of the command line.
            filling: Arguments of `fill_before`, for a disk that fills up.
            largest_file: Bytes, beyond which the system lets it write no file.
        """
        kept = folder.parent / f"{folder.name}.attempt"
        kept.mkdir(exist_ok=True)
        (kept / "marks").unlink(missing_ok=True)
        marks = Marks(kept / "marks")
        answer = self.ask(
            folder=str(folder),
            arguments=[*map(str, arguments)],
            stdout=str(kept / "stdout"),
            stderr=str(kept / "stderr"),
            marks=str(kept / "marks"),
            filling=filling,
            largest_file=largest_file,
        )
        return Child(self, answer["pid"], marks, kept)

    def run(self, folder: Path, *arguments: object) -> Child:
        """Starts `dfx` and expects it to end well."""
        child = self.start(folder, *arguments)
        code = child.wait()
        assert code == 0, child.stderr
        return child

    def ask(self, **request: Any) -> dict[str, Any]:
        """One question, one answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery has ended"
        return dict(json.loads(line))

    def close(self) -> None:
        """Ends it; children that still work are not waited for."""
        self._process.communicate()
        assert self._process.returncode == 0


def list_group(leader: int) -> list[int]:
    """The processes of a group that have not ended, whoever they belong to by now."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[2]) == leader and fields[0] not in {"Z", "X"}:
            found.append(int(folder.name))
    return found


def wait_for_end(leader: int) -> None:
    """Waits until no process of a group is left."""
    deadline = time.monotonic() + HANGS_SECONDS
    while left := list_group(leader):
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.05)
