"""`dfx db`: the database with the record of all runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfx.cli.listing import CommandList
from dfx.cli.options import FormatOption, HomeOption
from dfx.errors import StoreError
from dfx.formats import Format
from dfx.messages import counted

app = typer.Typer(
    cls=CommandList,
    help="Look after the database: its condition, upgrades, copies.",
    no_args_is_help=True,
)


@app.callback()
def _group() -> None:
    """Look after the database: its condition, upgrades, copies."""


@app.command()
def status(format_: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Show where the database is, its revision and size, and how much it holds.

    Looking changes nothing: an older database is not upgraded by it. Ends with exit code 4 where
    the database cannot be used.
    """
    from dfx.display.database import condition_document, condition_page, condition_row
    from dfx.display.formats import emit
    from dfx.services.database import describe_store, require_usable

    found = describe_store(home)
    emit(
        format_,
        table=condition_page(found),
        rows=[condition_row(found)],
        document=condition_document(found),
    )
    require_usable(found)


@app.command()
def upgrade(format_: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Bring the database to the revision of this dfx, a SQLite file after copying it.

    Refused while a run is working. An upgrade that fails changes nothing.
    """
    from dfx.display.database import upgrade_document, upgrade_page
    from dfx.display.formats import emit
    from dfx.services.database import upgrade_store

    report = upgrade_store(home)
    document = upgrade_document(report)
    emit(format_, table=upgrade_page(report), rows=[document], document=document)


@app.command()
def backup(
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="Copy the whole home to this new folder. Default: the database alone, beside it.",
        ),
    ] = None,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Copy the database, or the whole home, also while runs are working.

    The copy of a home is one by itself, with every file compared with its digest; runs that are
    being worked on are interrupted in it.
    """
    from dfx.display.database import backup_document, backup_page
    from dfx.display.formats import emit
    from dfx.display.progress import TrainingDisplay
    from dfx.services.copying import back_up_database, back_up_home

    with TrainingDisplay() as display:
        report = back_up_home(home, target, display.show) if target else back_up_database(home)
    document = backup_document(report)
    emit(format_, table=backup_page(report), rows=[document], document=document)
    if report.left_out:
        raise StoreError(
            f"the copy lacks {counted(len(report.left_out), 'file')} that rows name:\n"
            + "\n".join(f"  {line}" for line in report.left_out),
            hint="`dfx db check` says what to do about each",
        )


@app.command()
def check(
    adopt: Annotated[
        bool,
        typer.Option("--adopt", help="First make rows from checkpoints that no row knows."),
    ] = False,
    no_files: Annotated[
        bool, typer.Option("--no-files", help="Check the database alone; read no file of a run.")
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Look for what is wrong with the database, or with the files that it names.

    Every checkpoint is read and compared with its digest. Ends with exit code 4 where anything is
    wrong. After a lost database, --adopt makes its rows anew from the checkpoints' own words.
    """
    from dfx.display.database import FINDING_COLUMNS, check_document, check_page, check_rows
    from dfx.display.formats import emit
    from dfx.display.progress import TrainingDisplay
    from dfx.services.checking import Adoption, check_store

    with TrainingDisplay() as display:
        adoption = Adoption()
        if adopt:
            from dfx.services.adopt import adopt_runs

            adoption = adopt_runs(home, display.show)
        report = check_store(home, files=not no_files, adoption=adoption, notify=display.show)
    emit(
        format_,
        table=check_page(report),
        rows=check_rows(report),
        document=check_document(report),
        columns=FINDING_COLUMNS,
    )
    if report.faults:
        raise StoreError(
            f"{counted(report.faults, 'fault')} in {report.database}",
            hint="each has its way out in the list",
        )
