"""`dfx note`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.errors import ConfigError
from dfx.formats import Format


def note(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Which run, as b4-baseline/2.")],
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="What to write; - reads it from stdin."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the note away.")] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Write a note on a run in place of the one it has, and print the one it has then."""
    from dfx.cli.asking import read_stdin
    from dfx.display.console import print_notice
    from dfx.display.curation import NOTE_COLUMNS, note_document, note_text
    from dfx.display.formats import emit
    from dfx.messages import Notice
    from dfx.services.curate import read_note, write_note

    if remove and text is not None:
        raise ConfigError("--remove takes no text", hint=f"dfx note {run} --remove")
    if remove or text is not None:
        wanted = read_stdin() if text == "-" else text
        noted = write_note(run, wanted, home, print_notice)
        print_notice(Notice(f"note of {noted.name} {'removed' if remove else 'written'}"))
    else:
        noted = read_note(run, home, print_notice)
        if noted.note is None:
            print_notice(
                Notice(f"{noted.name} has no note.  Write one:  dfx note {noted.name} TEXT")
            )
    document = note_document(noted)
    emit(
        format_,
        table=note_text(noted),
        rows=[document] if noted.note is not None else [],
        document=document,
        columns=NOTE_COLUMNS,
    )
