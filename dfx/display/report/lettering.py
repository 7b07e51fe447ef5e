"""Letters in pictures: the font that comes with matplotlib, and what it cannot say."""

from __future__ import annotations

import re
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


def wrap(text: str, width: float, font: ImageFont.FreeTypeFont) -> list[str]:
    """The text in lines that are no wider than a number of pixels.

    They end at a space or after a slash, and within a word only where that alone is too wide.
    """
    lines = [""]
    for word in _WORD_ENDS.split(text):
        if font.getlength((lines[-1] + word).rstrip()) <= width:
            lines[-1] += word
            continue
        if lines[-1]:
            lines.append("")
        for character in word:
            if lines[-1] and font.getlength(lines[-1] + character) > width:
                lines.append("")
            lines[-1] += character
    return [line.rstrip() for line in lines]


_WORD_ENDS = re.compile(r"(?<=[ /])")


def _font_file(*, bold: bool) -> str:
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return str(Path(mpl.get_data_path()) / "fonts" / "ttf" / name)


@cache
def _known_characters() -> frozenset[int]:
    return frozenset(FT2Font(_font_file(bold=False)).get_charmap())
