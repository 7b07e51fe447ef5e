"""The `dfx` command: its subcommands, and the one boundary where errors become messages."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from gc import set_threshold
from types import FrameType
from typing import Annotated, Any

import typer

from dfx import __version__
from dfx.cli import (
    compare,
    data,
    db,
    demo,
    diff,
    doctor,
    evaluate,
    export,
    gc,
    log,
    note,
    predict,
    rename,
    reproduce,
    resume,
    rm,
    run,
    show,
    tag,
)
from dfx.cli.listing import CommandList
from dfx.errors import OUT_OF_SPACE, DfxError, Interrupted, NoSpaceLeft
from dfx.messages import Notice

app = typer.Typer(
    name="dfx",
    cls=CommandList,
    help="Train, compare and apply real-versus-deepfake image classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # to load what rich's help needs takes longer than all the rest of it
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run.run)
app.command()(resume.resume)
app.command()(compare.compare)
app.command()(show.show)
app.command()(diff.diff)
app.command()(log.log)
app.command()(evaluate.evaluate)
app.command()(predict.predict)
app.command()(demo.demo)
app.command()(doctor.doctor)
app.command()(tag.tag)
app.command()(note.note)
app.command()(rename.rename)
app.command()(rm.rm)
app.command()(gc.gc)
app.command()(export.export)
app.command()(reproduce.reproduce)
app.add_typer(data.app, name="data")
app.add_typer(db.app, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"dfx {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """Train, compare and apply real-versus-deepfake image classifiers."""


def list_commands() -> list[str]:
    """Every command that does something, as it is typed after `dfx`, in the order of the help."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[str]:
        if not hasattr(command, "commands"):
            yield " ".join(words)
            return
        for name, one in command.commands.items():
            yield from below(one, (*words, name))

    return list(below(typer.main.get_command(app), ()))


def main() -> None:
    """Runs the command line; ends the process with the exit code that README.md lists."""
    set_up_threads(sys.argv)
    # For plugins it would look through every installed package, and dfx has none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "true")
    # Imports make objects by the hundred thousand, and none of them is garbage: looking for it as
    # often as Python does by default is a tenth of what a short command takes.
    set_threshold(20_000)
    # Not an Exception, which libraries catch; in training, `StopFlag` takes the signals over.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    try:
        app()
    except DfxError as error:
        _explain(error)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in OUT_OF_SPACE:
            raise
        what = error.filename or "what is printed"
        full = NoSpaceLeft(f"no space left to write {what}", hint="free some space, and try again")
        _explain(full)
        sys.exit(full.exit_code)
    finally:
        # Python's own clean-up takes a while after torch; a Ctrl-C in it deserves no traceback,
        # and torchrun's request to end, which follows the end of the first process, no other code.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def set_up_threads(arguments: Sequence[str]) -> None:
    """Says how torch's threads wait for each other, which is read once, when torch is imported.

    They spin for long. Where anything else wants the processor, loader workers to begin with, that
    makes all of it several times slower.

    Args:
        arguments: The command line, as in `sys.argv`.
    """
    if arguments[1:2] == ["predict"]:
        # Spinning for some ten microseconds is worth a tenth here, and disturbs nobody.
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    else:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def _explain(error: DfxError) -> None:
    """Says what went wrong; where even that has no room, the exit code alone says it."""
    from dfx.display.console import print_error, print_notice

    try:
        if isinstance(error, Interrupted):
            print_notice(Notice(error.message))
        else:
            if error.hint is not None and "dfx " in error.hint and (home := _named_home()):
                # What is copied from the hint must not act on another home.
                error.hint += f" (with --home {shlex.quote(home)})"
            print_error(error)
        sys.stdout.flush()
    except OSError as problem:
        if problem.errno not in OUT_OF_SPACE:
            raise
        # What could not be printed would be tried again at the very end, and change the code.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _named_home() -> str | None:
    """What `--home` says on the command line."""
    arguments = iter(sys.argv[1:])
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name == "--home":
            return value if equals else next(arguments, None)
    return None


def _end(number: int, _frame: FrameType | None) -> None:
    """Ends with the status that shells give a process that a signal has ended."""
    if sys.argv[1:2] in (["run"], ["resume"]):  # whose loading takes long enough to be stopped
        sys.stderr.write(
            f"stopped by {signal.Signals(number).name}, before anything was recorded\n"
        )
    if sys.argv[1:2] == ["predict"]:
        sys.stderr.write(
            f"stopped by {signal.Signals(number).name}; other images were not judged\n"
        )
    if sys.argv[1:2] == ["evaluate"]:
        sys.stderr.write(
            f"stopped by {signal.Signals(number).name}; where no report is named above,"
            " no evaluation was recorded\n"
        )
    sys.exit(128 + number)
