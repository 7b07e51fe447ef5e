"""How an image differs from those that a detector was trained on, as far as its file tells.

A detector's scores were measured on images like those of its training; what is said here is why
they may promise too much for another one. What the picture shows is not looked at.
"""

from __future__ import annotations

import math

from dfx.records.prediction import ImageProfile, Span

SIZE_FACTOR = 2
"""How far beyond the training images' span a size is far: a step that halves or doubles the finest
detail that is left after resizing, an octave of the frequencies in which traces are found."""

ASPECT_FACTOR = 1.25
"""As above, of width by height, which resizing to a square does away with. Photographs of 4:3 and
3:2 then pass as alike, as do 5:4 and square ones; 4:3 and 16:9 do not."""

LOW_JPEG_QUALITY = 60
"""Below it, a JPEG counts as heavily compressed. Quality 75 halves the standard's steps, which
leaves an image "usually nearly indistinguishable" from its source (ITU-T T.81, Annex K.1); below 60
they come near to the standard's own."""

AUGMENTED_JPEG_QUALITY = 30
"""As above after training with `augment.jpeg`, which compresses down to this quality."""


def find_unlike(
    width: int,
    height: int,
    jpeg_quality: int | None,
    *,
    image_size_px: int,
    profile: ImageProfile | None,
    jpeg_augmented: bool,
) -> tuple[str, ...]:
    """What about an image's size, shape and compression makes its verdict less sure.

    Args:
        width: As it is seen, its orientation applied, in pixels.
        height: As above.
        jpeg_quality: As libjpeg counts it; None where it is no JPEG.
        image_size_px: The side of the model's input.
        profile: What the training images are like; without it, only what can be said so.
        jpeg_augmented: Whether training compressed its images at random.

    Returns:
        A phrase for each difference, without the name of the image.
    """
    found = [_find_small(width, height, image_size_px, profile)]
    if profile is not None:
        found.append(_find_far_size(width, height, profile.size_px))
        found.append(_find_far_aspect(width / height, profile.aspect))
    if jpeg_quality is not None:
        found.append(_find_compressed(jpeg_quality, profile, jpeg_augmented=jpeg_augmented))
    return tuple(phrase for phrase in found if phrase)


def _find_small(
    width: int, height: int, image_size_px: int, profile: ImageProfile | None
) -> str | None:
    """Enlarged, an image shows the model nothing finer than it has."""
    shorter = min(width, height)
    if shorter >= image_size_px:
        return None
    usual = profile is not None and profile.shorter_side_px.low <= shorter
    return (
        f"{width} × {height} pixels, smaller than the model's input of"
        f" {image_size_px} × {image_size_px}{', as training images were' if usual else ''}"
    )


def _find_far_size(width: int, height: int, usual: Span) -> str | None:
    size = math.sqrt(width * height)
    if usual.low / SIZE_FACTOR <= size <= usual.high * SIZE_FACTOR:
        return None
    how = "smaller" if size < usual.low else "larger"
    return f"{width} × {height} pixels, far {how} than training images (about {_sides(usual)})"


def _sides(span: Span) -> str:
    low, high = round(span.low), round(span.high)
    return f"{low} a side" if low == high else f"{low} to {high} a side"


def _find_far_aspect(aspect: float, usual: Span) -> str | None:
    if usual.low / ASPECT_FACTOR <= aspect <= usual.high * ASPECT_FACTOR:
        return None
    sides = "wide as high"
    if aspect < 1:
        # People think of a tall image as so many times as high as wide.
        aspect, usual, sides = 1 / aspect, Span(1 / usual.high, 1 / usual.low), "high as wide"
    times = _ratio(aspect)
    shape = f"as {sides}" if times == "1" else f"{times} times as {sides}"
    low, high = _ratio(usual.low), _ratio(usual.high)
    theirs = low if low == high else f"{low} to {high}"
    usually = "were square" if theirs == "1" else theirs
    return f"{shape}; training images {usually}: squeezed unlike them"


def _ratio(value: float) -> str:
    """Two digits of a ratio, more only before the point."""
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def _find_compressed(
    quality: int, profile: ImageProfile | None, *, jpeg_augmented: bool
) -> str | None:
    usual = profile.jpeg_quality if profile else None
    lowest: float = AUGMENTED_JPEG_QUALITY if jpeg_augmented else LOW_JPEG_QUALITY
    if usual:
        lowest = min(lowest, usual.low)
    if quality >= lowest:
        return None
    if jpeg_augmented:
        expected = f"; training went down to {round(lowest)}"
    elif usual:
        low, high = round(usual.low), round(usual.high)
        expected = f"; training images had {low if low == high else f'{low} to {high}'}"
    else:
        expected = "; training images were no JPEGs" if profile else ": heavily compressed"
    return f"JPEG quality about {quality}{expected}"
