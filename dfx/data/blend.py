"""Deepfakes of the demo: a face blended back onto the photograph it was taken from.

The idea is that of Self-Blended Images (Shiohara and Yamasaki, "Detecting Deepfakes with
Self-Blended Images", CVPR 2022): one photograph gives both source and target, so nothing but the
traces of the forgery tells it from a real one. Those traces are what a face swap leaves: a face
rendered at a lower resolution, a little out of place, with colours that do not match its
surroundings, under a soft mask. Resampling wipes out the camera's own grain inside the face; in
its place comes coarser grain, from none to too much, so that file size tells next to nothing.

Where the face is comes from ``portrait``, the photograph from ``camera``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from dfx.data.canvas import Plane, stretched
from dfx.data.portrait import Face

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def swap_face(photo: NDArray[np.float32], face: Face, rng: Generator) -> NDArray[np.float32]:
    """Blends a re-rendered copy of the face onto the photograph.

    Args:
        photo: Display values in [0, 1], float32 [h, h, 3], before compression.
        face: Where the face is.
        rng: The only source of chance.

    Returns:
        The forged photograph, of the same shape and range.
    """
    grain = _grain_of(photo)
    forged = _recoloured(_rerendered(photo, face, grain, rng), rng)
    mask = _blending_mask(face, photo.shape[0], rng)[..., None]
    return np.clip(photo + mask * (forged - photo), 0, 1).astype(np.float32)


def _grain_of(photo: NDArray[np.float32]) -> float:
    """Strength of the finest detail, robust to edges: a median absolute Laplacian."""
    grey = photo @ _LUMA
    fine = (
        4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    )
    # White noise of deviation σ gives a median of 0.6745 σ √20: the weights are 4, -1, -1, -1, -1.
    return float(np.median(np.abs(fine))) / (0.6745 * math.sqrt(20))


def _rerendered(
    photo: NDArray[np.float32], face: Face, grain: float, rng: Generator
) -> NDArray[np.float32]:
    """The face as if from a coarser, noisier picture, enlarged and set slightly out of place."""
    size = photo.shape[0]
    coarse = round(size * rng.uniform(0.4, 0.6))
    kernel = _KERNELS[rng.integers(len(_KERNELS))]
    scale = rng.uniform(0.97, 1.03)
    shift = rng.normal(0, 0.008, 2) * size
    # Output pixel p shows input pixel c + (p - c) / scale - shift, about the face's centre c.
    x, y = face.x * size, face.y * size
    place = (1 / scale, 0, x - x / scale - shift[0], 0, 1 / scale, y - y / scale - shift[1])
    strength = np.float32(grain * rng.uniform(0.0, 4.0))
    planes = []
    for channel in range(3):
        image = Image.fromarray(np.ascontiguousarray(photo[..., channel]))
        small = np.asarray(image.resize((coarse, coarse), Image.Resampling.BOX))
        small = small + strength * rng.standard_normal(small.shape, np.float32)
        large = Image.fromarray(small).resize((size, size), kernel)
        moved = large.transform(
            (size, size), Image.Transform.AFFINE, place, Image.Resampling.BICUBIC
        )
        planes.append(np.asarray(moved))
    return np.stack(planes, axis=-1)


def _recoloured(face: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Another brightness, contrast, saturation and white balance, each either way."""
    grey = (face @ _LUMA)[..., None]
    vivid = grey + np.float32(math.exp(rng.normal(0, 0.18))) * (face - grey)
    middle = vivid.mean()
    crisp = middle + np.float32(math.exp(rng.normal(0, 0.1))) * (vivid - middle)
    tint = rng.normal(0, 0.055, 3) + rng.normal(0, 0.045)
    return np.asarray(np.clip(crisp * np.exp(tint), 0, 1), np.float32)


def _blending_mask(face: Face, size_px: int, rng: Generator) -> Plane:
    """A soft, slightly irregular oval over brows, eyes, nose and mouth."""
    ticks = (np.arange(size_px, dtype=np.float32) + 0.5) / np.float32(size_px)
    dx, dy = np.meshgrid(ticks - np.float32(face.x), ticks - np.float32(face.y))
    cos, sin = np.float32(np.cos(face.tilt)), np.float32(np.sin(face.tilt))
    u = (dx * cos + dy * sin) / np.float32(face.half_width * rng.uniform(0.78, 0.98))
    v = (dy * cos - dx * sin) / np.float32(face.half_height * rng.uniform(0.85, 1.05))
    wobble = stretched(rng.normal(0, 0.06, (5, 5)), size_px)
    outside = (np.sqrt(u * u + v * v) - 1 + wobble) * np.float32(face.half_width * size_px)
    softness_px = rng.uniform(1.5, 5)
    opaque: Plane = np.clip(0.5 - outside / np.float32(softness_px), 0, 1)
    return opaque * np.float32(rng.uniform(0.85, 1.0))
