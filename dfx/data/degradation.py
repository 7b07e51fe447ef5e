"""What happens to pictures on their way: compression, blur, resizing, noise, brightness, contrast.

Each is one function of a decoded image, in 8-bit RGB, and of its strength. Training draws the
strength at random (`dfx.data.transforms`), the robustness suite fixes it
(`dfx.evaluation.robustness`). Nothing here is random but noise, whose generator is given.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from dfx.data.decode import decode_image
from dfx.errors import ImageError

JPEG_OPTIONS = {"subsampling": "4:2:0", "optimize": False, "progressive": False}
"""How JPEG is written: as Pillow and most platforms do unless told otherwise."""

WEBP_OPTIONS = {"lossless": False, "method": 4}
"""How WebP is written: lossy, which always halves the colour's resolution, at libwebp's own effort
of 4 from 0 to 6."""

RESIZE_FILTER = Image.Resampling.BILINEAR
"""Both ways. Pillow widens it when an image becomes smaller, which keeps it from aliasing."""

SIZE_LIMITS_PX = {"JPEG": 65_500, "WEBP": 16_383}
"""The longest side that an encoder takes."""


def compress_jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Written as JPEG by libjpeg and read again.

    Baseline with the tables of the standard (Annex K) scaled to the quality, the colour at half the
    resolution in both directions (4:2:0), integer transform, no metadata; read with libjpeg's
    smooth upsampling of the colour.

    Args:
        image: Mode RGB.
        quality: As libjpeg counts it, 1 to 100.

    Raises:
        ImageError: Where a side is longer than 65,500 pixels.
    """
    return _write_and_read(image, "JPEG", {"quality": quality, **JPEG_OPTIONS})


def compress_webp(image: Image.Image, quality: int) -> Image.Image:
    """Written as lossy WebP by libwebp and read again, without metadata.

    Args:
        image: Mode RGB.
        quality: As libwebp counts it, 0 to 100; not comparable with JPEG's.

    Raises:
        ImageError: Where a side is longer than 16,383 pixels.
    """
    return _write_and_read(image, "WEBP", {"quality": quality, **WEBP_OPTIONS})


def blur(image: Image.Image, sigma_px: float) -> Image.Image:
    """Blurred by Pillow's `GaussianBlur`, the same in both directions; edges are continued.

    Pillow approximates the bell by three box filters in each direction, whose total variance is
    σ², and rounds to 8 bits after each. Against a sampled Gaussian the error is 0.5 to 1.2 of 255
    (root mean square, away from the edges: noise of full range, the worst case) for σ from 0.5 to
    3. Of a photograph at σ = 0.5 it is about a quarter of the blur's own effect. Near the edges it
    is larger, since each of the filters continues them anew.

    Args:
        image: Mode RGB.
        sigma_px: Standard deviation in pixels of this image.
    """
    return image.filter(ImageFilter.GaussianBlur(sigma_px))


def resize_there_and_back(image: Image.Image, scale: float) -> Image.Image:
    """Made smaller and brought to its old size again, bilinear and antialiased.

    Args:
        image: Mode RGB.
        scale: Of both sides. They are rounded to whole pixels, halves to even ones, at least 1.
    """
    small = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(small, RESIZE_FILTER).resize(image.size, RESIZE_FILTER)


def add_noise(image: Image.Image, sigma: float, rng: np.random.Generator) -> Image.Image:
    """Normal noise, independent for each pixel and channel; rounded and cut off at 0 and 255.

    Args:
        image: Mode RGB.
        sigma: Standard deviation, of 255.
        rng: Where it is drawn from, in float32: row by row, the channels of a pixel together.
    """
    samples = np.asarray(image, dtype=np.float32)
    noisy = samples + sigma * rng.standard_normal(samples.shape, dtype=np.float32)
    return Image.fromarray(np.clip(noisy.round(), 0, 255).astype(np.uint8))


def change_brightness(image: Image.Image, factor: float) -> Image.Image:
    """Every sample times a factor, the fraction cut off, at most 255.

    Args:
        image: Mode RGB.
        factor: 1 changes nothing.
    """
    return ImageEnhance.Brightness(image).enhance(factor)


def change_contrast(image: Image.Image, factor: float) -> Image.Image:
    """The distance of every sample from the image's mean grey times a factor, cut off as above.

    The mean is that of the luma (ITU-R 601-2), rounded to a whole number.

    Args:
        image: Mode RGB.
        factor: 1 changes nothing.
    """
    return ImageEnhance.Contrast(image).enhance(factor)


def _write_and_read(image: Image.Image, file_format: str, options: dict[str, Any]) -> Image.Image:
    limit = SIZE_LIMITS_PX[file_format]
    if max(image.size) > limit:
        # Asked all the same, libjpeg would write to stderr.
        raise ImageError(
            f"{image.width} × {image.height} pixels, where {file_format} allows {limit:,} a side"
        )
    # Pillow would pass a comment or profile of the original on, and may find it too long.
    bare = image.copy()
    bare.info = {}
    buffer = io.BytesIO()
    try:
        bare.save(buffer, file_format, **options)
    except (OSError, ValueError, KeyError) as error:  # KeyError: this Pillow lacks the codec
        raise ImageError(f"cannot be written as {file_format}: {error}") from None
    return decode_image(buffer.getvalue())
