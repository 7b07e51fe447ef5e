"""`dfx show`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.formats import Format
from dfx.messages import Notice


def show(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Which run, as b4-baseline/2 or best."),
    ] = "latest",
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show a run: how it stands, its configuration, epochs, evaluations and files.

    JSON has all of it; CSV and Markdown have the epochs.
    """
    from dfx.display.console import print_notice
    from dfx.display.epochs import EPOCH_COLUMNS, epoch_rows
    from dfx.display.formats import emit
    from dfx.display.run_document import run_document
    from dfx.display.run_page import run_page
    from dfx.services.show import show_run

    shown = show_run(run, home)
    if shown.reason:
        print_notice(Notice(f"Showing {shown.detail.run.name}: {shown.reason}"))
    emit(
        format_,
        table=run_page(shown.detail, shown.folder, sizes=shown.sizes, home=home),
        rows=epoch_rows(shown.detail.epochs),
        document=run_document(shown.detail, shown.folder, sizes=shown.sizes),
        columns=EPOCH_COLUMNS,
    )
