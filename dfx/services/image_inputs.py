"""What `Detector` takes for an image: paths, pictures of Pillow's, and arrays."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dfx.data.decode import Decoded, read_image
from dfx.errors import ImageError

ImageInput = str | os.PathLike[str] | Image.Image | NDArray[np.uint8]
"""What is judged: a path, a PIL image, or an array uint8 [h, w] or [h, w, c] of c = 1, 3 or 4."""


def list_inputs(images: ImageInput | Iterable[ImageInput]) -> Iterable[ImageInput]:
    """Images one by one, also where only one was given."""
    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    if isinstance(images, np.ndarray) and images.ndim < 4:
        return [images]
    return images


def is_pipe(path: str) -> bool:
    """Whether a path is a named pipe, or one of the shell's."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116  # an image each
    except (OSError, ValueError):
        return False  # what is wrong is said by whoever reads it


def read_input(source: ImageInput) -> Decoded | ImageError:
    """The image, or why it cannot be read.

    Raises:
        TypeError: For something that is no image.
        ValueError: For an array of another shape or type.
    """
    try:
        return read_image(_as_source(source))
    except ImageError as error:
        return error


def _as_source(source: ImageInput) -> Path | Image.Image:
    """A path or a PIL image."""
    if isinstance(source, str | os.PathLike):
        return Path(source)
    if isinstance(source, Image.Image):
        return source
    if not isinstance(source, np.ndarray):
        raise TypeError(f"expected a path, a PIL image or an array, not {type(source).__name__}")
    channels = source.shape[2] if source.ndim == 3 else 1
    if source.dtype != np.uint8 or source.ndim not in {2, 3} or channels not in {1, 3, 4}:
        shape = ", ".join(map(str, source.shape))
        raise ValueError(
            f"the array is {source.dtype} [{shape}]; expected uint8 [h, w] or [h, w, c] with 1, 3"
            " or 4 channels in the order red, green, blue, alpha"
        )
    if 0 in source.shape:
        raise ValueError("the array has no pixels")
    return Image.fromarray(source[:, :, 0] if source.ndim == 3 and channels == 1 else source)
