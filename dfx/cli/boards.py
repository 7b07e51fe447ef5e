"""The boards of `dfx compare` that are not by validation; each is loaded where it is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dfx.formats import Format

if TYPE_CHECKING:
    from dfx.services.boards import Board
    from dfx.services.compare import Question


def show_board(board: Board, question: Question, *, home: Path | None, fmt: Format) -> None:
    """Writes a board to stdout.

    Args:
        board: Which one.
        question: Of that board.
        home: As given on the command line.
        fmt: How.
    """
    show = {"test": _show_held_out, "matrix": _show_matrix, "robustness": _show_robustness}
    show[board](question, home, fmt)


def _show_held_out(question: Question, home: Path | None, fmt: Format) -> None:
    from dfx.display.formats import emit
    from dfx.display.held_out import held_out_table
    from dfx.display.held_out_document import held_out_columns, held_out_document, held_out_rows
    from dfx.services.held_out import compare_held_out

    board = compare_held_out(home, question)
    emit(
        fmt,
        table=held_out_table(board, home=home),
        rows=held_out_rows(board),
        document=held_out_document(board),
        columns=held_out_columns(board),
    )


def _show_matrix(question: Question, home: Path | None, fmt: Format) -> None:
    from dfx.display.formats import emit
    from dfx.display.matrix import matrix_table
    from dfx.display.matrix_document import (
        matrix_columns,
        matrix_document,
        matrix_rows,
        matrix_wide_columns,
        matrix_wide_rows,
    )
    from dfx.services.matrix import build_matrix

    matrix = build_matrix(home, question)
    # Markdown is for reading, and a matrix is read as one; a program takes a line for each cell.
    is_wide = fmt is Format.MD
    emit(
        fmt,
        table=matrix_table(matrix, home=home),
        rows=matrix_wide_rows(matrix) if is_wide else matrix_rows(matrix),
        document=matrix_document(matrix),
        columns=matrix_wide_columns(matrix) if is_wide else matrix_columns(matrix),
    )


def _show_robustness(question: Question, home: Path | None, fmt: Format) -> None:
    from dfx.display.formats import emit
    from dfx.display.robustness_board import robustness_board_table
    from dfx.display.robustness_board_document import (
        robustness_board_columns,
        robustness_board_document,
        robustness_board_rows,
    )
    from dfx.services.robustness_board import compare_robustness

    board = compare_robustness(home, question)
    emit(
        fmt,
        table=robustness_board_table(board, home=home),
        rows=robustness_board_rows(board),
        document=robustness_board_document(board),
        columns=robustness_board_columns(board),
    )
