"""Explanations as pictures: an image beside what spoke for its verdict, and many on a sheet.

The map is the only colour in them: the image under it is grey, so that no colour of its own can be
taken for heat. This module loads matplotlib for its colours and letters; only those who explain
should import it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from pathlib import PurePath

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dfx.display.figures import format_metric, format_percent
from dfx.display.report.chart import to_png
from dfx.display.report.lettering import drawable, load_font, shorten, wrap
from dfx.display.report.palette import LIGHT
from dfx.display.report.words import format_threshold
from dfx.messages import counted
from dfx.records import DEEPFAKE, LABELS, REAL
from dfx.records.prediction import Explanation, Prediction

_MARGIN = 24
_PANEL_PX = 448
"""The longer side of the image and of its map."""

_WIDTH = 3 * _MARGIN + 2 * _PANEL_PX
_FLATTEST = 1 / 6
"""The least share of the longer side that the shorter one is shown with."""

_DENSEST = 0.75
"""How much of the strongest place is colour; the rest is the image under it."""

_DIMMED = 0.55
"""How bright the image under the map is, so that heat is the brighter the stronger it is."""

_COLUMNS = 6
_THUMBNAIL_PX = 192
_CELL_WIDTH = _THUMBNAIL_PX + 20
_CELL_HEIGHT = _THUMBNAIL_PX + 92
_COLOURS = {LABELS[REAL]: LIGHT["first"], LABELS[DEEPFAKE]: LIGHT["second"]}
_CAUTION = (
    "A coarse map of what the network weighed, and no proof: it does not show where an image was"
    " changed, and is no surer than the verdict."
)


def render_explanation(explanation: Explanation) -> bytes:
    """The picture of one image: verdict, image, map and scale, as a PNG file.

    The same bytes for the same explanation.
    """
    prediction = explanation.prediction
    room = _WIDTH - 2 * _MARGIN
    small = load_font(15)
    lines = [line for text in _describe(explanation) for line in wrap(drawable(text), room, small)]
    size = _proportion(prediction, _PANEL_PX)
    top = 96 + 21 * len(lines)
    picture = Image.new("RGB", (_WIDTH, top + 30 + size[1] + 100), LIGHT["card"])
    draw = ImageDraw.Draw(picture)
    big = load_font(22, bold=True)
    draw.text((_MARGIN, 18), shorten(_name(prediction), room, big), LIGHT["ink"], big)
    _write_verdict(draw, (_MARGIN, 54), prediction, 19)
    for number, line in enumerate(lines):
        draw.text((_MARGIN, 86 + 21 * number), line, LIGHT["muted"], small)
    left, right = _MARGIN, 2 * _MARGIN + _PANEL_PX
    heading = load_font(15, bold=True)
    draw.text((left, top), "Image, as the network gets it", LIGHT["ink"], heading)
    draw.text((right, top), f"What speaks for {explanation.explained}", LIGHT["ink"], heading)
    with Image.open(io.BytesIO(explanation.picture)) as image:
        shown = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    picture.paste(shown, (left, top + 28))
    picture.paste(_overlay(shown, explanation), (right, top + 28))
    below = top + 28 + size[1] + 12
    for number, line in enumerate(wrap(_CAUTION, _PANEL_PX, load_font(14))):
        draw.text((left, below + 19 * number), line, LIGHT["muted"], load_font(14))
    _draw_scale(picture, (right, below), explanation)
    return to_png(picture)


def render_contact_sheet(explanations: Sequence[Explanation], *, page: int | None = None) -> bytes:
    """Many maps in rows, each with its image's name and verdict, as a PNG file.

    Args:
        explanations: In their order; at least one.
        page: Counted from 1; None of a sheet that is the only one.
    """
    rows = -(-len(explanations) // _COLUMNS)
    width = 2 * _MARGIN + _COLUMNS * _CELL_WIDTH - (_CELL_WIDTH - _THUMBNAIL_PX)
    sheet = Image.new("RGB", (width, 132 + rows * _CELL_HEIGHT), LIGHT["card"])
    draw = ImageDraw.Draw(sheet)
    title = f"What spoke for the verdicts on {counted(len(explanations), 'image')}"
    if page is not None:
        title += f", page {page}"
    draw.text((_MARGIN, 18), title, LIGHT["ink"], load_font(22, bold=True))
    origins = {_origin(explanation.prediction): None for explanation in explanations}
    small = load_font(15)
    about = shorten(drawable("; ".join(origins)), width - 2 * _MARGIN, small)
    draw.text((_MARGIN, 52), about, LIGHT["muted"], small)
    words = "Each map has a scale of its own, from none (grey) to the strongest within it (yellow)."
    draw.text((_MARGIN, 74), f"{words} {_CAUTION.partition(':')[0]}.", LIGHT["muted"], small)
    for place, explanation in enumerate(explanations):
        row, column = divmod(place, _COLUMNS)
        corner = (_MARGIN + column * _CELL_WIDTH, 112 + row * _CELL_HEIGHT)
        _draw_cell(sheet, corner, explanation)
    return to_png(sheet)


def _draw_cell(sheet: Image.Image, corner: tuple[int, int], explanation: Explanation) -> None:
    x, y = corner
    draw = ImageDraw.Draw(sheet)
    prediction = explanation.prediction
    size = _proportion(prediction, _THUMBNAIL_PX)
    with Image.open(io.BytesIO(explanation.picture)) as image:
        shown = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    draw.rectangle((x, y, x + _THUMBNAIL_PX - 1, y + _THUMBNAIL_PX - 1), LIGHT["page"])
    left, top = ((_THUMBNAIL_PX - side) // 2 for side in size)
    sheet.paste(_overlay(shown, explanation), (x + left, y + top))
    _write_verdict(draw, (x, y + _THUMBNAIL_PX + 6), prediction, 15)
    font = load_font(13)
    note = _note(explanation)
    name = wrap(drawable(prediction.path or "image"), _THUMBNAIL_PX, font)
    most = 1 if note else 2
    if len(name) > most:
        name = [*name[: most - 1], shorten("".join(name[most - 1 :]), _THUMBNAIL_PX, font)]
    for number, line in enumerate([note, *name] if note else name):
        draw.text((x, y + _THUMBNAIL_PX + 28 + 18 * number), line, LIGHT["muted"], font)


def _write_verdict(
    draw: ImageDraw.ImageDraw, corner: tuple[int, int], prediction: Prediction, size: int
) -> None:
    label = prediction.label or "no verdict"
    share = "" if prediction.probability is None else f"  {format_percent(prediction.probability)}"
    colour = _COLOURS.get(label, LIGHT["ink"])
    draw.text(corner, f"{label}{share}", colour, load_font(size, bold=True))


def _describe(explanation: Explanation) -> list[str]:
    prediction = explanation.prediction
    p = "unknown" if prediction.p_deepfake is None else format_metric(prediction.p_deepfake)
    numbers = f"p_deepfake {p}, threshold {format_threshold(prediction.threshold)}"
    size = ""
    if prediction.width and prediction.height:
        size = f"; {prediction.width} × {prediction.height} pixels"
    rows, columns = len(explanation.heat), len(explanation.heat[0])
    method = f"Grad-CAM of {columns} × {rows} places"
    lines = [f"{numbers}; {_origin(prediction)}{size}; {method}"]
    if explanation.explained != prediction.label:
        lines.append(f"The map speaks for {explanation.explained}, the likelier by the threshold.")
    return [*lines, *(f"Warning: {warning}" for warning in prediction.warnings)]


def _note(explanation: Explanation) -> str | None:
    """What else a cell of a sheet must say."""
    if _peak(explanation) == 0:
        return f"nothing speaks for {explanation.explained}"
    if explanation.explained != explanation.prediction.label:
        return f"the map speaks for {explanation.explained}"
    return None


def _origin(prediction: Prediction) -> str:
    return f"{prediction.run}, epoch {prediction.epoch}"


def _name(prediction: Prediction) -> str:
    return drawable(PurePath(prediction.path or "image").name)


def _proportion(prediction: Prediction, longer: int) -> tuple[int, int]:
    """Width and height in which the square that the network gets looks as the image did."""
    width, height = prediction.width or 1, prediction.height or 1
    shorter = round(longer * max(_FLATTEST, min(width, height) / max(width, height)))
    return (longer, shorter) if width >= height else (shorter, longer)


def _draw_scale(picture: Image.Image, corner: tuple[int, int], explanation: Explanation) -> None:
    x, y = corner
    draw = ImageDraw.Draw(picture)
    font = load_font(14)
    if _peak(explanation) == 0:
        words = f"Nothing in the image speaks for {explanation.explained}: the map is 0 everywhere."
        for number, line in enumerate(wrap(words, _PANEL_PX, font)):
            draw.text((x, y + 19 * number), line, LIGHT["ink"], font)
        return
    ramp = np.broadcast_to(np.linspace(0, 1, _PANEL_PX, dtype=np.float32), (14, _PANEL_PX))
    grey = np.full(ramp.shape, 0.5, np.float32)
    picture.paste(Image.fromarray(_colour(grey, ramp)), (x, y + 2))
    draw.text((x, y + 20), "none", LIGHT["ink"], font)
    end = "strongest here"
    draw.text((x + _PANEL_PX - font.getlength(end), y + 20), end, LIGHT["ink"], font)
    words = "Strengths of different images do not compare."
    draw.text((x, y + 42), words, LIGHT["muted"], font)


def _overlay(shown: Image.Image, explanation: Explanation) -> Image.Image:
    """The image in grey under its map."""
    heat = np.array(explanation.heat, np.float32)
    peak = _peak(explanation)
    scaled = Image.fromarray(heat / peak if peak > 0 else heat)
    # Bilinear would draw crosses around the places, which look as if they were in the image.
    smooth = np.array(scaled.resize(shown.size, Image.Resampling.BICUBIC), np.float32)
    grey = np.array(shown.convert("L"), np.float32) / np.float32(255)
    return Image.fromarray(_colour(grey, smooth))


def _peak(explanation: Explanation) -> float:
    return max(map(max, explanation.heat))


def _colour(grey: NDArray[np.float32], heat: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Heat laid on grey, the more densely the stronger it is.

    Args:
        grey: float32 [h, w], in [0, 1].
        heat: Likewise.

    Returns:
        uint8 [h, w, 3].
    """
    heat = heat.clip(0, 1)[..., None]
    colours = _ramp()[(heat[..., 0] * 255).round().astype(np.intp)]
    density = _DENSEST * heat**0.7
    mixed = colours * density + _DIMMED * grey[..., None] * (1 - density)
    result: NDArray[np.uint8] = (mixed * 255).round().astype(np.uint8)
    return result


@cache
def _ramp() -> NDArray[np.float32]:
    """Colours of even steps for every kind of colour vision: matplotlib's inferno, [256, 3].

    Without its darkest third: on a grey image that would look like less than none.
    """
    steps = mpl.colormaps["inferno"](np.linspace(0.35, 1, 256))
    ramp: NDArray[np.float32] = np.asarray(steps[:, :3], np.float32)
    return ramp
