"""The wheel holds all that dfx needs, and works away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from .conftest import TINY  # type: ignore[import-not-found]


@pytest.fixture(scope="module")
def installed(
    tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> tuple[Path, dict[str, str]]:
    """The `dfx` of a wheel in an environment of its own, and an environment without the checkout.

    The libraries are those of this environment: they are several gigabytes.
    """
    folder = tmp_path_factory.mktemp("wheel")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    run(sys.executable, *build, str(pytestconfig.rootpath))
    (wheel,) = folder.glob("dfx-*.whl")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    run(sys.executable, *install, str(wheel))
    (packages,) = (folder / "env" / "lib").glob("python*/site-packages")
    # This environment's own dfx is an editable one: its .pth is left behind by naming the folder
    # in a .pth, where .pth files are not read again.
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "DFX_HOME"}}
    return folder / "env" / "bin" / "dfx", clean


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_wheel_knows_its_files(installed: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    """It is the wheel's code that runs, with its migrations and experiments."""
    dfx, environment = installed
    code = (
        "import dfx, pathlib; from dfx.services.configure import find_file;"
        "from dfx.tracking.schema import find_migrations;"
        "print(dfx.__file__, find_file('b4-baseline'), find_migrations(), sep='\\n')"
    )
    lines = run(dfx.with_name("python"), "-c", code, cwd=tmp_path, env=environment).splitlines()

    assert [Path(line).is_relative_to(dfx.parents[1]) for line in lines] == [True] * 3, lines
    assert all(Path(line).exists() for line in lines)


def test_wheel_does_the_main_job(
    installed: tuple[Path, dict[str, str]], faces: Path, tmp_path: Path
) -> None:
    """Help, a fresh database, a short training."""
    dfx, environment = installed
    short = [*TINY, "--data", str(faces), "--epochs", "1"]

    assert "predict" in run(dfx, "--help", cwd=tmp_path, env=environment)
    run(dfx, "run", "--name", "short", *short, cwd=tmp_path, env=environment)
    assert "short/1" in run(dfx, "compare", cwd=tmp_path, env=environment)
    assert (tmp_path / "runs" / "dfx.db").is_file()
