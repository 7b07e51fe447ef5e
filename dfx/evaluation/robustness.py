"""The robustness suite: fixed changes to images, under which a detector is scored again.

What each change does to the pixels is in `dfx.data.degradation`; scoring and counting are in
`dfx.services.robustness`. Every change is applied to the decoded image, before the model's own
preprocessing, and depends on nothing but the image.

Results of one version of the suite may be compared. Whoever changes a condition, or what it does,
raises `SUITE_VERSION`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL
from PIL import Image, features

from dfx.data.degradation import (
    JPEG_OPTIONS,
    RESIZE_FILTER,
    WEBP_OPTIONS,
    add_noise,
    blur,
    change_brightness,
    change_contrast,
    compress_jpeg,
    compress_webp,
    resize_there_and_back,
)

SUITE_VERSION = 1


@dataclass(frozen=True, slots=True)
class Condition:
    """One change of one strength.

    Attributes:
        name: Stable within a version of the suite: `jpeg-50`.
        family: What kind of change: `jpeg`, `webp`, `blur`, `resize`, `noise`, `brightness`,
            `contrast`, `resaved`.
        level: How strong it is, in the family's own unit: quality, σ in pixels of the decoded
            image, scale, σ of 255, factor.
        title: As shown: `JPEG quality 50`.
    """

    name: str
    family: str
    level: float
    title: str

    def apply(self, image: Image.Image, *, key: str) -> Image.Image:
        """The image, changed; of the same size.

        Args:
            image: Decoded, mode RGB.
            key: The content digest of its file. Noise is a function of it, of the condition and of
                the version of the suite, so that neither order nor workers show in it.

        Raises:
            ImageError: Where a codec does not take the image.
        """
        match self.family:
            case "jpeg" | "resaved":
                changed = compress_jpeg(image, int(self.level))
            case "webp":
                changed = compress_webp(image, int(self.level))
            case "blur":
                changed = blur(image, self.level)
            case "resize":
                changed = resize_there_and_back(image, self.level)
            case "noise":
                changed = add_noise(image, self.level, _noise_generator(self.name, key))
            case "brightness":
                changed = change_brightness(image, self.level)
            case "contrast":
                changed = change_contrast(image, self.level)
            case _:
                raise ValueError(f"condition {self.name!r} has the unknown family {self.family!r}")
        return changed


@dataclass(frozen=True, slots=True)
class ConditionChange:
    """A condition as the loader applies it, to images by their position.

    Attributes:
        keys: Content digest of each image, as in `SplitIndex.sha256`.
    """

    condition: Condition
    keys: Sequence[str]

    def __call__(self, image: Image.Image, position: int) -> Image.Image:
        """The image at a position of the index, changed."""
        return self.condition.apply(image, key=self.keys[position])


def _at_levels(family: str, title: str, *levels: float) -> tuple[Condition, ...]:
    return tuple(
        Condition(f"{family}-{level:g}", family, float(level), title.format(level))
        for level in levels
    )


RESAVED = Condition("resaved", "resaved", 90.0, "re-saved as JPEG 90")
"""Both classes in one file format."""

SUITE = (
    *_at_levels("jpeg", "JPEG quality {:g}", 95, 90, 80, 70, 60, 50, 30),
    *_at_levels("webp", "WebP quality {:g}", 80, 50),
    *_at_levels("blur", "blur, σ {:g} px", 0.5, 1, 2, 3),
    *_at_levels("resize", "resized to {:g}", 0.75, 0.5, 0.25),
    *_at_levels("noise", "noise, σ {:g} of 255", 2, 5, 10),
    *_at_levels("brightness", "brightness × {:g}", 0.7, 1.3),
    *_at_levels("contrast", "contrast × {:g}", 0.7, 1.3),
    RESAVED,
)
"""In the order in which results are told."""

RESAVED_TWIN = next(condition for condition in SUITE if condition.name == "jpeg-90")
"""Makes the pixels of `RESAVED` too, so that one scoring does for both. One is read as compression,
the other as the end of file formats."""


def suite_parameters() -> dict[str, Any]:
    """All that decides the pixels, apart from the libraries; in JSON's types.

    A test holds its digest against the version.
    """
    return {
        "version": SUITE_VERSION,
        "conditions": [{"name": c.name, "family": c.family, "level": c.level} for c in SUITE],
        "jpeg": JPEG_OPTIONS,
        "webp": WEBP_OPTIONS,
        "resize": {"filter": RESIZE_FILTER.name.lower()},
        "blur": {"filter": "Pillow GaussianBlur"},
        "noise": {
            "generator": "numpy Philox",
            "key": "BLAKE2b-128 of version, name and content digest, a line each",
            "dtype": "float32",
        },
    }


def library_versions() -> dict[str, str]:
    """What makes the changes: other versions may make slightly different pixels.

    numpy is among them for the noise. A library that this Pillow lacks is `absent`.
    """
    turbo = features.check_feature("libjpeg_turbo")
    jpeg = features.version_feature("libjpeg_turbo") if turbo else features.version_codec("jpg")
    return {
        "Pillow": PIL.__version__,
        "libjpeg-turbo" if turbo else "libjpeg": jpeg or "absent",
        "libwebp": features.version_module("webp") or "absent",
        "numpy": np.__version__,
    }


def _noise_generator(name: str, key: str) -> np.random.Generator:
    source = f"{SUITE_VERSION}\n{name}\n{key}\n".encode()
    digest = hashlib.blake2b(source, digest_size=16, person=b"robustness").digest()
    return np.random.Generator(np.random.Philox(key=int.from_bytes(digest, "little")))
