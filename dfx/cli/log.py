"""`dfx log`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.formats import Format


def log(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Which run, as b4-baseline/2 or best."),
    ] = "latest",
    follow: Annotated[
        bool,
        typer.Option(
            "--follow",
            help="Go on until the run is complete, has failed, or is interrupted or lost; JSON is"
            " then one object a line.",
        ),
    ] = False,
    tail: Annotated[
        int | None,
        typer.Option("--tail", "-n", metavar="N", min=0, help="Only the N latest lines so far."),
    ] = None,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Print what happened to a run, line by line: its attempts and its epochs.

    Epochs that a later attempt went back behind are there too, and say so. Times are in UTC.
    """
    from dfx.display.console import print_notice
    from dfx.display.log import print_lines, print_log
    from dfx.services.log import follow_log, read_log

    if follow:
        print_lines(format_, follow_log(run, home=home, tail=tail, notify=print_notice))
    else:
        found, entries = read_log(run, home=home, tail=tail, notify=print_notice)
        print_log(format_, found.name, entries)
