"""What the images of a training are like, so that prediction can tell those that are not."""

from __future__ import annotations

import heapq
import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from dfx.data.decode import Header, read_header
from dfx.data.index import ListedImage, hash_name
from dfx.errors import ImageError
from dfx.records.prediction import ImageProfile, Span

SAMPLE = 1_000
"""Images looked at. Ten of them lie beyond each percentile then, and opening so many files takes
seconds even where each is a seek on a disk."""

PERCENTILES = (1, 99)


def profile_images(images: Sequence[ListedImage]) -> ImageProfile | None:
    """What some images are like, by the headers of at most `SAMPLE` of their files.

    Which ones is decided by a digest of their names, as `list_split` does for a limit, so that a
    run that is resumed gets the same profile. Files that cannot be opened are passed over.

    Returns:
        None where none can be opened.
    """
    chosen = heapq.nsmallest(SAMPLE, images, key=lambda image: hash_name(image.name))
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        headers = [header for header in pool.map(_read, chosen) if header]
    if not headers:
        return None
    sides = np.array([(header.width, header.height) for header in headers], dtype=np.float64)
    qualities = [header.jpeg_quality for header in headers if header.jpeg_quality is not None]
    return ImageProfile(
        images=len(headers),
        shorter_side_px=_span(sides.min(axis=1)),
        size_px=_span(np.sqrt(sides.prod(axis=1))),
        aspect=_span(sides[:, 0] / sides[:, 1]),
        jpeg_quality=_span(qualities) if qualities else None,
        formats=dict(Counter(header.file_format for header in headers).most_common()),
    )


def _read(image: ListedImage) -> Header | None:
    try:
        return read_header(image.path)
    except ImageError:
        return None


def _span(values: Sequence[float] | np.typing.NDArray[np.float64]) -> Span:
    """Percentiles, interpolated between the two values that they lie between."""
    low, high = np.percentile(values, PERCENTILES).tolist()
    return Span(low, high)
