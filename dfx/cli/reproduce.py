"""`dfx reproduce`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.errors import ConfigError
from dfx.formats import Format
from dfx.messages import Notice


def reproduce(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Which run, as b4-baseline/2 or best.")],
    execute: Annotated[
        bool, typer.Option("--execute", help="Repeat it now, as a new run of its experiment.")
    ] = False,
    anyway: Annotated[
        bool,
        typer.Option("--anyway", help="With --execute: also with other data or initial weights."),
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Print the command that repeats a run, and what has drifted since: code, packages, data.

    With --execute it is repeated here and now, and compared with the original at the end.
    """
    if anyway and not execute:
        raise ConfigError(
            "--anyway is about repeating a run, and none is repeated",
            hint="add --execute, or leave --anyway out",
        )
    if execute:
        from dfx.display.progress import TrainingDisplay
        from dfx.services.follow import follow
        from dfx.services.reproduce import reproduce_run
        from dfx.training.team import is_follower

        if is_follower():  # one of several processes, and not the one that speaks
            follow()
            return
        with TrainingDisplay(report=format_) as display:
            reproduce_run(run, home=home, anyway=anyway, notify=display.show)
        return
    from dfx.display.console import print_notice
    from dfx.display.formats import emit
    from dfx.display.reproduction import (
        DRIFT_COLUMNS,
        drift_rows,
        reproduction_document,
        reproduction_page,
    )
    from dfx.services.reproduce import plan_reproduction

    reproduction = plan_reproduction(run, home)
    if reproduction.reason:
        print_notice(Notice(f"Reproducing {reproduction.run}: {reproduction.reason}"))
    emit(
        format_,
        table=reproduction_page(reproduction),
        rows=drift_rows(reproduction),
        document=reproduction_document(reproduction),
        columns=DRIFT_COLUMNS,
    )
