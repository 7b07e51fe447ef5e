"""`dfx compare`."""

from __future__ import annotations

from dfx.cli.options import FormatOption, HomeOption
from dfx.formats import Format


def compare(format_: FormatOption = Format.TABLE, home: HomeOption = None) -> None:
    """Rank all runs by validation accuracy at their best epochs.

    Runs on different validation sets are listed apart: their scores cannot be compared.
    """
    from dfx.display.formats import emit
    from dfx.display.leaderboard import (
        LEADERBOARD_COLUMNS,
        leaderboard_document,
        leaderboard_rows,
        leaderboard_table,
    )
    from dfx.services.compare import compare_runs

    groups = compare_runs(home)
    emit(
        format_,
        table=leaderboard_table(groups, home=home),
        rows=leaderboard_rows(groups),
        document=leaderboard_document(groups),
        columns=LEADERBOARD_COLUMNS,
    )
