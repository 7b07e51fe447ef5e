"""The quality of a JPEG is told by its tables."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from dfx.data.jpeg_quality import LUMINANCE, estimate_quality, scale_luminance

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8))


def write(image: Image.Image, **options: object) -> JpegImageFile:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)  # type: ignore[arg-type]
    read = Image.open(buffer)

    assert isinstance(read, JpegImageFile)
    return read


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_what_libjpeg_wrote_is_told_exactly(mode: str, progressive: bool) -> None:
    picture = PICTURE.convert(mode)
    qualities = range(1, 101)
    found = [
        estimate_quality(write(picture, quality=q, progressive=progressive).quantization)
        for q in qualities
    ]

    assert found == list(qualities)


def test_the_tables_are_those_of_libjpeg() -> None:
    """Row by row: in zigzag order the estimate would be near, but not exact."""
    for quality in (1, 30, 49, 50, 51, 75, 100):
        assert write(PICTURE, quality=quality).quantization[0] == scale_luminance(quality)

    assert scale_luminance(50) == list(LUMINANCE)


@pytest.mark.parametrize(
    ("preset", "low", "high"),
    [("web_low", 35, 60), ("web_medium", 60, 75), ("web_high", 80, 90), ("web_maximum", 95, 100)],
)
def test_tables_of_photoshop_come_out_in_their_order(preset: str, low: int, high: int) -> None:
    """Its own scale has other steps; Pillow has its tables for saving."""
    assert low <= estimate_quality(write(PICTURE, qtables=preset).quantization) <= high


def test_the_table_of_the_lowest_number_is_the_luminance() -> None:
    tables = {3: scale_luminance(20), 1: scale_luminance(70)}

    assert estimate_quality(tables) == 70


@pytest.mark.parametrize(("step", "expected"), [(255, 1), (65535, 1), (1, 100), (0, 100)])
def test_a_flat_table_has_an_estimate(step: int, expected: int) -> None:
    """16-bit steps and the zeros of broken files among them."""
    assert estimate_quality({0: [step] * 64}) == expected


@pytest.mark.parametrize("tables", [{}, {0: [1, 2, 3]}])
def test_no_table_is_no_estimate(tables: dict[int, list[int]]) -> None:
    with pytest.raises(ValueError, match="expected 64"):
        estimate_quality(tables)
