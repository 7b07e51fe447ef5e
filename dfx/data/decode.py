"""The one decoder: any image file to 8-bit RGB, for training, evaluation and prediction alike."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import (  # the plugins too: Pillow knows the formats of those that were imported
    BmpImagePlugin,  # noqa: F401  # as said above, like most that follow
    ExifTags,
    GifImagePlugin,  # noqa: F401
    Image,
    ImageOps,
    Jpeg2KImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    PpmImagePlugin,  # noqa: F401
    UnidentifiedImageError,
    WebPImagePlugin,  # noqa: F401
)
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from dfx.data.jpeg_quality import estimate_quality
from dfx.data.signatures import find_canvas, find_kind
from dfx.data.silence import SILENCE
from dfx.errors import ImageError

with suppress(ImportError):  # Pillow has it since 11.3
    from PIL import AvifImagePlugin  # noqa: F401

PIXEL_LIMIT = 100_000_000
"""Largest image that is decoded, in pixels: 300 MB as RGB. Beyond it a file is taken for a bomb."""

SIDE_LIMIT = 1_000_000
"""Longest side in pixels. Resizing takes 32 bytes for each: of a long row gigabytes, and beyond 2
Pillow gives up."""

BYTES_LIMIT = 1_000_000_000
"""Largest file that is read: so many pixels take 800 MB as 16-bit RGBA without compression."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM", "JPEG2000", "AVIF", "HEIF")
"""What is read, by Pillow's names; the last two where this Pillow or a plugin of it can.

Of the others that Pillow knows, some take memory or start a program before their size can be asked
for, and each widens what a stranger's file can reach.
"""

_BROKEN = (
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    AssertionError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
)
"""What Pillow's decoders raise on broken files; UnidentifiedImageError is an OSError."""

_WORDS = (
    (re.compile("truncat|only got|not enough image data|end of file", re.I), "it ends too early"),
    (re.compile("broken|decoder error|unrecognized data|b'", re.I), "its data is broken"),
    (re.compile("could not create decoder", re.I), "its header is broken"),
)
"""What is said where Pillow's words, which this finds, are those of a programmer."""

_TILE_SIDES = (322, 323)
"""TIFF's tags of the width and height of a tile."""

_ON_THE_SIDE = (5, 6, 7, 8)
"""The EXIF orientations that exchange width and height."""

_UNKNOWN_KIND = re.compile("support|not available|not implemented|unknown", re.I)


class Decoded(NamedTuple):
    """An image as it is seen, and what its file told beyond that.

    Attributes:
        image: Mode RGB.
        jpeg_quality: By its quantisation tables, as libjpeg counts it; None where it is no JPEG.
    """

    image: Image.Image
    jpeg_quality: int | None


class Header(NamedTuple):
    """What a file tells of its image before it is decoded.

    Attributes:
        width: As it is seen, its orientation applied, in pixels.
        height: As above.
        file_format: Pillow's name of it.
        jpeg_quality: As `Decoded` has it.
    """

    width: int
    height: int
    file_format: str
    jpeg_quality: int | None


def decode_image(source: str | Path | bytes | Image.Image) -> Image.Image:
    """Reads an image as 8-bit RGB: `read_image` without what else the file tells."""
    return read_image(source).image


def read_image(source: str | Path | bytes | Image.Image) -> Decoded:
    """Reads an image as 8-bit RGB.

    EXIF orientation is applied, transparency is laid on white, 16-bit samples keep their high byte,
    and of several frames the first counts. Palette, greyscale and CMYK are converted.

    Args:
        source: A path, the bytes of a file, or an image of Pillow's, which is treated as its file
            would be, and left as it is.

    Raises:
        ImageError: Naming the file and what is wrong with it.
    """
    if isinstance(source, Image.Image):
        with _explaining("image"):
            return _decode(source)
    name = "image" if isinstance(source, bytes) else str(source)
    with _explaining(name):
        data = source if isinstance(source, bytes) else _read_file(Path(source))
        with _open(io.BytesIO(data)) as image:
            return _decode(image)


def read_header(path: Path) -> Header:
    """Reads what a file tells of its image, and of most formats no more of it than that.

    Raises:
        ImageError: Naming the file and what is wrong with it.
    """
    with _explaining(str(path)), _open_file(path) as file, _open(file) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):
            # Some of Pillow's versions have applied the orientation to the size already.
            width, height = image.tag_v2[256], image.tag_v2[257]
        orientation = 1
        with suppress(*_BROKEN):
            # PNG's own `getexif` decodes the image, since its EXIF may lie behind that. Programs
            # write it before; where it does not, width and height are not exchanged here.
            orientation = Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
        if orientation in _ON_THE_SIDE:
            width, height = height, width
        _check_size(width, height)
        return Header(width, height, image.format or "", _find_quality(image))


@contextmanager
def _explaining(name: str) -> Iterator[None]:
    """Whatever is wrong is said in words, after the name.

    Our own limits stand here; Pillow's warnings about odd metadata help nobody.
    """
    with SILENCE:
        try:
            yield
        except ImageError as error:
            raise ImageError(f"{name}: {error.message}") from None
        except Image.DecompressionBombError as error:
            found = re.search(r"\d+", str(error))
            claimed = f"{int(found[0]):,} pixels, " if found else ""
            raise ImageError(f"{name}: {claimed}more than the {PIXEL_LIMIT:,} allowed") from None
        except _BROKEN as error:
            raise ImageError(f"{name}: {_describe(error)}") from None


def _describe(error: Exception) -> str:
    text = " ".join(str(error).split())
    for pattern, words in _WORDS:
        if pattern.search(text):
            return f"damaged image ({words})"
    if _UNKNOWN_KIND.search(text):
        return f"an image of a kind that is not read ({text})"
    # OSError and SyntaxError come from Pillow with words, the others from Python without.
    has_words = text and isinstance(error, OSError | SyntaxError)
    return f"damaged image ({text if has_words else 'its structure is broken'})"


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise ImageError(error.strerror or str(error)) from None


def _read_file(path: Path) -> bytes:
    """The bytes of a file, or of a pipe that somebody named.

    Raises:
        ImageError: Where it cannot be read, or is larger than `BYTES_LIMIT`.
    """
    try:
        # A device has no end, or waits for somebody.
        mode = path.stat().st_mode
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            raise ImageError("a device, not a file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size <= BYTES_LIMIT:
                # Only of a pipe, whose size is 0, there may be more than was said.
                data = file.read() if size else b"".join(_read_pieces(file))
    except (OSError, ValueError) as error:
        raise ImageError(getattr(error, "strerror", None) or str(error)) from None
    if size > BYTES_LIMIT:
        raise ImageError(f"{size:,} bytes, more than the {BYTES_LIMIT:,} allowed")
    return data


def _read_pieces(file: io.BufferedReader) -> Iterator[bytes]:
    total = 0
    while piece := file.read(1 << 20):
        total += len(piece)
        if total > BYTES_LIMIT:
            raise ImageError(f"more than the {BYTES_LIMIT:,} bytes allowed")
        yield piece


def _open(file: BinaryIO) -> Image.Image:
    """Reads the header, after seeing that this alone takes no memory.

    Raises:
        ImageError: Where it is no image, of a kind that is not read, or too large.
    """
    head = file.read(1024)
    file.seek(0)
    if not head:
        raise ImageError("the file is empty")
    # Pillow makes the canvas of a WebP, and what a GIF's first frame leaves, when it opens them.
    if claimed := find_canvas(head):
        _check_size(*claimed)
    readable = [name for name in FORMATS if name in Image.OPEN]
    try:
        return Image.open(file, formats=readable)
    except UnidentifiedImageError:
        kind = find_kind(head)
        if kind is None:
            raise ImageError("not an image") from None
        if kind in readable:
            raise ImageError(f"damaged {kind} image, or of a kind that is not read") from None
        raise ImageError(f"{kind} is not read as an image; convert it to PNG") from None


def _decode(image: Image.Image) -> Decoded:
    if image.format == "EPS":
        # Pillow would hand it to Ghostscript: PostScript is a program.
        raise ImageError("PostScript is not read as an image")
    _check_size(*image.size)
    if isinstance(image, TiffImageFile):
        # libtiff takes memory for a whole tile, which may be larger than the image.
        _check_size(*(image.tag_v2.get(tag, 1) for tag in _TILE_SIDES))
    image.load()
    return Decoded(_to_rgb(_turn(image)), _find_quality(image))


def _find_quality(image: Image.Image) -> int | None:
    tables = image.quantization if isinstance(image, JpegImageFile) else None
    return estimate_quality(tables) if tables else None


def _check_size(width: int, height: int) -> None:
    if width * height > PIXEL_LIMIT:
        raise ImageError(f"{width} × {height} pixels, more than the {PIXEL_LIMIT:,} allowed")
    if max(width, height) > SIDE_LIMIT:
        raise ImageError(f"{width} × {height} pixels, a side above the {SIDE_LIMIT:,} allowed")
    if not width or not height:
        raise ImageError(f"{width} × {height} pixels: there is nothing to see")


def _turn(image: Image.Image) -> Image.Image:
    """A copy with the EXIF orientation applied."""
    try:
        return ImageOps.exif_transpose(image)
    except _BROKEN:
        # Metadata that cannot be read says nothing about the picture, which is whole.
        return image.copy()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _to_grey(image)
    if image.mode == "La":
        image = image.convert("LA")  # to RGBA, Pillow would drop its alpha
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == "RGB" else image.convert("RGB")


def _to_grey(image: Image.Image) -> Image.Image:
    """Integer and float greyscale as 8 bits, where Pillow's own conversion would clip."""
    if image.mode == "F":
        values = np.nan_to_num(np.asarray(image, dtype=np.float64))
        # Floating-point TIFF has no fixed range; the two in use are 0–1 and 0–255.
        grey = values * 255 if values.max(initial=0) <= 1 else values
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    samples = np.asarray(image)
    high = np.clip(samples >> 8, 0, 255).astype(np.uint8)
    # PNG may name one 16-bit sample that stands for transparent.
    high[samples == image.info.get("transparency", -1)] = 255
    return Image.fromarray(high)
