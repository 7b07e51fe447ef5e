"""Whatever an image file holds becomes 8-bit RGB, or an ImageError that names it."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from dfx.data.decode import PIXEL_LIMIT, decode_image
from dfx.errors import DataError, ImageError

Samples = NDArray[np.uint8]

UPRIGHT: Samples = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3) * 13
"""Two rows, three columns, all pixels different."""

STORED: dict[int, Callable[[Samples], Samples]] = {
    1: lambda u: u,
    2: lambda u: u[:, ::-1],
    3: lambda u: u[::-1, ::-1],
    4: lambda u: u[::-1],
    5: lambda u: u.transpose(1, 0, 2),
    6: np.rot90,
    7: lambda u: u[::-1, ::-1].transpose(1, 0, 2),
    8: lambda u: np.rot90(u, -1),
}
"""How an upright picture lies in the file for each orientation, from the EXIF standard's words:
which visual side the stored first row and first column are (6: right, top; 8: left, bottom)."""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(
    samples: NDArray[np.uint16] | None,
    *,
    colour: int,
    size: tuple[int, int] | None = None,
    extra: bytes = b"",
) -> bytes:
    """A 16-bit PNG, which Pillow itself cannot write in colour; without samples, only a header."""
    width, height = size or (
        (samples.shape[1], samples.shape[0]) if samples is not None else (1, 1)
    )
    header = struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)
    rows = b"" if samples is None else b"".join(b"\0" + r.astype(">u2").tobytes() for r in samples)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def pixels(source: str | Path | bytes) -> Samples:
    image = decode_image(source)

    assert image.mode == "RGB"
    return np.asarray(image)


def on_white(colour: tuple[int, int, int], alpha: int) -> list[int]:
    return [round((c * alpha + 255 * (255 - alpha)) / 255) for c in colour]


class TestOrientation:
    @pytest.mark.parametrize("orientation", STORED)
    @pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
    def test_every_orientation_comes_out_upright(self, orientation: int, kind: str) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(stored, kind, exif=exif, **options)

        assert pixels(data).tolist() == UPRIGHT.tolist()

    @pytest.mark.parametrize("orientation", STORED)
    def test_jpeg_as_phones_write_it(self, orientation: int) -> None:
        """The bright corner of a rotated JPEG ends at the top left."""
        upright = np.zeros((32, 48, 3), np.uint8)
        upright[:16, :16] = 255
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
        found = pixels(encode(stored, "JPEG", exif=exif, quality=95))

        assert found.shape == (32, 48, 3)
        assert found[:14, :14].min() > 230
        assert found[18:, :].max() < 25 and found[:, 18:].max() < 25

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_an_orientation_that_means_nothing_changes_nothing(self, orientation: int) -> None:
        exif = Image.Exif()
        exif[0x0112] = orientation

        assert (
            pixels(encode(Image.fromarray(UPRIGHT), "PNG", exif=exif)).tolist() == UPRIGHT.tolist()
        )


class TestTransparency:
    @pytest.mark.parametrize("alpha", [0, 1, 64, 128, 255])
    def test_rgba_lies_on_white(self, alpha: int) -> None:
        data = encode(Image.new("RGBA", (1, 1), (10, 100, 200, alpha)), "PNG")

        assert pixels(data)[0, 0].tolist() == pytest.approx(on_white((10, 100, 200), alpha), abs=1)

    def test_grey_with_alpha_lies_on_white(self) -> None:
        data = encode(Image.new("LA", (1, 1), (40, 128)), "PNG")

        assert pixels(data)[0, 0].tolist() == pytest.approx(on_white((40, 40, 40), 128), abs=1)

    def test_a_transparent_palette_entry_is_white(self) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.putdata([0, 1])
        data = encode(image, "PNG", transparency=0)

        assert pixels(data).tolist() == [[[255, 255, 255], [0, 0, 255]]]

    def test_half_transparent_palette_entries_blend(self) -> None:
        image = Image.new("P", (2, 1))
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.putdata([0, 1])
        data = encode(image, "PNG", transparency=bytes([128, 255]))

        assert pixels(data)[0, 0].tolist() == pytest.approx(on_white((255, 0, 0), 128), abs=1)
        assert pixels(data)[0, 1].tolist() == [0, 0, 255]

    @pytest.mark.parametrize(("mode", "colour"), [("RGB", (9, 8, 7)), ("L", 9)])
    def test_a_colour_named_transparent_is_white(self, mode: str, colour: object) -> None:
        """PNG's tRNS chunk on an image without an alpha channel."""
        image = Image.new(mode, (2, 1), colour)  # type: ignore[arg-type]
        image.putpixel((1, 0), (0, 0, 0) if mode == "RGB" else 0)
        data = encode(image, "PNG", transparency=colour)

        assert pixels(data).tolist() == [[[255, 255, 255], [0, 0, 0]]]

    def test_a_sample_named_transparent_in_16_bits_is_white(self) -> None:
        data = make_png(
            np.array([[1000, 1001]], np.uint16),
            colour=0,
            extra=chunk(b"tRNS", struct.pack(">H", 1000)),
        )

        assert pixels(data).tolist() == [[[255, 255, 255], [3, 3, 3]]]


class TestSampleFormats:
    def test_16_bit_grey_keeps_its_high_byte(self) -> None:
        samples = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
        data = encode(Image.fromarray(samples), "PNG")

        assert pixels(data)[0, :, 0].tolist() == [0, 0, 1, 128, 255]

    def test_16_bit_grey_tiff_of_either_byte_order(self) -> None:
        samples = np.array([[0, 300, 65535]], np.uint16)
        little = encode(Image.fromarray(samples), "TIFF")
        big = encode(Image.fromarray(samples.astype(">u2")), "TIFF")

        assert pixels(little)[0, :, 1].tolist() == pixels(big)[0, :, 1].tolist() == [0, 1, 255]

    def test_16_bit_colour_keeps_its_high_byte(self) -> None:
        samples = np.array([[[0x1234, 0xABCD, 0xFFFF]]], np.uint16)

        assert pixels(make_png(samples, colour=2)).tolist() == [[[0x12, 0xAB, 0xFF]]]

    def test_16_bit_colour_with_alpha_lies_on_white(self) -> None:
        samples = np.array([[[0, 0, 0, 0], [0, 0, 0, 0xFFFF]]], np.uint16)

        assert pixels(make_png(samples, colour=6)).tolist() == [[[255] * 3, [0] * 3]]

    def test_32_bit_integers_are_taken_for_16_bit_samples(self) -> None:
        samples = np.array([[-5, 0, 512, 65535, 2_000_000]], np.int32)
        data = encode(Image.fromarray(samples), "TIFF")

        assert pixels(data)[0, :, 2].tolist() == [0, 0, 2, 255, 255]

    @pytest.mark.parametrize(
        ("samples", "expected"),
        [([0.0, 0.5, 1.0], [0, 127, 255]), ([0.0, 2.0, 300.0], [0, 2, 255])],
    )
    def test_floats_reach_to_1_or_to_255(self, samples: list[float], expected: list[int]) -> None:
        data = encode(Image.fromarray(np.array([samples], np.float32)), "TIFF")

        assert pixels(data)[0, :, 0].tolist() == expected

    def test_floats_that_are_no_numbers_are_black(self) -> None:
        """Casting a NaN gives another value on another processor."""
        data = encode(Image.fromarray(np.array([[np.nan, 1.0]], np.float32)), "TIFF")

        assert pixels(data)[0, :, 0].tolist() == [0, 255]

    def test_cmyk_jpeg(self) -> None:
        """No ink is white, full cyan has no red."""
        image = Image.new("CMYK", (32, 16), (0, 0, 0, 0))
        image.paste((255, 0, 0, 0), (16, 0, 32, 16))
        found = pixels(encode(image, "JPEG", quality=95))

        assert found[8, 4].tolist() == pytest.approx([255, 255, 255], abs=4)
        assert found[8, 28].tolist() == pytest.approx([0, 255, 255], abs=4)

    def test_grey_jpeg(self) -> None:
        found = pixels(encode(Image.new("L", (8, 8), 77), "JPEG"))

        assert found[4, 4].tolist() == [77, 77, 77]

    def test_1_bit(self) -> None:
        image = Image.new("1", (2, 1))
        image.putpixel((1, 0), 1)

        assert pixels(encode(image, "PNG")).tolist() == [[[0] * 3, [255] * 3]]

    def test_palette_without_transparency(self) -> None:
        image = Image.new("P", (1, 1))
        image.putpalette([5, 6, 7])

        assert pixels(encode(image, "PNG")).tolist() == [[[5, 6, 7]]]

    @pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
    def test_of_several_frames_the_first_counts(self, kind: str) -> None:
        frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
        options = {"lossless": True} if kind == "WEBP" else {}
        data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)

        assert pixels(data)[0, 0].tolist() == [255, 0, 0]

    def test_path_text_and_bytes_are_the_same(self, tmp_path: Path) -> None:
        path = tmp_path / "näme with spaces.png"
        Image.fromarray(UPRIGHT).save(path)

        assert pixels(path).tolist() == pixels(str(path)).tolist() == UPRIGHT.tolist()
        assert pixels(path.read_bytes()).tolist() == UPRIGHT.tolist()


def write_bad(kind: str, path: Path) -> None:
    """One of the things that are found in folders of images."""
    good = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    match kind:
        case "empty":
            path.touch()
        case "text":
            path.write_text("this is no image\n" * 20)
        case "truncated jpeg":
            path.write_bytes(encode(Image.fromarray(good), "JPEG")[:1500])
        case "truncated png":
            path.write_bytes(encode(Image.fromarray(good), "PNG")[:5000])
        case "header alone":
            path.write_bytes(encode(Image.fromarray(good), "PNG")[:40])
        case "bomb":
            path.write_bytes(make_png(None, colour=2, size=(60_000, 60_000)))
        case "small bomb":
            path.write_bytes(make_png(None, colour=2, size=(PIXEL_LIMIT // 10_000 + 1, 10_000)))
        case "folder":
            path.mkdir()
        case "dangling link":
            path.symlink_to(path.with_name("nowhere.jpg"))


EXPECTED = {
    "empty": "the file is empty",
    "text": "not an image",
    "truncated jpeg": "damaged image (it ends too early)",
    "truncated png": "damaged image (it ends too early)",
    "header alone": "damaged PNG image, or of a kind that is not read",
    "bomb": f"3,600,000,000 pixels, more than the {PIXEL_LIMIT:,} allowed",
    "small bomb": f"10001 × 10000 pixels, more than the {PIXEL_LIMIT:,} allowed",
    "folder": "Is a directory",
    "dangling link": "No such file or directory",
    "missing": "No such file or directory",
}


class TestBadFiles:
    @pytest.mark.parametrize("kind", EXPECTED)
    def test_is_an_image_error_that_names_the_path(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "bad.jpg"
        write_bad(kind, path)

        with pytest.raises(ImageError) as caught:
            decode_image(path)

        message = str(caught.value)
        assert message.startswith(f"{path}: {EXPECTED[kind]}")
        assert "Traceback" not in message and "\n" not in message and "object at 0x" not in message
        assert isinstance(caught.value, DataError) and caught.value.exit_code == 5

    @pytest.mark.parametrize("kind", ["empty", "text", "truncated jpeg"])
    def test_bytes_have_no_path_to_name(self, kind: str, tmp_path: Path) -> None:
        path = tmp_path / "bad.jpg"
        write_bad(kind, path)

        with pytest.raises(ImageError, match=f"^image: {re.escape(EXPECTED[kind])}"):
            decode_image(path.read_bytes())

    def test_postscript_is_not_run(self, tmp_path: Path) -> None:
        """Pillow renders it by starting Ghostscript, whatever the file is called."""
        path = tmp_path / "bad.jpg"
        path.write_bytes(encode(Image.fromarray(UPRIGHT), "EPS"))

        with pytest.raises(ImageError, match="PostScript is not read as an image"):
            decode_image(path)

    def test_an_image_at_the_limit_is_no_bomb(self) -> None:
        """Its header alone passes the check; what is missing then is the pixels."""
        data = make_png(None, colour=0, size=(PIXEL_LIMIT // 10_000, 10_000))

        with pytest.raises(ImageError, match="damaged image"):
            decode_image(data)


def seeds() -> dict[str, bytes]:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6
    return {
        "JPEG": encode(image, "JPEG", exif=exif),
        "PNG": encode(image, "PNG", exif=exif),
        "palette": encode(image.quantize(8), "PNG", transparency=0),
        "GIF": encode(image, "GIF"),
        "TIFF": encode(image, "TIFF", compression="tiff_lzw", exif=exif),
        "WEBP": encode(image, "WEBP", exif=exif),
    }


SEEDS = seeds()


def decodes_or_says_why(data: bytes) -> None:
    try:
        image = decode_image(data)
    except ImageError:
        return

    assert image.mode == "RGB"


class TestNothingButImageErrorEscapes:
    @given(st.binary(max_size=300))
    @settings(max_examples=150, deadline=None)
    def test_from_random_bytes(self, data: bytes) -> None:
        decodes_or_says_why(data)

    @given(st.sampled_from(sorted(SEEDS)), st.binary(max_size=200))
    @settings(max_examples=150, deadline=None)
    def test_from_random_bytes_after_a_real_header(self, kind: str, data: bytes) -> None:
        decodes_or_says_why(SEEDS[kind][:40] + data)

    @given(st.sampled_from(sorted(SEEDS)), st.data())
    @settings(max_examples=200, deadline=None)
    def test_from_truncated_files(self, kind: str, data: st.DataObject) -> None:
        seed = SEEDS[kind]
        decodes_or_says_why(seed[: data.draw(st.integers(0, len(seed)))])

    @given(st.sampled_from(sorted(SEEDS)), st.data())
    @settings(max_examples=500, deadline=None)
    def test_from_flipped_bits(self, kind: str, data: st.DataObject) -> None:
        broken = bytearray(SEEDS[kind])
        for _ in range(data.draw(st.integers(1, 6))):
            # Most damage that a decoder notices is near the front, where the headers are.
            last = data.draw(st.sampled_from([100, len(broken) - 1]))
            broken[data.draw(st.integers(0, min(last, len(broken) - 1)))] ^= 1 << data.draw(
                st.integers(0, 7)
            )
        decodes_or_says_why(bytes(broken))
