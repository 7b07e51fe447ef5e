"""The confusion matrix as a table whose cells are the deeper in colour the larger their share."""

from __future__ import annotations

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dfx.display.figures import format_count, format_percent
from dfx.records import LABELS, Confusion

_Rgb = tuple[int, int, int]

_RIGHT: tuple[_Rgb, _Rgb] = ((232, 245, 233), (0, 120, 20))
_WRONG: tuple[_Rgb, _Rgb] = ((255, 235, 238), (150, 0, 15))
"""Backgrounds at a share of 0 and of 1."""


def confusion_table(confusion: Confusion, *, title: str = "Confusion matrix") -> Table:
    """Counts and row percentages: a row is the truth, a column the verdict.

    Right verdicts are on green and wrong ones on red, the deeper the larger their share of the row.
    Each cell names its text colour with its background, so that both light and dark terminals can
    show it. Without colour the figures say it all.
    """
    real, deepfake = LABELS
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        padding=0,
        pad_edge=False,
    )
    table.add_column(_padded(Text("truth \\ verdict")), style="bold", no_wrap=True)
    for heading in (real, deepfake, "images"):
        table.add_column(_padded(Text(heading)), justify="right", no_wrap=True)
    for label, counts, right in (
        (real, (confusion.tn, confusion.fp), 0),
        (deepfake, (confusion.fn, confusion.tp), 1),
    ):
        total = sum(counts)
        cells = [
            _share(count, total, _RIGHT if column == right else _WRONG)
            for column, count in enumerate(counts)
        ]
        table.add_row(_padded(Text(label)), *cells, _padded(Text(format_count(total))))
    return table


def _share(count: int, total: int, shades: tuple[_Rgb, _Rgb]) -> Padding:
    if not total:
        return _padded(Text("0  undefined", style="dim"))
    share = count / total
    text = Text(f"{format_count(count)}  {format_percent(share):>7}")
    return _padded(text, heat_style(share, shades))


def heat_style(share: float, shades: tuple[_Rgb, _Rgb]) -> str:
    """Black or white, whichever is easier to read, on the background for a share from 0 to 1."""
    pale, deep = shades
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(pale, deep, strict=True))
    # With this luminance black and white stand out equally, by the contrast ratio of WCAG 2.
    text = "#000000" if _luminance(red, green, blue) > 0.179 else "#ffffff"
    return f"{text} on rgb({red},{green},{blue})"


def _luminance(*channels: int) -> float:
    """Relative luminance of an sRGB colour, as WCAG 2 defines it."""
    shares = [channel / 255 for channel in channels]
    linear = [s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares]
    return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _padded(text: Text, style: str = "") -> Padding:
    """A cell that is coloured up to its borders."""
    return Padding(text, (0, 1), style=style)
