"""The command line, called in this process; and one working folder per test."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from dfx.cli.app import main


@dataclass(frozen=True)
class Outcome:
    """What a command left: its exit code, and what it printed."""

    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        """Stdout as JSON."""
        return json.loads(self.stdout)


Command = Callable[..., Outcome]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and nothing in the environment that points elsewhere."""
    monkeypatch.chdir(tmp_path)
    for name in ("DFX_HOME", "DFX_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def dfx(
    folder: Path,  # it is where the commands run
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Command]:
    """Runs `dfx` with some arguments in the working folder."""
    threads = torch.get_num_threads()

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["dfx", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        printed = capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, printed.out, printed.err)

    yield call
    torch.set_num_threads(threads)  # a run restores those it was recorded with
    torch.set_flush_denormal(False)  # `predict` sets it, and hypothesis draws such numbers
