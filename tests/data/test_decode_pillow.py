"""An image of Pillow's comes out as its file would; and what else a file tells."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from dfx.data import decode
from dfx.data.decode import PIXEL_LIMIT, Decoded, decode_image, read_image
from dfx.errors import ImageError

from .test_decode import STORED, UPRIGHT, encode

NOISE = Image.fromarray(np.random.default_rng(2).integers(0, 256, (24, 32, 4), dtype=np.uint8))


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def files() -> dict[str, bytes]:
    """A file of each format and of each kind of samples."""
    rgb = NOISE.convert("RGB")
    palette = rgb.quantize(8)
    samples = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    return {
        "JPEG": encode(rgb, "JPEG", quality=80, exif=turned(6)),
        "progressive JPEG": encode(rgb, "JPEG", quality=80, progressive=True),
        "CMYK JPEG": encode(rgb.convert("CMYK"), "JPEG", quality=80),
        "grey JPEG": encode(rgb.convert("L"), "JPEG", quality=80),
        "MPO": encode(rgb, "MPO", quality=80, save_all=True, append_images=[rgb]),
        "PNG": encode(NOISE, "PNG", exif=turned(8)),
        "grey PNG with alpha": encode(NOISE.convert("LA"), "PNG"),
        "palette PNG with alpha": encode(palette, "PNG", transparency=bytes(range(0, 240, 30))),
        "16-bit PNG": encode(Image.fromarray(samples), "PNG"),
        "WebP": encode(NOISE, "WEBP", exif=turned(3)),
        "BMP": encode(rgb, "BMP"),
        "TIFF": encode(NOISE, "TIFF", compression="tiff_lzw", exif=turned(5)),
        "CMYK TIFF": encode(rgb.convert("CMYK"), "TIFF"),
        "float TIFF": encode(Image.fromarray(samples.astype(np.float32)), "TIFF"),
        "GIF": encode(palette, "GIF", transparency=1, save_all=True, append_images=[rgb]),
        "JPEG 2000": encode(rgb, "JPEG2000"),
        "PPM": encode(rgb, "PPM"),
    }


FILES = files()


class TestPillowImages:
    @pytest.mark.parametrize("kind", FILES)
    @pytest.mark.parametrize("loaded", [False, True])
    def test_come_out_as_their_files_do(self, kind: str, loaded: bool) -> None:
        image = Image.open(io.BytesIO(FILES[kind]))
        if loaded:
            image.load()
        found, expected = read_image(image), read_image(FILES[kind])

        assert found.image.mode == "RGB"
        assert found.image.size == expected.image.size
        assert found.image.tobytes() == expected.image.tobytes()
        assert found.jpeg_quality == expected.jpeg_quality

    @pytest.mark.parametrize("kind", FILES)
    def test_are_left_as_they_are(self, kind: str) -> None:
        image = Image.open(io.BytesIO(FILES[kind]))
        image.load()
        before = (image.mode, image.size, image.tobytes(), dict(image.info))
        found = decode_image(image)

        assert found is not image
        found.paste((1, 2, 3), (0, 0, *found.size))

        assert (image.mode, image.size, image.tobytes(), dict(image.info)) == before

    @pytest.mark.parametrize("orientation", STORED)
    def test_are_turned_once(self, orientation: int) -> None:
        """An image that somebody has turned already says so in its metadata."""
        stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](UPRIGHT)))
        image = Image.open(io.BytesIO(encode(stored, "PNG", exif=turned(orientation))))

        assert np.asarray(decode_image(image)).tolist() == UPRIGHT.tolist()
        assert np.asarray(decode_image(ImageOps.exif_transpose(image))).tolist() == UPRIGHT.tolist()

    @pytest.mark.parametrize("mode", ["PA", "LA", "La", "RGBA", "RGBa"])
    def test_of_every_mode_with_alpha_lie_on_white(self, mode: str) -> None:
        """Two of them come from no file."""
        assert decode_image(Image.new(mode, (1, 1))).getpixel((0, 0)) == (255, 255, 255)

    @pytest.mark.parametrize(
        "mode", ["1", "L", "P", "RGBX", "YCbCr", "LAB", "HSV", "I", "I;16", "I;16B", "F"]
    )
    def test_of_every_other_mode_are_read(self, mode: str) -> None:
        assert decode_image(Image.new(mode, (3, 2))).size == (3, 2)

    def test_without_pixels_are_refused(self) -> None:
        with pytest.raises(ImageError, match=r"^image: 0 × 5 pixels: there is nothing to see$"):
            decode_image(Image.new("RGB", (0, 5)))

    def test_over_the_limit_are_refused(self) -> None:
        image = Image.new("1", (PIXEL_LIMIT // 10_000 + 1, 10_000))

        with pytest.raises(ImageError, match="more than the 100,000,000 allowed"):
            decode_image(image)

    def test_that_were_closed_are_refused(self) -> None:
        image = Image.open(io.BytesIO(FILES["JPEG"]))
        image.close()

        with pytest.raises(ImageError, match=r"^image: damaged image \("):
            decode_image(image)

    def test_of_postscript_are_not_run(self) -> None:
        image = Image.open(io.BytesIO(encode(NOISE.convert("RGB"), "EPS")))

        with pytest.raises(ImageError, match="PostScript is not read as an image"):
            decode_image(image)


class TestJpegQuality:
    @pytest.mark.parametrize("kind", FILES)
    def test_is_that_of_the_file(self, kind: str) -> None:
        expected = 80 if "JPEG" in kind.replace("JPEG 2000", "") or kind == "MPO" else None

        assert read_image(FILES[kind]).jpeg_quality == expected

    def test_is_unknown_of_pixels(self) -> None:
        image = Image.open(io.BytesIO(FILES["JPEG"])).copy()

        assert read_image(image).jpeg_quality is None

    def test_comes_with_the_image(self) -> None:
        decoded = read_image(FILES["grey JPEG"])

        assert isinstance(decoded, Decoded)
        assert decoded.image.tobytes() == decode_image(FILES["grey JPEG"]).tobytes()


class TestMetadata:
    @pytest.mark.parametrize(
        "exif", [b"Exif\0\0", b"Exif\0\0rubbish", b"Exif\0\0II*\0\xff\xff\xff"]
    )
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
    def test_that_is_damaged_leaves_the_picture_as_it_lies(self, kind: str, exif: bytes) -> None:
        plain = Image.fromarray(UPRIGHT)
        expected = decode_image(encode(plain, kind)).tobytes()

        assert decode_image(encode(plain, kind, exif=exif)).tobytes() == expected


class TestFiles:
    def test_a_pipe_that_was_named_is_read(self, tmp_path: Path) -> None:
        """As the shell's <(…) gives it."""
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(FILES["PNG"],))
        writer.start()
        found = decode_image(pipe)
        writer.join()

        assert found.tobytes() == decode_image(FILES["PNG"]).tobytes()

    def test_a_device_is_refused(self) -> None:
        with pytest.raises(ImageError, match=r"^/dev/zero: a device, not a file$"):
            decode_image("/dev/zero")

    def test_a_file_over_the_limit_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "film.jpg"
        with path.open("wb") as file:
            file.truncate(decode.BYTES_LIMIT + 1)

        with pytest.raises(ImageError, match="1,000,000,001 bytes, more than the 1,000,000,000 al"):
            decode_image(path)

    def test_a_pipe_without_end_is_not_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(decode, "BYTES_LIMIT", 3_000_000)
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb"), os.fdopen(writing, "wb") as end:

            def write() -> None:
                for _ in range(5):
                    end.write(bytes(1_000_000))

            writer = threading.Thread(target=write)
            writer.start()
            with pytest.raises(ImageError, match="more than the 3,000,000 bytes allowed"):
                decode_image(f"/dev/fd/{reading}")
            os.set_blocking(reading, False)
            while writer.is_alive():
                try:
                    os.read(reading, 1 << 20)
                except BlockingIOError:
                    continue
            writer.join()
