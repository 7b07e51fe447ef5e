"""Figures of matplotlib through its objects alone, and what becomes of them: PNG and inline SVG.

Sizes are in pixels of a page. A figure is drawn in the light palette; in its SVG the colours are
custom properties, so that they follow the page into the dark.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure, SubFigure
from PIL import Image

from dfx.display.report.markup import Html, escape
from dfx.display.report.palette import LIGHT

_PX = 100
"""Pixels of a page to an inch of a figure."""

SCALE = 2
"""Pixels of a picture to one of a page."""

Surface = Figure | SubFigure


@contextmanager
def plain_settings() -> Iterator[None]:
    """Settings as matplotlib comes with, whatever a matplotlibrc says; then all is as before."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


_SETTINGS: Any = {
    "font.size": 8.5,
    "axes.labelsize": 8.5,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": LIGHT["muted"],
    "axes.facecolor": LIGHT["card"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "figure.facecolor": LIGHT["card"],
    "grid.color": LIGHT["rule"],
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.6,
    "legend.edgecolor": LIGHT["rule"],
    "legend.facecolor": LIGHT["card"],
    "legend.fontsize": 8.0,
    "legend.framealpha": 1.0,
    "lines.linewidth": 1.7,
    "svg.hashsalt": "dfx",
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "xtick.labelcolor": LIGHT["ink"],
    "ytick.labelcolor": LIGHT["ink"],
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
}


def new_figure(width: int, height: int) -> Figure:
    """An empty figure of a size in pixels of a page."""
    return Figure(figsize=(width / _PX, height / _PX), dpi=_PX * SCALE)


def to_image(figure: Figure) -> Image.Image:
    """The figure as RGB pixels, `SCALE` to each of a page."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]  # matplotlib's
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]  # likewise
    size = canvas.get_width_height()
    return Image.frombuffer("RGBA", size, pixels, "raw", "RGBA", 0, 1).convert("RGB")


def to_svg(figure: Figure, *, name: str, label: str) -> Html:
    """The figure as an element for a page, in the colours of the page.

    Letters are drawn, so that they look and fit alike on every machine. Nothing in it refers to
    anything outside it.

    Args:
        figure: What to show.
        name: In front of every id in it, since ids are the whole page's.
        label: What it shows, for those who cannot see it.
    """
    file = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    canvas = FigureCanvasSVG(figure)
    canvas.print_svg(file, metadata=nothing)  # type: ignore[no-untyped-call]  # matplotlib's
    text = _OPENING.sub("", file.getvalue(), count=1).removesuffix("\n").removesuffix("</svg>")
    text = _LINE_BREAKS.sub(" ", _NEEDLESS.sub("", text))
    referred = set(_REFERENCE.findall(text))
    text = _ID.sub(lambda m: f' id="{name}-{m[1]}"' if m[1] in referred else "", text)
    text = _REFERENCE.sub(lambda m: f"{name}-{m[0]}", text)
    text = text.replace("xlink:href", "href")
    for role, colour in LIGHT.items():
        text = text.replace(f": {colour}", f": var(--{role})")
    width, height = (round(inches * _PX) for inches in figure.get_size_inches())
    points = " ".join(f"{inches * 72:g}" for inches in figure.get_size_inches())
    attributes = f'viewBox="0 0 {points}" width="{width}" height="{height}"'
    return Html(
        f'<svg class="plot" role="img" aria-label="{escape(label)}" {attributes}>{text}</svg>'
    )


_OPENING = re.compile(r".*?<svg[^>]*>", re.DOTALL)
_NEEDLESS = re.compile(r"<style.*?</style>|<!--.*?-->", re.DOTALL)
_LINE_BREAKS = re.compile(r"\s*\n\s*")
_ID = re.compile(r' id="([^"]*)"')
_REFERENCE = re.compile(r"""(?<=href="#)[^"]+|(?<=url\(#)[^)]+""")


def add_axes(
    surface: Surface,
    size: tuple[int, int],
    *,
    left: int = 52,
    right: int = 18,
    top: int = 12,
    bottom: int = 44,
) -> Axes:
    """Axes with margins, all in pixels of a page."""
    width, height = size
    return surface.add_axes(
        (
            left / width,
            bottom / height,
            (width - left - right) / width,
            (height - top - bottom) / height,
        )
    )
