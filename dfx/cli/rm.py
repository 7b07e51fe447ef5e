"""`dfx rm`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import HomeOption


def rm(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN", help="Each one certain run, as b4-baseline/2 or its id."),
    ],
    keep_files: Annotated[
        bool, typer.Option("--keep-files", help="Remove only the record, and leave the files.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    home: HomeOption = None,
) -> None:
    """Remove runs with their files; their numbers never come back.

    Shows what would go and asks. Files that dfx did not write stay where they are.
    """
    from dfx.cli.asking import is_agreed
    from dfx.display.console import print_notice, stderr_console
    from dfx.display.removal import describe_removed, removal_page
    from dfx.messages import Notice
    from dfx.services.removal import plan_removal, remove_run

    removals = plan_removal(runs, keep_files=keep_files, home=home)
    stderr_console().print(removal_page(removals), crop=False)
    count = "this run" if len(removals) == 1 else f"these {len(removals)} runs"
    if not is_agreed(f"Remove {count} for good", yes=yes):
        print_notice(Notice("nothing was removed"))
        return
    for removal in removals:
        remove_run(removal, home)
        print_notice(Notice(describe_removed(removal)))
