"""Drawing lines with characters: dots of braille where the encoding has them, else whole cells.

A canvas knows dots, not what they mean. What is drawn on one is decided in `dfx.display.curves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from rich.text import Text

_BRAILLE = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character by row and column of the dot."""

_DOTTED = 3
"""Of a dotted line one dot in so many is drawn."""


class Canvas:
    """A rectangle of cells; positions are in dots from the upper left corner.

    What is drawn later lies on top: it decides a cell's colour, and a sign hides what is below.
    """

    def __init__(self, columns: int, rows: int, *, ascii_only: bool) -> None:
        """Makes an empty one.

        Args:
            columns: Cells in a row.
            rows: Rows of cells.
            ascii_only: Draw with `.` and `=` instead of braille, which needs Unicode.
        """
        self._columns = columns
        self._rows = rows
        self._ascii = ascii_only
        self._cells: dict[tuple[int, int], int] = {}
        self._signs: dict[tuple[int, int], str] = {}
        self._styles: dict[tuple[int, int], str] = {}

    @property
    def width(self) -> int:
        """Dots in a row."""
        return self._columns * (1 if self._ascii else 2)

    @property
    def height(self) -> int:
        """Rows of dots."""
        return self._rows * (1 if self._ascii else 4)

    def draw_path(self, points: Sequence[tuple[int, int]], style: str, *, dotted: bool) -> None:
        """Draws straight lines from point to point, all of them included."""
        for i, (x, y) in enumerate(_path(points)):
            cell = self._cell(x, y)
            if self._ascii:
                self._signs[cell] = "." if dotted else "="
                self._styles[cell] = style
            elif not dotted or i % _DOTTED == 0:
                self._cells[cell] = self._cells.get(cell, 0) | _DOTS[y % 4][x % 2]
                self._styles[cell] = style

    def put(self, position: tuple[int, int], sign: str, style: str) -> None:
        """Puts one character over the cell of a dot."""
        cell = self._cell(*position)
        self._signs[cell] = sign
        self._styles[cell] = style

    def row_of(self, y: int) -> int:
        """The row of cells that a row of dots is in."""
        return self._cell(0, y)[1]

    def column_of(self, x: int) -> int:
        """The column of cells that a column of dots is in."""
        return self._cell(x, 0)[0]

    def lines(self) -> list[Text]:
        """Its rows, all of the same width."""
        return [self._render(row) for row in range(self._rows)]

    def _render(self, row: int) -> Text:
        line = Text(no_wrap=True)
        for column in range(self._columns):
            cell = (column, row)
            bits = self._cells.get(cell, 0)
            sign = self._signs.get(cell) or (chr(_BRAILLE + bits) if bits else " ")
            line.append(sign, self._styles.get(cell, ""))
        return line

    def _cell(self, x: int, y: int) -> tuple[int, int]:
        return (x, y) if self._ascii else (x // 2, y // 4)


def _path(points: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The dots of a path, for each line one for each step along its longer side."""
    yield from points[:1]
    for (x, y), (x_end, y_end) in pairwise(points):
        steps = max(abs(x_end - x), abs(y_end - y))
        for step in range(1, steps + 1):
            share = step / steps
            yield round(x + (x_end - x) * share), round(y + (y_end - y) * share)
