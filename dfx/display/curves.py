"""Loss and accuracy by epoch, drawn in the terminal.

Training is a dotted line and validation a solid one, so that they can be told apart without
colour; where there is room, each epoch has its sign too. The best epoch is a star on the line of
validation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from dfx.display.canvas import Canvas
from dfx.records import EpochRecord

_ROWS = 9
_WIDEST = 64
"""Columns that one plot takes at most."""

_NARROWEST = 40
"""Columns below which two plots do not stand side by side."""

_GAP = 4
_SPARSE = 4
"""Columns an epoch from which each is marked."""

_FLAT = 1e-4
"""Values that are relatively closer than this are drawn as equal ones."""

_TRAIN, _VALIDATION, _BEST = "magenta", "cyan", "bold green"
_STAR = "*"


@dataclass(frozen=True, slots=True)
class _Signs:
    """What the drawing is made of beside the lines."""

    train: str
    validation: str
    train_line: str
    validation_line: str
    tick: str
    side: str
    corner: str
    floor: str
    mark: str


_UNICODE = _Signs("○", "●", "⠂⠐", "⠒⠒", "┤", "│", "└", "─", "┬")
_ASCII = _Signs("o", "#", "..", "==", "+", "|", "+", "-", "+")


class Curves:
    """Loss and accuracy of training and validation, with numbers on the axes.

    The plots stand side by side where the terminal is wide enough, else one under the other. Where
    the encoding cannot say braille, they are drawn in ASCII.
    """

    def __init__(self, epochs: Sequence[EpochRecord], best_epoch: int | None) -> None:
        self._epochs = epochs
        self._best = best_epoch

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self._epochs:
            return
        width = options.max_width
        half = (width - _GAP) // 2
        beside = half >= _NARROWEST
        each = min(half if beside else width, _WIDEST)
        signs = _ASCII if options.ascii_only else _UNICODE
        plots = [
            self._plot("loss", each, signs, lambda e: (e.train_loss, e.val_loss)),
            self._plot("accuracy", each, signs, lambda e: (e.train_accuracy, e.val_accuracy)),
        ]
        if beside:
            grid = Table.grid(padding=(0, _GAP, 0, 0))
            grid.add_row(*(Text("\n").join(lines) for lines in plots))
            yield grid
        else:
            for lines in plots:
                yield from lines
        yield self._legend(signs, each)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Of both plots beside each other, where there is room for them."""
        width = min(2 * _WIDEST + _GAP, options.max_width)
        return Measurement(width, width)

    def _is_sparse(self, width: int) -> bool:
        return width >= _SPARSE * len(self._epochs)

    def _legend(self, signs: _Signs, width: int) -> Text:
        legend = Text(overflow="fold")
        for line, sign, style, name in (
            (signs.train_line, signs.train, _TRAIN, "train"),
            (signs.validation_line, signs.validation, _VALIDATION, "validation"),
        ):
            shown = line + (sign if self._is_sparse(width) else line[0]) + line
            legend.append(shown, style).append(f" {name}  ")
        if self._best is not None:
            legend.append(_STAR, _BEST).append(f" best epoch ({self._best})")
        return legend

    def _plot(
        self,
        title: str,
        width: int,
        signs: _Signs,
        values: Callable[[EpochRecord], tuple[float, float]],
    ) -> list[Text]:
        pairs = [values(epoch) for epoch in self._epochs]
        ticks = nice_ticks([value for pair in pairs for value in pair])
        labels = format_ticks(ticks)
        margin = max(map(len, labels))
        canvas = Canvas(width - margin - 2, _ROWS, ascii_only=signs is _ASCII)
        places = self._places(canvas)
        low, high = ticks[0], ticks[-1]

        def y_of(value: float) -> int:
            share = (value - low) / (high - low)
            return round((1 - share) * (canvas.height - 1))

        for number, sign, style in ((0, signs.train, _TRAIN), (1, signs.validation, _VALIDATION)):
            points = [(x, y_of(pair[number])) for x, pair in zip(places, pairs, strict=True)]
            canvas.draw_path(points, style, dotted=number == 0)
            if self._is_sparse(width):
                for point in points:
                    canvas.put(point, sign, style)
        for epoch, x, pair in zip(self._epochs, places, pairs, strict=True):
            if epoch.epoch == self._best:
                canvas.put((x, y_of(pair[1])), _STAR, _BEST)
        at = {canvas.row_of(y_of(tick)): label for tick, label in zip(ticks, labels, strict=True)}
        body = [
            Text.assemble(
                f"{at.get(row, ''):>{margin}} ", signs.tick if row in at else signs.side, line
            )
            for row, line in enumerate(canvas.lines())
        ]
        return [Text(f"{'':{margin}}  {title}", "bold"), *body, *self._axis(canvas, margin, signs)]

    def _places(self, canvas: Canvas) -> list[int]:
        """The column of dots of each epoch."""
        first, last = self._epochs[0].epoch, self._epochs[-1].epoch
        if first == last:
            return [canvas.width // 2 for _ in self._epochs]
        span = (canvas.width - 1) / (last - first)
        return [round((epoch.epoch - first) * span) for epoch in self._epochs]

    def _axis(self, canvas: Canvas, margin: int, signs: _Signs) -> list[Text]:
        """The floor with its marks, and the epochs' numbers under them."""
        columns = [canvas.column_of(x) for x in self._places(canvas)]
        width = canvas.column_of(canvas.width - 1) + 1
        floor = [signs.floor] * width
        numbers = [" "] * width
        free = 0
        for i, column in _spread(columns):
            label = str(self._epochs[i].epoch)
            start = max(0, min(column - len(label) // 2, width - len(label)))
            if start < free:
                continue
            floor[column] = signs.mark
            numbers[start : start + len(label)] = label
            free = start + len(label) + 2
        return [
            Text(f"{'':{margin}} {signs.corner}{''.join(floor)}", no_wrap=True),
            Text(f"{'':{margin}}  {''.join(numbers).rstrip()}", no_wrap=True),
        ]


def nice_ticks(values: Sequence[float], count: int = 4) -> list[float]:
    """Round numbers, evenly apart, of which the first and the last enclose the values.

    >>> nice_ticks([0.12, 0.58])
    [0.0, 0.2, 0.4, 0.6]
    >>> nice_ticks([0.5])
    [0.45, 0.5, 0.55]
    """
    low, high = min(values), max(values)
    if high - low <= _FLAT * max(abs(low), abs(high)):
        low, high = (low * 0.9, high * 1.1) if low else (0.0, 1.0)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.floor(low / step + 1e-6), math.ceil(high / step - 1e-6)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def format_ticks(ticks: Sequence[float]) -> list[str]:
    """The numbers with as many decimals as tell them apart.

    >>> format_ticks([0.98, 0.985, 0.99])
    ['0.980', '0.985', '0.990']
    """
    step = ticks[1] - ticks[0]
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    texts = [f"{tick:.{decimals}f}" for tick in ticks]
    return texts if max(map(len, texts)) <= 8 else [f"{tick:.3g}" for tick in ticks]


def _spread(columns: Sequence[int]) -> list[tuple[int, int]]:
    """Places that get a number: every one, or every second, fifth or tenth, and the last."""
    last = len(columns) - 1
    room = max(1, columns[-1] - columns[0] + 1)
    apart = len(str(len(columns))) + 3
    wanted = max(1, math.ceil(len(columns) * apart / room))
    power = 10 ** math.floor(math.log10(wanted))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= wanted)
    chosen = [i for i in range(len(columns)) if step == 1 or i == 0 or (i + 1) % step == 0]
    # The last one rather than its neighbour, where both do not fit.
    if chosen[-1] != last:
        if columns[last] - columns[chosen[-1]] < apart and len(chosen) > 1:
            chosen.pop()
        chosen.append(last)
    return [(i, columns[i]) for i in chosen]
