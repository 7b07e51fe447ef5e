"""`dfx tag`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.errors import ConfigError
from dfx.formats import Format


def tag(
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Which run, as b4-baseline/2; default: all tags."),
    ] = None,
    tags: Annotated[
        list[str] | None, typer.Argument(metavar="TAG", help="Words to give it.")
    ] = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="TAG", help="Take a tag away. Repeatable."),
    ] = None,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Give a run tags, take some away, or list them.

    Prints the tags that the run has then; without RUN, every tag with the runs that have it.
    """
    from dfx.display.console import print_notice
    from dfx.display.curation import (
        RUN_TAGS_COLUMNS,
        TAGS_COLUMNS,
        run_tags_document,
        run_tags_rows,
        run_tags_table,
        tags_document,
        tags_rows,
        tags_table,
    )
    from dfx.display.formats import emit
    from dfx.services.curate import list_tags, tag_run

    if run is None:
        if remove:
            raise ConfigError(
                f"--remove {remove[0]} says no run", hint=f"dfx tag RUN --remove {remove[0]}"
            )
        found = list_tags(home)
        emit(
            format_,
            table=tags_table(found),
            rows=tags_rows(found),
            document=tags_document(found),
            columns=TAGS_COLUMNS,
        )
        return
    tagged = tag_run(run, add=tags or [], remove=remove or [], home=home, notify=print_notice)
    emit(
        format_,
        table=run_tags_table(tagged),
        rows=run_tags_rows(tagged),
        document=run_tags_document(tagged),
        columns=RUN_TAGS_COLUMNS,
    )
