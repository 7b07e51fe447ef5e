"""A chart: panels that are drawn once for the page and once as a picture by itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from dfx.display.report.figure import SCALE, Surface, new_figure, to_image, to_svg
from dfx.display.report.lettering import drawable, load_font, shorten, wrap
from dfx.display.report.markup import Html
from dfx.display.report.palette import LIGHT

_MARGIN = 16 * SCALE
_WORDS_WIDTH = 560
_CAPTION_LINES = 4


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing of a chart.

    Attributes:
        name: Letters and `-`, of its own on a page.
        title: What stands over it.
        label: What it shows, for those who cannot see it.
        width: In pixels of a page.
        height: Likewise; of all panels of a chart the same.
        draw: Draws it, in the settings of `plain_settings`.
    """

    name: str
    title: str
    label: str
    width: int
    height: int
    draw: Callable[[Surface], None]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A panel as it stands on a page.

    Attributes:
        title: What stands over it.
        svg: In the colours of the page.
        width: In pixels of a page.
    """

    title: str
    svg: Html
    width: int


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that is drawn.

    Attributes:
        name: Of its file, without the suffix.
        png: The picture with title and caption, on white.
        drawings: The same for a page; empty where the page shows it otherwise, and where there is
            nothing to show.
        missing: Why there is nothing to show, as a sentence; None where there is.
    """

    name: str
    png: bytes
    drawings: tuple[Drawing, ...] = ()
    missing: str | None = None


def draw_chart(
    name: str, title: str, caption: str, panels: Sequence[Panel], *, in_page: bool = True
) -> Chart:
    """Draws the panels side by side for the picture, and each by itself for the page."""
    figure = new_figure(sum(panel.width for panel in panels), panels[0].height)
    widths = [panel.width for panel in panels]
    parts: Any = figure.subfigures(1, len(panels), width_ratios=widths, squeeze=False)
    for panel, part in zip(panels, parts[0], strict=True):
        panel.draw(part)
    picture = to_image(figure)
    if len(panels) > 1:
        picture = _put_titles_over(picture, panels)
    png = to_png(entitle(picture, title, caption))
    drawings = tuple(_draw_alone(panel) for panel in panels) if in_page else ()
    return Chart(name, png, drawings)


def draw_missing(name: str, title: str, caption: str, reason: str) -> Chart:
    """A picture that says why there is no chart."""
    font, line = load_font(14 * SCALE), 22 * SCALE
    words = wrap(drawable(reason), _WORDS_WIDTH * SCALE, font)
    size = _WORDS_WIDTH * SCALE + 2 * _MARGIN, (len(words) + 1) * line
    image = Image.new("RGB", size, LIGHT["card"])
    _write(ImageDraw.Draw(image), line // 2, words, font, line, LIGHT["ink"])
    return Chart(name, to_png(entitle(image, title, caption)), missing=reason)


def entitle(picture: Image.Image, title: str, caption: str) -> Image.Image:
    """The picture on white under a title and a caption, so that it tells what it is by itself.

    The caption is broken into lines, four at most, of which the last is shortened.
    """
    big, small = load_font(15 * SCALE, bold=True), load_font(12 * SCALE)
    room = picture.width - 2 * _MARGIN
    lines = wrap(drawable(caption), room, small)
    if len(lines) > _CAPTION_LINES:
        rest = " ".join(lines[_CAPTION_LINES - 1 :])
        lines = [*lines[: _CAPTION_LINES - 1], shorten(rest, room, small)]
    top, line = 36 * SCALE, 18 * SCALE
    above = top + len(lines) * line + 10 * SCALE
    framed = Image.new("RGB", (picture.width, picture.height + above), LIGHT["card"])
    framed.paste(picture, (0, above))
    draw = ImageDraw.Draw(framed)
    _write(draw, 12 * SCALE, [shorten(drawable(title), room, big)], big, 0, LIGHT["ink"])
    _write(draw, top, lines, small, line, LIGHT["muted"])
    return framed


def to_png(image: Image.Image) -> bytes:
    """The picture as a file, without a date or whatever else would differ from one to the next."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _put_titles_over(picture: Image.Image, panels: Sequence[Panel]) -> Image.Image:
    above, font = 28 * SCALE, load_font(13 * SCALE, bold=True)
    framed = Image.new("RGB", (picture.width, picture.height + above), LIGHT["card"])
    framed.paste(picture, (0, above))
    draw, x = ImageDraw.Draw(framed), _MARGIN
    for panel in panels:
        draw.text((x, 8 * SCALE), panel.title, LIGHT["ink"], font)
        x += panel.width * SCALE
    return framed


def _draw_alone(panel: Panel) -> Drawing:
    figure = new_figure(panel.width, panel.height)
    panel.draw(figure)
    svg = to_svg(figure, name=panel.name, label=panel.label)
    return Drawing(panel.title, svg, panel.width)


def _write(
    draw: ImageDraw.ImageDraw,
    top: int,
    lines: Sequence[str],
    font: ImageFont.FreeTypeFont,
    height: int,
    colour: str,
) -> None:
    for number, text in enumerate(lines):
        draw.text((_MARGIN, top + number * height), text, colour, font)
