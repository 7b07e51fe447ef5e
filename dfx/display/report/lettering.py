"""Letters in pictures: the font that comes with matplotlib, and what it cannot say."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib.ft2font import FT2Font
from PIL import ImageFont

from dfx.display.console import printable


@cache
def load_font(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans of a size in pixels, laid out alike whatever this Pillow was built with."""
    return ImageFont.truetype(_font_file(bold=bold), size, layout_engine=ImageFont.Layout.BASIC)


def drawable(text: str) -> str:
    r"""The text with each character that the font lacks, and each control character, escaped.

    >>> drawable("α 顔\udcff")
    'α \\u9854\\udcff'
    """
    known = _known_characters()
    return "".join(
        c if ord(c) in known else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in printable(text)
    )


def shorten(text: str, width: float, font: ImageFont.FreeTypeFont) -> str:
    """The text, or its beginning and its end where it is wider than a number of pixels."""
    if font.getlength(text) <= width:
        return text
    kept = len(text) - 1
    while kept > 1:
        kept -= 1
        # The end of a path tells more than its beginning.
        head = kept // 3
        shown = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if font.getlength(shown) <= width:
            return shown
    return "…"


def _font_file(*, bold: bool) -> str:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name)


@cache
def _known_characters() -> frozenset[int]:
    return frozenset(FT2Font(_font_file(bold=False)).get_charmap())
