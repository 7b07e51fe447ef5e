"""What cannot be read is told by its first bytes."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from dfx.data.decode import FORMATS, decode_image
from dfx.data.signatures import find_canvas, find_kind
from dfx.errors import ImageError


def write(file_format: str, size: tuple[int, int] = (37, 21), **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(buffer, file_format, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize("kind", sorted(set(FORMATS) - {"HEIF", "PPM", "AVIF"}))
def test_what_pillow_writes_is_told(kind: str) -> None:
    assert find_kind(write(kind)) == kind


OTHERS = {
    "HEIF": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "JPEG XL": b"\xff\x0a\xfa\x3f\x24",
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "PDF": b"%PDF-1.7\n",
    "Photoshop's PSD": b"8BPS\0\1",
    "ICO": b"\0\0\1\0\1\0",
    "ICNS": b"icns\0\0\1\0",
    "SVG": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">',
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_read_is_named(kind: str) -> None:
    with pytest.raises(ImageError, match=f"^image: {kind} is not read as an image; convert it to"):
        decode_image(OTHERS[kind])


@pytest.mark.parametrize("kind", ["ICO", "ICNS"])
def test_icons_are_not_read(kind: str) -> None:
    """Pillow would decode them on opening."""
    with pytest.raises(ImageError, match=f"^image: {kind} is not read as an image"):
        decode_image(write(kind, (32, 32)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_of_a_header_alone_the_kind_is_told(kind: str) -> None:
    with pytest.raises(ImageError, match=f"^image: (damaged|not).*({kind}|ends too early|header)"):
        decode_image(write(kind)[:24])


def test_avif_is_read_or_named() -> None:
    try:
        data = write("AVIF")
    except KeyError:  # Pillow before 11.3
        data = b"\0\0\0\x18ftypavif\0\0\0\0"
        with pytest.raises(ImageError, match="AVIF is not read as an image; convert it to PNG"):
            decode_image(data)
    else:
        assert decode_image(data).size == (37, 21)

    assert find_kind(data) == "AVIF"


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\0" * 40, b"RIFF\0\0\0\0WAVEfmt ", b"<html><svg>"]
)
def test_other_bytes_are_no_picture(data: bytes) -> None:
    assert find_kind(data) is None
    assert find_canvas(data) is None


class TestCanvas:
    @pytest.mark.parametrize(
        "options", [{"lossless": True}, {"quality": 50}, {"exif": b"Exif\0\0"}]
    )
    def test_of_every_layout_of_webp(self, options: dict[str, object]) -> None:
        assert find_canvas(write("WEBP", **options)) == (37, 21)

    @pytest.mark.parametrize("size", [(1, 1), (16_383, 1), (300, 16_383)])
    def test_of_webp_up_to_its_bounds(self, size: tuple[int, int]) -> None:
        assert find_canvas(write("WEBP", size, lossless=True)) == size

    def test_of_gif(self) -> None:
        assert find_canvas(write("GIF")) == (37, 21)

    @pytest.mark.parametrize("kind", ["WEBP", "GIF"])
    def test_of_a_file_that_is_cut_is_unknown(self, kind: str) -> None:
        assert find_canvas(write(kind)[:9]) is None

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP"])
    def test_is_not_asked_of_others(self, kind: str) -> None:
        assert find_canvas(write(kind)) is None
