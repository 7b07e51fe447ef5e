"""The contact sheet: what the network was surest of, rightly and wrongly."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageOps

from dfx.display.figures import format_metric
from dfx.display.report.chart import Chart, entitle, to_png
from dfx.display.report.groups import ExampleGroup, group_examples
from dfx.display.report.lettering import drawable, load_font, shorten, wrap
from dfx.display.report.palette import LIGHT
from dfx.display.report.words import caption_pictures, describe_threshold
from dfx.records import LABELS
from dfx.records.report import EvaluationReport, Example

_PICTURE_PX = 192
_CELL_WIDTH = 214
_CELL_HEIGHT = 288
_HEADING = 44
_EMPTY = 30
_MARGIN = 32
_COLUMNS = 6
_NAME_LINES = 2


def draw_examples(report: EvaluationReport) -> Chart:
    """Four groups with a heading each; a group without an image says so."""
    groups = group_examples(report)
    width = 2 * _MARGIN + _COLUMNS * _CELL_WIDTH
    sheet = Image.new("RGB", (width, sum(map(_height, groups)) + _MARGIN), "white")
    y = 0
    for group in groups:
        _draw_group(sheet, y, group)
        y += _height(group)
    title = f"Surest verdicts, {describe_threshold(report.detail.headline)}"
    return Chart("examples", to_png(entitle(sheet, title, caption_pictures(report))))


def _height(group: ExampleGroup) -> int:
    rows = -(-len(group.examples) // _COLUMNS)
    return _HEADING + (rows * _CELL_HEIGHT if rows else _EMPTY)


def _draw_group(sheet: Image.Image, y: int, group: ExampleGroup) -> None:
    draw = ImageDraw.Draw(sheet)
    colour = LIGHT["first" if group.is_right else "second"]
    draw.rectangle((_MARGIN, y + 12, _MARGIN + 5, y + 34), colour)
    draw.text((_MARGIN + 14, y + 10), group.title, LIGHT["ink"], load_font(20, bold=True))
    if not group.examples:
        draw.text((_MARGIN + 14, y + _HEADING), group.none, LIGHT["muted"], load_font(18))
    for place, example in enumerate(group.examples):
        row, column = divmod(place, _COLUMNS)
        corner = (_MARGIN + column * _CELL_WIDTH, y + _HEADING + row * _CELL_HEIGHT)
        _draw_example(sheet, corner, example)


def _draw_example(sheet: Image.Image, corner: tuple[int, int], example: Example) -> None:
    x, y = corner
    with Image.open(io.BytesIO(example.picture)) as picture:
        shown = ImageOps.contain(picture.convert("RGB"), (_PICTURE_PX, _PICTURE_PX))
    left, top = ((_PICTURE_PX - side) // 2 for side in shown.size)
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((x, y, x + _PICTURE_PX - 1, y + _PICTURE_PX - 1), LIGHT["page"])
    sheet.paste(shown, (x + left, y + top))
    verdict = example.truth if example.is_right else 1 - example.truth
    bold, plain = load_font(15, bold=True), load_font(14)
    name = wrap(drawable(example.name), _CELL_WIDTH - 12, plain)
    if len(name) > _NAME_LINES:
        name = [name[0], shorten("".join(name[1:]), _CELL_WIDTH - 12, plain)]
    lines = (
        (f"p_deepfake {format_metric(example.p_deepfake)}", bold, LIGHT["ink"]),
        (f"{LABELS[example.truth].lower()}, called {LABELS[verdict].lower()}", plain, LIGHT["ink"]),
        *((line, plain, LIGHT["muted"]) for line in name),
    )
    for number, (text, font, colour) in enumerate(lines):
        draw.text((x, y + _PICTURE_PX + 6 + number * 19), text, colour, font)
