"""A table without lines that gives up columns, in a stated order, where the terminal is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from dfx.display.console import printable

_GAP = 2

Cell = str | Text


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        heading: As shown; also its name in `FoldingTable.fitting`.
        right: Whether it stands on the right, as numbers do.
        drop: Its turn to go where there is no room, from 1; None never goes.
        fold: Whether its cells may be broken over lines when nothing is left to drop.
        wrap: Width down to which its words are put on lines of their own before any column goes.
    """

    heading: str
    right: bool = False
    drop: int | None = None
    fold: bool = False
    wrap: int | None = None


class FoldingTable:
    """Rows under headings; renders with as many columns as fit.

    First the columns that may be wrapped become narrower, then columns go in the order of
    `Column.drop`. Nothing is ever cut off with an ellipsis: where even the columns that stay do not
    fit, those that may fold are broken over lines.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> None:
        self.columns = list(columns)
        self.rows = [[_as_text(cell) for cell in row] for row in rows]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        shown = self.fitting(options.max_width)
        room = options.max_width - self._width(shown)
        yield self.table(shown, fold=room < 0, widths=self._share(shown, room))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Its own width: without it, what it stands in would be filled up to the edge."""
        width = min(self.width, options.max_width)
        return Measurement(width, width)

    @property
    def width(self) -> int:
        """Terminal columns that all of it takes."""
        return sum(self._natural(i) + _GAP for i in range(len(self.columns))) - _GAP

    def fitting(self, width: int) -> list[int]:
        """Indices of the columns that are shown on a terminal of this width."""
        shown = list(range(len(self.columns)))
        order = sorted((column.drop, i) for i, column in enumerate(self.columns) if column.drop)
        for _, index in order:
            if self._width(shown) <= width:
                break
            shown.remove(index)
        return shown

    def table(
        self,
        shown: Sequence[int],
        *,
        fold: bool = True,
        widths: Mapping[int, int] | None = None,
    ) -> Table:
        """The table with only those columns.

        Args:
            shown: Indices of the columns.
            fold: Whether those that may fold do.
            widths: Of columns that may be wrapped, by index; as rich finds it where not given.
        """
        widths = widths or {}
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="bold")
        for index in shown:
            column = self.columns[index]
            table.add_column(
                Text(column.heading),
                justify="right" if column.right else "left",
                no_wrap=column.wrap is None and not (fold and column.fold),
                overflow="fold",
                width=widths.get(index),
            )
        for row in self.rows:
            table.add_row(*(row[index] for index in shown))
        return table

    def _width(self, shown: Iterable[int]) -> int:
        """Terminal columns that these take at least, short of folding."""
        widths = [self._least(index) for index in shown]
        return sum(widths) + _GAP * (len(widths) - 1)

    def _share(self, shown: Sequence[int], room: int) -> dict[int, int]:
        """Widths of columns that may be wrapped, the last ones wide; rich would break words."""
        widths = {}
        for index in reversed(shown):
            if self.columns[index].wrap is not None:
                least = self._least(index)
                widths[index] = least + max(0, min(room, self._natural(index) - least))
                room -= widths[index] - least
        return widths

    def _least(self, index: int) -> int:
        wrap = self.columns[index].wrap
        natural = self._natural(index)
        if wrap is None or natural <= wrap:
            return natural
        words = (word for row in self.rows for word in row[index].plain.split())
        return max(wrap, *(cell_len(word) for word in words))

    def _natural(self, index: int) -> int:
        texts = (self.columns[index].heading, *(row[index].plain for row in self.rows))
        return max(1, *map(cell_len, texts))  # an empty column takes one too


def facts(pairs: Iterable[tuple[str, Cell]]) -> Table:
    """Names and values, one pair a line; long values continue under themselves."""
    grid = Table.grid(padding=(0, _GAP, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(Text(name), _as_text(value))
    return grid


def unbroken(*parts: Cell) -> Text:
    """One line that is never wrapped, so that a command or a path in it can be copied whole."""
    text = Text(no_wrap=True, overflow="ignore")
    for part in parts:
        text.append_text(_as_text(part))
    return text


def _as_text(cell: Cell) -> Text:
    """Text as it is, and a string without its markup or control characters taking effect."""
    return cell if isinstance(cell, Text) else Text(printable(cell))
