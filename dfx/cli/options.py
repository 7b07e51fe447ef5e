"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfx.formats import Format

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="Folder with the database and all files of the runs."
        " Default: DFX_HOME, else the nearest runs/ with a database, else ./runs.",
    ),
]

FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="How the data is printed on stdout.")
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Set a configuration key, as optim.lr=3e-4. Repeatable."
    ),
]
