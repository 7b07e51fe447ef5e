"""`train.compile` where nothing compiles."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .conftest import Command
from .test_run import TINY


def test_a_run_says_so_and_goes_on(dfx: Command, faces: Path, folder: Path) -> None:
    """One line of the reason, none of the compiler's own talk, and the record says what ran."""
    command = ("-m", "dfx", "run", "--name", "one", "--data", str(faces), *TINY, "--epochs", "1")
    done = subprocess.run(
        [sys.executable, *command, "--set", "train.compile=true"],
        cwd=folder,
        env={**os.environ, "CXX": "/nonexistent", "TORCHINDUCTOR_CACHE_DIR": str(folder / "none")},
        capture_output=True,
        text=True,
        check=False,
    )
    shown = dfx("show", "one", "--format", "json").json()
    said = " ".join(done.stderr.split())

    assert done.returncode == 0, done.stderr
    assert "training goes on uncompiled, since nothing compiles here: InvalidCxxCompiler" in said
    assert "TORCHDYNAMO_VERBOSE" not in said and "torch/" not in said
    assert shown["config"]["train"]["compile"] is False
    assert shown["attempts"][0]["settings"]["train.compile"] is False
