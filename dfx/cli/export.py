"""`dfx export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfx.cli.options import HomeOption
from dfx.formats import ExportFormat
from dfx.messages import Notice


def export(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="runs: the record of all runs.")],
    target: Annotated[Path, typer.Argument(metavar="TARGET", help="A new or empty folder.")],
    to: Annotated[
        ExportFormat,
        typer.Option("--to", help="A file per table; for TensorBoard, a folder per run."),
    ] = ExportFormat.CSV,
    home: HomeOption = None,
) -> None:
    """Write the record of runs for other programs.

    Tables are runs (with their configuration, a column a key), attempts, epochs, checkpoints,
    evaluations and uses of test splits. Times are UTC, numbers have full precision, superseded rows
    are left out.

    Example: dfx export runs record --to parquet
    """
    from dfx.display.console import print_notice
    from dfx.services.export import export as write

    report = write(what, target, to, home)
    counts = ", ".join(f"{name} {count:,}" for name, count in report.rows.items())
    print_notice(Notice(f"{report.folder}: {counts}"))
