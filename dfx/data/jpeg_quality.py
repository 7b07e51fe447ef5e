"""How strongly a JPEG was compressed, told by the tables that it was quantised with.

A file does not say its quality. Of one that was compressed twice, the tables tell of the last time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

# fmt: off
LUMINANCE = (
    16, 11, 10, 16,  24,  40,  51,  61,
    12, 12, 14, 19,  26,  58,  60,  55,
    14, 13, 16, 24,  40,  57,  69,  56,
    14, 17, 22, 29,  51,  87,  80,  62,
    18, 22, 37, 56,  68, 109, 103,  77,
    24, 35, 55, 64,  81, 104, 113,  92,
    49, 64, 78, 87, 103, 121, 120, 101,
    72, 92, 95, 98, 112, 100, 103,  99,
)
# fmt: on
"""The luminance table of ITU-T T.81, Annex K, table K.1; row by row, not in zigzag order."""


def scale_luminance(quality: int) -> list[int]:
    """The luminance table that libjpeg writes at a quality.

    As `jpeg_quality_scaling` and `jpeg_add_quant_table` of libjpeg's jcparam.c, held to the 8 bits
    of baseline files.

    Args:
        quality: 1 to 100.
    """
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(max((step * percent + 50) // 100, 1), 255) for step in LUMINANCE]


_LOGARITHMS = np.log(np.array([scale_luminance(quality) for quality in range(1, 101)]))
"""Of the table of each quality: float64 [100, 64]."""


def estimate_quality(quantization: Mapping[int, Sequence[int]]) -> int:
    """The quality, as libjpeg counts it, whose luminance table is the nearest.

    It is exact for what libjpeg wrote, Pillow, OpenCV and ImageMagick included. Other programs have
    tables of their own, and no such number: the estimate is then of libjpeg's table whose steps
    differ least from theirs, by the mean of the logarithms' distance, which weighs the fine steps
    of the low frequencies like the coarse ones.

    Args:
        quantization: As Pillow's JPEG images have it: tables of 64 steps by their number, row by
            row. The luminance is quantised with the one of the lowest number, which is also the
            only one of a greyscale image.

    Returns:
        1 to 100.

    Raises:
        ValueError: Where there is no table of 64 steps.
    """
    steps = quantization[min(quantization)] if quantization else ()
    if len(steps) != len(LUMINANCE):
        raise ValueError(f"a quantisation table of {len(steps)} steps; expected {len(LUMINANCE)}")
    # A step of 0 is only in broken files.
    distances = np.abs(np.log(np.maximum(steps, 1)) - _LOGARITHMS).sum(axis=1)
    return int(distances.argmin()) + 1
