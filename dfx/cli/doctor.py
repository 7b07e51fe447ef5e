"""`dfx doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.formats import Format


def doctor(
    online: Annotated[
        bool,
        typer.Option("--online", help="Also try whether published weights can be downloaded."),
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Examine this machine and the home: what works, what does not, and what to do.

    Nothing is changed. Ends with exit code 4 where there is a problem, and 0 otherwise.
    """
    from dfx.display.findings import (
        FINDING_COLUMNS,
        finding_rows,
        findings_document,
        findings_list,
    )
    from dfx.display.formats import emit
    from dfx.records.findings import Level
    from dfx.services.doctor import EXIT_CODE, examine

    findings = examine(home, online=online)
    emit(
        format_,
        table=findings_list(findings),
        rows=finding_rows(findings),
        document=findings_document(findings),
        columns=FINDING_COLUMNS,
    )
    if any(finding.level is Level.PROBLEM for finding in findings):
        raise typer.Exit(EXIT_CODE)
