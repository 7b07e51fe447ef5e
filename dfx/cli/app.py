"""The `dfx` command: its subcommands, and the one boundary where errors become messages."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dfx import __version__
from dfx.cli import compare, data, demo, predict, resume, run, show
from dfx.errors import DfxError, Interrupted

app = typer.Typer(
    name="dfx",
    help="Train, compare and apply real-versus-deepfake image classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (run, resume, compare, show, predict, demo):
    app.command()(getattr(module, module.__name__.rpartition(".")[2]))
app.add_typer(data.app, name="data")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dfx {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Train, compare and apply real-versus-deepfake image classifiers."""


def main() -> None:
    """Runs the command line; ends the process with the exit code that README.md lists."""
    try:
        app()
    except DfxError as error:
        from dfx.display.console import print_error, print_plain

        if isinstance(error, Interrupted):
            print_plain(error.message)
        else:
            print_error(error)
        sys.exit(error.exit_code)
