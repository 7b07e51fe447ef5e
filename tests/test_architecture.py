"""The walls of the house: which room may see which, and what a command may load."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import dfx

PACKAGE = Path(dfx.__file__).parent
HEAVY = ("torch", "torchvision", "timm", "pandas", "sklearn", "matplotlib", "alembic")
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_arrows_point_down(pytestconfig: pytest.Config) -> None:
    """Every import contract in pyproject.toml is kept."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def run_in_fresh_process(arguments: list[str], folder: Path) -> set[str]:
    """The modules that a command has loaded when it ends."""
    code = (
        "import json, sys\n"
        f"sys.argv = ['dfx', *{arguments!r}]\n"
        "from dfx.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["compare"],
        ["compare", "--format", "json"],
        ["show", "trained"],
        ["show", "trained", "--format", "json"],
        ["show", "nothing"],
        ["diff", "trained", "best"],
        ["diff", "trained", "best", "--format", "json"],
        ["log", "trained"],
        ["log", "trained", "--follow", "--format", "json"],
        ["data", "--help"],
        ["db", "status"],
        ["db", "upgrade"],
        ["db", "check"],
        ["db", "backup", "copy", "--home", "runs"],
        ["tag"],
        ["note", "trained"],
        ["rename", "nothing", "new"],
        ["rm", "trained/1"],
        ["gc", "--dry-run"],
        ["doctor"],
        ["reproduce", "--help"],
    ],
    ids=" ".join,
)
def test_commands_without_a_model_load_no_heavy_module(
    arguments: list[str], trained_folder: Path
) -> None:
    loaded = run_in_fresh_process(arguments, trained_folder)

    assert set() == loaded & set(HEAVY)
    assert "dfx" in loaded


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=" ".join)
def test_help_loads_next_to_nothing(arguments: list[str], tmp_path: Path) -> None:
    """What a command needs is imported where its work begins, and help is plain text."""
    loaded = run_in_fresh_process(arguments, tmp_path)
    needless = {"rich", "pydantic", "sqlalchemy", "numpy", "tqdm", "PIL", "dfx.records"}

    assert set() == loaded & {*needless, *HEAVY}
    assert "dfx.cli.compare" in loaded


def test_file_is_read_without_the_modules_of_a_server(trained_folder: Path) -> None:
    loaded = run_in_fresh_process(["compare"], trained_folder)

    assert "sqlalchemy.dialects.sqlite" in loaded
    assert "sqlalchemy.dialects.postgresql" not in loaded


@pytest.mark.parametrize("fmt", ["csv", "tensorboard"])
def test_export_needs_no_torch(fmt: str, trained_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    loaded = run_in_fresh_process(["export", "runs", str(target), "--to", fmt], trained_folder)

    assert {"torch", "matplotlib", "tensorflow"}.isdisjoint(loaded)
    assert any(target.iterdir())


def test_there_are_modules() -> None:
    """The tests that run over all modules run over some."""
    assert len(MODULES) > 40


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400
