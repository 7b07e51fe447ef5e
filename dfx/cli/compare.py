"""`dfx compare`."""

from __future__ import annotations

from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.formats import Format


def compare(
    split: Annotated[
        str | None,
        typer.Option(
            metavar="val|test",
            help="Images whose scores are compared: validation ones, as training told them, or test"
            " ones, as `dfx evaluate` stored them. Default: val.",
        ),
    ] = None,
    matrix: Annotated[
        bool,
        typer.Option(
            "--matrix", help="Runs by data sets: how well each does on each, own and foreign."
        ),
    ] = False,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Runs by changes of the images: compression, blur, noise and more."
        ),
    ] = False,
    metric: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Rank by this value at each run's best epoch. Default: val_accuracy;"
            " test_accuracy, accuracy and auc on the other boards.",
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="CONDITION",
            help="Only runs that meet it, as 'val_accuracy > 0.9 and optim.lr < 1e-3'.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Show these values and settings, as val_auc,optim.lr."),
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="Show every setting, also where none differs.")
    ] = False,
    sort: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Order the lines by this, as optim.lr or seconds:desc."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many lines in each table.")
    ] = None,
    group: Annotated[
        bool,
        typer.Option(
            "--group",
            help="One line for runs that differ in the seed alone: mean and standard deviation.",
        ),
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Rank runs by validation accuracy at their best epochs.

    Runs on different validation sets are listed apart: their scores cannot be compared. McNemar's
    test says whether the two best of each differ by more than chance, DeLong's where the AUC ranks.
    With --split test, --matrix or --robustness evaluations that `dfx evaluate` stored are compared
    instead.
    """
    if split is not None or matrix or robustness:
        from dfx.cli.boards import show_board
        from dfx.services.boards import ask_board, choose_board

        board = choose_board(split=split, matrix=matrix, robustness=robustness)
        if board != "val":
            asked = ask_board(
                board,
                metric=metric,
                where=where,
                columns=columns,
                all_settings=all_,
                sort=sort,
                limit=limit,
                by_recipe=group,
            )
            show_board(board, asked, home=home, fmt=format_)
            return

    from dfx.display.formats import emit
    from dfx.display.leaderboard import leaderboard_table
    from dfx.display.leaderboard_document import (
        leaderboard_columns,
        leaderboard_document,
        leaderboard_rows,
    )
    from dfx.services.compare import ask, compare_runs

    question = ask(
        metric="val_accuracy" if metric is None else metric,
        where=where,
        columns=columns,
        all_settings=all_,
        sort=sort,
        limit=limit,
        by_recipe=group,
    )
    leaderboard = compare_runs(home, question)
    emit(
        format_,
        table=leaderboard_table(leaderboard, home=home),
        rows=leaderboard_rows(leaderboard),
        document=leaderboard_document(leaderboard),
        columns=leaderboard_columns(leaderboard),
    )
