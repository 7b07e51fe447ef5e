"""`dfx resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption, SetOption
from dfx.formats import Format


def resume(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN", help="Which run, as b4-baseline/1; default: the latest unfinished one."
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Go on until this epoch; a completed run goes further.")
    ] = None,
    settings: SetOption = None,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Continue a run that was interrupted, has failed, was lost, or shall go further.

    With --set only what belongs to the machine may change, as data.workers=2.
    """
    from dfx.display.progress import TrainingDisplay
    from dfx.services.follow import follow
    from dfx.services.resume import resume_run
    from dfx.training.team import is_follower

    if is_follower():  # one of several processes, and not the one that speaks
        follow()
        return
    with TrainingDisplay(report=format_) as display:
        resume_run(run, epochs=epochs, settings=settings or [], home=home, notify=display.show)
