"""Pictures show the map in colour over a grey image, and say in words what it is."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dfx.display import explanation as module
from dfx.display.explanation import render_contact_sheet, render_explanation
from dfx.records.prediction import Explanation, Prediction

PREDICTION = Prediction(
    path="photos/img.png",
    label="Deepfake",
    probability=0.9731,
    p_deepfake=0.9731,
    threshold=0.4321,
    run="b4-robust/1",
    epoch=11,
    width=640,
    height=320,
)
ORIGIN = "b4-robust/1, epoch 11"
EVIL = "\x1b[31m<b>\n\udcff顔" + "-very-long-name" * 30 + ".jpeg"


def make_explanation(**changes: Any) -> Explanation:
    """A flat orange picture, with the heat in its upper left corner."""
    buffer = io.BytesIO()
    Image.new("RGB", (32, 32), (220, 120, 20)).save(buffer, "PNG")
    heat = ((4e-5, 0.0, 0.0, 0.0), *[(0.0,) * 4] * 3)
    return replace(Explanation(PREDICTION, "Deepfake", buffer.getvalue(), heat), **changes)


def open_picture(png: bytes) -> NDArray[np.int64]:
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        return np.asarray(image).astype(np.int64)


@pytest.fixture
def words(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Whatever is written into pictures."""
    written: list[str] = []
    write = ImageDraw.ImageDraw.text

    def keep(self: ImageDraw.ImageDraw, xy: Any, text: str, *args: Any, **options: Any) -> None:
        written.append(text)
        width, height = self.im.size
        assert xy[0] + args[1].getlength(text) <= width, f"{text!r} is wider than its picture"
        assert xy[1] + args[1].size <= height, f"{text!r} is below its picture"
        write(self, xy, text, *args, **options)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", keep)
    return written


def find_panels(pixels: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The image and its map: where the longest rows of one picture's orange are, and beside it."""
    orange = (pixels == (220, 120, 20)).all(axis=2)
    rows, columns = np.flatnonzero(orange.any(axis=1)), np.flatnonzero(orange.any(axis=0))
    assert orange[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
    width = columns[-1] + 1 - columns[0]
    left = columns[0] + width + 24
    here = slice(rows[0], rows[-1] + 1)
    return pixels[here, columns[0] : columns[-1] + 1], pixels[here, left : left + width]


def test_image_stands_beside_its_map_in_its_own_proportions() -> None:
    image, heat = find_panels(open_picture(render_explanation(make_explanation())))

    assert image.shape == heat.shape == (224, 448, 3)


def test_heat_is_coloured_and_all_else_is_grey() -> None:
    """Whatever colour the image has; and heat is brighter than the grey."""
    _, heat = find_panels(open_picture(render_explanation(make_explanation())))
    colourful = np.ptp(heat, axis=2) > 8
    height, width = colourful.shape

    assert colourful[: height // 8, : width // 8].all()
    assert not colourful[height // 2 :].any()
    assert not colourful[:, width // 2 :].any()
    assert heat[4, 4].sum() > heat[-4, -4].sum()


def test_scale_shows_the_colours_of_the_map() -> None:
    """Laid on medium grey, as on an image."""
    grey = io.BytesIO()
    Image.new("RGB", (32, 32), (128, 128, 128)).save(grey, "PNG")
    rising = (tuple(range(448)),)
    png = render_explanation(make_explanation(picture=grey.getvalue(), heat=rising))
    right = open_picture(png)[:, 24 + 448 + 24 : -24]
    coloured = np.flatnonzero(np.ptp(right, axis=2).mean(axis=1) > 30)
    heat, scale = right[coloured[0]], right[coloured[-1]]

    assert coloured[-1] - coloured[0] > 224
    assert np.abs(heat - scale).max() <= 2
    luminance = scale @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance[::64]) > 0).all()  # also for those who see no colours


def test_picture_says_what_it_is(words: list[str]) -> None:
    render_explanation(make_explanation())
    numbers = f"p_deepfake 0.9731, threshold 0.4321; {ORIGIN}; 640 × 320 pixels"

    assert words[:3] == ["img.png", "Deepfake  97.3 %", f"{numbers}; Grad-CAM of 4 × 4 places"]
    assert {"What speaks for Deepfake", "none", "strongest here"} <= set(words)
    assert "no proof" in " ".join(words)


def test_warnings_are_shown(words: list[str]) -> None:
    warnings = ("smaller than the network's input", "heavily recompressed")
    render_explanation(make_explanation(prediction=replace(PREDICTION, warnings=warnings)))

    assert {f"Warning: {warning}" for warning in warnings} <= set(words)


def test_uncertain_verdict_says_what_the_map_speaks_for(words: list[str]) -> None:
    uncertain = replace(PREDICTION, label="Uncertain", probability=None)
    render_explanation(make_explanation(prediction=uncertain, explained="Real"))

    assert "Uncertain" in words
    assert "The map speaks for Real, the likelier by the threshold." in words
    assert "What speaks for Real" in words


def test_map_that_is_0_is_said_in_words(words: list[str]) -> None:
    """There is no scale then, nor a colour."""
    nothing = make_explanation(heat=((0.0, 0.0), (0.0, 0.0)))
    _, heat = find_panels(open_picture(render_explanation(nothing)))

    assert np.ptp(heat, axis=2).max() == 0
    assert "Nothing in the image speaks for Deepfake" in " ".join(words)
    assert "strongest here" not in words
    words.clear()
    render_contact_sheet([nothing])
    assert "nothing speaks for Deepfake" in words


@pytest.mark.parametrize("size", [(None, None), (1, 1), (3, 9000), (9000, 3), (7, 8)])
def test_any_proportion_fits(size: tuple[int | None, int | None], words: list[str]) -> None:
    prediction = replace(PREDICTION, width=size[0], height=size[1])
    image, _ = find_panels(
        open_picture(render_explanation(make_explanation(prediction=prediction)))
    )

    assert max(image.shape) == 448
    assert min(image.shape[:2]) >= 448 // 6


def test_whatever_a_name_holds_is_shown_in_its_picture(words: list[str]) -> None:
    """Control characters and unknown letters escaped, long names cut in the middle."""
    evil = replace(PREDICTION, path=f"x/{EVIL}", run="b" * 200, warnings=("w" * 300, "x " * 300))
    render_explanation(make_explanation(prediction=evil))
    title = words[0]
    render_contact_sheet([make_explanation(prediction=evil)] * 7, page=2)

    assert title.startswith(r"\x1b[31m<b>\n\udcff\u")
    assert "…" in title
    assert title.endswith(".jpeg")
    assert all(text.isprintable() for text in words)


def test_same_explanation_gives_the_same_bytes() -> None:
    first, second = make_explanation(), make_explanation()

    assert render_explanation(first) == render_explanation(second)
    assert render_contact_sheet([first] * 3) == render_contact_sheet([second] * 3)


@pytest.mark.parametrize(("count", "rows"), [(1, 1), (6, 1), (7, 2), (24, 4)])
def test_sheet_has_a_cell_for_each_image(count: int, rows: int, words: list[str]) -> None:
    names = [f"{number}.png" for number in range(count)]
    explanations = [make_explanation(prediction=replace(PREDICTION, path=name)) for name in names]
    pixels = open_picture(render_contact_sheet(explanations))
    shown = [text for text in words if text.endswith(".png")]
    least = open_picture(render_contact_sheet(explanations[:1]))

    assert shown == names
    assert len(pixels) - len(least) == (rows - 1) * module._CELL_HEIGHT
    assert words.count("Deepfake  97.3 %") == count + 1


def test_sheet_says_which_page_it_is_where_there_are_more(words: list[str]) -> None:
    render_contact_sheet([make_explanation()] * 2)
    render_contact_sheet([make_explanation()] * 2, page=3)
    titles = [text for text in words if text.startswith("What spoke")]

    assert titles == [
        "What spoke for the verdicts on 2 images",
        "What spoke for the verdicts on 2 images, page 3",
    ]
    assert words.count(ORIGIN) == 2
