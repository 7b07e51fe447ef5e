"""A chart: panels that are drawn once for the page and once as a picture by itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

from dfx.display.report.figure import SCALE, Surface, new_figure, to_image, to_svg
from dfx.display.report.lettering import drawable, load_font, shorten
from dfx.display.report.markup import Html
from dfx.display.report.palette import LIGHT

_MARGIN = 16 * SCALE
_WORDS_WIDTH = 560


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing of a chart.

    Attributes:
        name: Letters and `-`, of its own on a page.
        label: What it shows, for those who cannot see it.
        width: In pixels of a page.
        height: Likewise; of all panels of a chart the same.
        draw: Draws it, in the settings of `plain_settings`.
    """

    name: str
    label: str
    width: int
    height: int
    draw: Callable[[Surface], None]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that is drawn.

    Attributes:
        name: Of its file, without the suffix.
        png: The picture with title and caption, on white.
        panels: The same for a page, in its colours; empty where the page shows it otherwise, and
            where there is nothing to show.
        missing: Why there is nothing to show, as a sentence; None where there is.
    """

    name: str
    png: bytes
    panels: tuple[Html, ...] = ()
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
    png = to_png(entitle(to_image(figure), title, caption))
    shown = tuple(_draw_alone(panel) for panel in panels) if in_page else ()
    return Chart(name, png, shown)


def draw_missing(name: str, title: str, caption: str, reason: str) -> Chart:
    """A picture that says why there is no chart."""
    font = load_font(14 * SCALE)
    words = _wrap(drawable(reason), _WORDS_WIDTH * SCALE)
    line = 22 * SCALE
    image = Image.new("RGB", (_WORDS_WIDTH * SCALE + 2 * _MARGIN, (len(words) + 2) * line), "white")
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(words):
        draw.text((_MARGIN, (number + 1) * line), text, LIGHT["ink"], font)
    return Chart(name, to_png(entitle(image, title, caption)), missing=reason)


def entitle(picture: Image.Image, title: str, caption: str) -> Image.Image:
    """The picture on white under a title and a caption, so that it tells what it is by itself."""
    heights = 22 * SCALE, 20 * SCALE
    top = sum(heights) + _MARGIN
    framed = Image.new("RGB", (picture.width, picture.height + top), "white")
    framed.paste(picture, (0, top))
    draw = ImageDraw.Draw(framed)
    room = picture.width - 2 * _MARGIN
    y = _MARGIN * 3 // 4
    for text, height, size, bold, colour in (
        (title, heights[0], 15, True, LIGHT["ink"]),
        (caption, heights[1], 12, False, LIGHT["muted"]),
    ):
        font = load_font(size * SCALE, bold=bold)
        draw.text((_MARGIN, y), shorten(drawable(text), room, font), colour, font)
        y += height
    return framed


def to_png(image: Image.Image) -> bytes:
    """The picture as a file, without a date or whatever else would differ from one to the next."""
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return file.getvalue()


def _draw_alone(panel: Panel) -> Html:
    figure = new_figure(panel.width, panel.height)
    panel.draw(figure)
    return to_svg(figure, name=panel.name, label=panel.label)


def _wrap(text: str, width: float) -> list[str]:
    font = load_font(14 * SCALE)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(shorten(word, width, font))
    return lines
