"""`dfx diff`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.formats import Format


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help="One run, as b4-baseline/1 or best.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The other run, as b4-baseline/2.")],
    patch: Annotated[
        bool,
        typer.Option("--patch", "-p", help="Print how uncommitted changes differ, line by line."),
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Show what differs between two runs: settings, code, environment, data and results."""
    from dfx.display.console import print_notice
    from dfx.display.diff import diff_page
    from dfx.display.diff_document import DIFF_COLUMNS, diff_document, diff_rows
    from dfx.display.formats import emit
    from dfx.services.diff import compare_two

    difference = compare_two(a, b, home=home, notify=print_notice)
    emit(
        format_,
        table=diff_page(difference, patch=patch),
        rows=diff_rows(difference, patch=patch),
        document=diff_document(difference, patch=patch),
        columns=DIFF_COLUMNS,
    )
