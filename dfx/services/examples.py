"""The images of a contact sheet: those that the network was surest of, rightly and wrongly."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from dfx.data.decode import decode_image
from dfx.data.index import SplitIndex
from dfx.errors import ImageError
from dfx.records import DEEPFAKE, REAL
from dfx.records.report import Example

OF_EACH = 6
"""Examples of each class, rightly and wrongly judged."""

THUMBNAIL_PX = 192
"""The longer side of a picture."""


def choose_examples(
    index: SplitIndex, labels: NDArray[np.int64], p_deepfake: NDArray[np.float64], threshold: float
) -> tuple[Example, ...]:
    """The most confident verdicts: of each class at most six that are right, and six that are not.

    Args:
        index: The images.
        labels: [n], in the order of the index.
        p_deepfake: [n], likewise.
        threshold: p_deepfake from which an image is called a deepfake.

    Returns:
        Right ones of real, of deepfake, then wrong ones of real, of deepfake; each by confidence.
    """
    called = p_deepfake >= threshold
    examples: list[Example] = []
    for is_right in (True, False):
        for label in (REAL, DEEPFAKE):
            verdict = label if is_right else 1 - label
            places = np.flatnonzero((labels == label) & (called == bool(verdict)))
            confidence = p_deepfake[places] if verdict == DEEPFAKE else -p_deepfake[places]
            # Equal ones in the order of the index, so that the same scores give the same sheet.
            order = places[np.argsort(-confidence, kind="stable")]
            examples += _show(index, order[:OF_EACH], label, p_deepfake, is_right=is_right)
    return tuple(examples)


def _show(
    index: SplitIndex,
    places: NDArray[np.int64],
    label: int,
    p_deepfake: NDArray[np.float64],
    *,
    is_right: bool,
) -> list[Example]:
    examples = []
    for place in places:
        image = index.images[place]
        try:
            picture = decode_image(image.path)
        except ImageError:  # it has changed since it was scored
            continue
        picture.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=85)
        examples.append(
            Example(image.name, label, float(p_deepfake[place]), is_right, buffer.getvalue())
        )
    return examples
