"""The README says what the program does now."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dfx.cli.app import app
from dfx.config import ExperimentConfig, nest, parse_config
from dfx.services.configure import find_file, read_file


def live_commands(command: Any, words: tuple[str, ...] = ("dfx",)) -> Iterator[tuple[str, Any]]:
    """Every command that does something, with its full name."""
    if not hasattr(command, "commands"):
        yield " ".join(words), command
        return
    for name, below in command.commands.items():
        yield from live_commands(below, (*words, name))


COMMANDS = dict(live_commands(typer.main.get_command(app)))


def test_generated_parts_are_current(pytestconfig: pytest.Config) -> None:
    """Keys, exit codes and help are what the program gives now; `cog -r README.md` renews them."""
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "--diff", "README.md"],
        cwd=pytestconfig.rootpath,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout


def test_there_are_commands() -> None:
    assert {"dfx run", "dfx resume", "dfx compare", "dfx show", "dfx predict"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_is_in_the_readme(
    name: str, pytestconfig: pytest.Config
) -> None:
    readme = (pytestconfig.rootpath / "README.md").read_text()

    assert COMMANDS[name].help
    assert f"### {name}\n" in readme


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    undocumented = [p.name for p in COMMANDS[name].params if not getattr(p, "help", None)]

    assert undocumented == []


def test_the_baseline_is_the_defaults() -> None:
    """`experiments/b4-baseline.toml` spells out every default that TOML can say."""
    path = find_file("b4-baseline")
    assert path is not None
    spelled = read_file(path)
    defaults = {key: value for key, value in ExperimentConfig().flat().items() if value is not None}

    assert defaults == spelled


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "experiments").glob("*.toml")), ids=lambda p: p.stem
)
def test_shipped_configurations_are_valid(path: Path) -> None:
    tree = tomllib.loads(path.read_text())

    assert parse_config(tree) == parse_config(nest(read_file(path)))
