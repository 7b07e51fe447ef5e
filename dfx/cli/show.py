"""`dfx show`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.records import Format


def show(
    run: Annotated[
        str,
        typer.Argument(metavar="[RUN]", help="Which run: b4-baseline/2, b4-baseline, 17, best."),
    ] = "latest",
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show a run: how it stands, its configuration, epochs, evaluations and files."""
    from dfx.display.run_page import print_run
    from dfx.services.compare import show_run

    print_run(show_run(run, home), format_)
