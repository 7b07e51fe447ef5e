"""`dfx gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.errors import ConfigError, StoreError
from dfx.formats import Format


def gc(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown",
            help="Also runs and checkpoints that no row knows, which `dfx db check --adopt` could"
            " take up.",
        ),
    ] = False,
    backups: Annotated[
        bool, typer.Option("--backups", help="Also backups of the database in the home.")
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Remove what nothing needs: files that no row names, rows whose files are gone.

    The best and last checkpoints of every run stay, and whatever a run at work has written.
    """
    from dfx.cli.asking import is_agreed
    from dfx.display.cleanup import (
        LEFTOVER_COLUMNS,
        describe_kept,
        describe_swept,
        leftovers_document,
        leftovers_page,
        leftovers_rows,
    )
    from dfx.display.console import print_notice
    from dfx.display.formats import emit
    from dfx.messages import Notice
    from dfx.services.cleanup import find_leftovers, remove_leftovers

    if dry_run and yes:
        raise ConfigError("--dry-run and --yes contradict each other", hint="leave one of them out")
    found = find_leftovers(home, unknown=unknown, backups=backups)
    emit(
        format_,
        table=leftovers_page(found),
        rows=leftovers_rows(found),
        document=leftovers_document(found),
        columns=LEFTOVER_COLUMNS,
    )
    if dry_run or not found.removable:
        return
    if not is_agreed(f"Remove these for good, in {found.home}", yes=yes):
        print_notice(Notice("nothing was removed"))
        return
    swept = remove_leftovers(found, home, unknown=unknown, backups=backups)
    print_notice(Notice(describe_swept(swept)))
    if swept.kept:
        print_notice(Notice(describe_kept(swept.kept), "warning"))
    if swept.failed:
        raise StoreError(
            f"not removed:\n{describe_kept(swept.failed)}",
            hint="see that these can be written to, then try again",
        )
