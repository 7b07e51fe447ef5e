"""Verdicts on single images, their explanation, and what training images are like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

UNCERTAIN = "Uncertain"
"""The label of an image whose p_deepfake is so near to the threshold that none is given."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The verdict on one image, or why there is none.

    Attributes:
        path: As it was given; None of an image that was handed over as pixels.
        label: `Real`, `Deepfake` or `Uncertain`; None with an error.
        probability: Of that label; None where it is neither of the two classes.
        p_deepfake: Calibrated probability that the image is a deepfake.
        threshold: p_deepfake from which the label is `Deepfake`.
        run: Name of the run the weights come from.
        epoch: Epoch the weights come from.
        error: Why the image could not be read, else None.
        width: Of the image as it is seen, its orientation applied, in pixels; None with an error.
        height: As above.
        warnings: Why the verdict deserves less trust than the detector's scores promise, a sentence
            each.
    """

    path: str | None
    label: str | None
    probability: float | None
    p_deepfake: float | None
    threshold: float
    run: str
    epoch: int
    error: str | None = None
    width: int | None = None
    height: int | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where the network looked for a verdict (Grad-CAM; Selvaraju et al., ICCV 2017).

    Attributes:
        prediction: The verdict.
        explained: The label that the map speaks for; of an uncertain verdict the likelier one.
        picture: A PNG file of the whole image as the network gets it, square, as bytes.
        heat: Rows of the map over the whole image, from its upper left corner; at least 0, in units
            that mean something within this map alone. All 0 where nothing speaks for the label.
    """

    prediction: Prediction
    explained: str
    picture: bytes
    heat: tuple[tuple[float, ...], ...]


class Span(NamedTuple):
    """What all but the most unusual images are between: the 1st and the 99th percentile."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ImageProfile:
    """What the images of a training are like, by a sample of their files.

    Attributes:
        images: How many were looked at.
        shorter_side_px: Of width and height the smaller.
        size_px: The square root of width times height.
        aspect: Width by height.
        jpeg_quality: As libjpeg counts it, estimated from the quantisation tables; None where none
            of them is a JPEG.
        formats: How many of each file format, by Pillow's name of it.
    """

    images: int
    shorter_side_px: Span
    size_px: Span
    aspect: Span
    jpeg_quality: Span | None
    formats: dict[str, int]
