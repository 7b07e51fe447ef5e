"""`dfx rename`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import HomeOption


def rename(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="An experiment, or a run as b4-baseline/2.")
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The name of an experiment.")],
    home: HomeOption = None,
) -> None:
    """Rename an experiment, or move one run into another experiment.

    A moved run gets the next number there. Files stay in the folder they are in.
    """
    from dfx.display.console import print_notice
    from dfx.display.curation import describe_renaming
    from dfx.messages import Notice
    from dfx.services.curate import rename as give_name

    done = give_name(old, new, home)
    print_notice(
        Notice(
            describe_renaming(
                before=done.before,
                after=done.after,
                runs=done.runs,
                folders=done.folders,
                recipe=done.recipe,
            )
        )
    )
