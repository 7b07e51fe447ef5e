"""Help and complaints about usage, as plain text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from dfx.cli.app import app


def live_groups(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every group of commands, with the words that lead to it."""
    if hasattr(command, "commands"):
        yield words, command
        for name, below in command.commands.items():
            yield from live_groups(below, (*words, name))


GROUPS = dict(live_groups(typer.main.get_command(app)))


def ask(*arguments: str) -> list[str]:
    outcome = CliRunner().invoke(app, arguments, "dfx", env={"COLUMNS": "80"})
    assert outcome.exit_code == 0
    return outcome.stdout.splitlines()


def test_there_are_groups() -> None:
    assert {(), ("data",)} <= set(GROUPS)


@pytest.mark.parametrize("words", GROUPS, ids=lambda words: " ".join(words) or "dfx")
def test_lists_say_the_whole_sentence(words: tuple[str, ...]) -> None:
    """Where a line ends the sentence goes on in the next, within 80 columns."""
    lines = ask(*words, "--help")
    listed = " ".join(" ".join(lines).split())

    assert max(map(len, lines)) <= 80
    for name, command in GROUPS[words].commands.items():
        first = command.help.partition("\n\n")[0].replace("\n", " ").partition(". ")[0]
        assert f"{name} {first}" in listed


def test_options_show_defaults_and_what_is_required() -> None:
    listed = " ".join(" ".join(ask("predict", "--help")).split())

    assert "- reads a list of paths from stdin. [required]" in listed
    assert "within this distance of the threshold" in listed.lower()
    assert "--uncertain <float range>" in listed and "[default: 0.0; 0<=x<=1]" in listed
    assert "-f, --format <table|json|jsonl|csv|md> How the verdicts are printed." in listed


def test_misspelt_command_is_answered_with_the_nearest() -> None:
    outcome = CliRunner().invoke(app, ["comparr"], "dfx")

    assert outcome.exit_code == 2
    assert "No such command 'comparr'. Did you mean 'compare'?" in outcome.stderr
