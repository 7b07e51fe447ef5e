"""Bars of characters: a value as a length on a scale, with a line where another one stands."""

from __future__ import annotations

from dataclasses import dataclass

from rich.text import Text

_EIGHTHS = " ▏▎▍▌▋▊▉█"


@dataclass(frozen=True, slots=True)
class Meter:
    """Draws values on one scale.

    Attributes:
        low: Where the bars begin.
        high: Where the longest ends.
        width: Characters.
        ascii_only: Draw with `=` and `|` instead of blocks, which need Unicode.
    """

    low: float
    high: float
    width: int
    ascii_only: bool = False

    def draw(self, value: float | None, mark: float | None, style: str = "") -> Text:
        """A bar as long as the value.

        A value below the scale has none, but a `<` where it would begin; an undefined one has
        nothing.

        Args:
            value: As long as this.
            mark: Where the line stands, unless the bar reaches as far; None draws none.
            style: Of the bar.
        """
        if value is None:
            return Text(" " * self.width)
        eighths = round(self._share(value) * self.width * 8)
        cells = self._blocks(eighths)
        if value < self.low:
            cells[0] = "<"
        text = Text("".join(cells), style, no_wrap=True)
        if mark is not None:
            at = min(self.width - 1, int(self._share(mark) * self.width))
            if cells[at] == " ":
                line = Text("|" if self.ascii_only else "│", "dim")
                text = text[:at] + line + text[at + 1 :]
        return text

    @property
    def scale(self) -> str:
        """Its ends, as a heading of the same width."""
        return f"{self.low:g}".ljust(self.width - 1) + f"{self.high:g}"

    def _share(self, value: float) -> float:
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))

    def _blocks(self, eighths: int) -> list[str]:
        whole, rest = divmod(eighths, 8)
        if self.ascii_only:
            return list(("=" * round(eighths / 8)).ljust(self.width))
        return list(("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(self.width))
