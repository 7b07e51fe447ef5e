"""What is set outside does not reach the programs that tests start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = """
import os
import subprocess
import sys


def test_what_is_seen():
    code = "import os; print(os.environ.get('DFX_HOME'), os.environ.get('DFX_DATABASE_URL'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert {"DFX_HOME", "DFX_DATABASE_URL"}.isdisjoint(os.environ)
    assert done.stdout == "None None\\n"
    assert os.environ["DFX_TEST_DATABASE_URL"] == "postgresql://somewhere/else"
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_home_and_database_stay_outside(
    workers: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    """Neither the tests, in workers too, nor what they start sees them."""
    ours = pytestconfig.rootpath / "tests" / "conftest.py"
    (tmp_path / "conftest.py").write_text(ours.read_text())
    (tmp_path / "test_seen.py").write_text(TEST)
    outside = {"DFX_HOME": "/nowhere", "DFX_DATABASE_URL": "postgresql://somewhere/else"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", str(workers), "--rootdir", tmp_path, tmp_path],
        cwd=tmp_path,
        env={**os.environ, **outside},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout
