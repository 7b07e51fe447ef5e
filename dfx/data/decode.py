"""The one decoder: any image file to 8-bit RGB, for training, evaluation and prediction alike."""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path
from types import TracebackType

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dfx.errors import ImageError

PIXEL_LIMIT = 100_000_000
"""Largest image that is decoded, in pixels: 300 MB as RGB. Beyond it a file is taken for a bomb."""

_BROKEN = (
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
)
"""What Pillow's decoders raise on broken files; UnidentifiedImageError is an OSError."""


def decode_image(source: str | Path | bytes) -> Image.Image:
    """Reads an image as 8-bit RGB.

    EXIF orientation is applied, transparency is laid on white, 16-bit samples keep their high byte,
    and of several frames the first counts. Palette, greyscale and CMYK are converted.

    Args:
        source: A path, or the bytes of a file.

    Returns:
        An image of mode RGB.

    Raises:
        ImageError: Naming the file and what is wrong with it.
    """
    name = "image" if isinstance(source, bytes) else str(source)
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: {error.strerror or error}") from None
    if not data:
        raise ImageError(f"{name}: the file is empty")
    # Our own limit stands below; Pillow's warnings about odd metadata help nobody here.
    with _SILENCE:
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.format == "EPS":
                    # Pillow would hand it to Ghostscript: PostScript is a program.
                    raise ImageError(f"{name}: PostScript is not read as an image")
                width, height = image.size
                if width * height > PIXEL_LIMIT:
                    raise ImageError(
                        f"{name}: {width} × {height} pixels, more than the {PIXEL_LIMIT:,} allowed"
                    )
                image.load()
                return _to_rgb(ImageOps.exif_transpose(image))
        except Image.DecompressionBombError:
            raise ImageError(f"{name}: more than the {PIXEL_LIMIT:,} pixels allowed") from None
        except UnidentifiedImageError:
            raise ImageError(f"{name}: not an image") from None
        except _BROKEN as error:
            raise ImageError(f"{name}: damaged image ({error})") from None


class _Silence:
    """Ignores warnings while any thread is inside.

    `warnings.catch_warnings` alone is not safe in threads: two that overlap put each other's
    filters back, and everything would be silent from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(kind, error, traceback)


_SILENCE = _Silence()


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = _to_grey(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB")


def _to_grey(image: Image.Image) -> Image.Image:
    """Integer and float greyscale as 8 bits, where Pillow's own conversion would clip."""
    samples = np.asarray(image, dtype=np.float64)
    if image.mode == "F":
        samples = np.nan_to_num(samples)
        # Floating-point TIFF has no fixed range; the two in use are 0–1 and 0–255.
        grey = samples * 255 if samples.max(initial=0) <= 1 else samples
    else:
        grey = samples // 256
        # PNG may name one 16-bit sample that stands for transparent.
        grey[samples == image.info.get("transparency", -1)] = 255
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
