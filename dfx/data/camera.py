"""A simulated camera: from the light of a scene to the picture a camera would show of it.

Lens, sensor behind a Bayer mosaic, demosaicing, white balance and tone curve live here. What is
drawn lives in ``portrait``, and compression, which is the same for every picture, in ``sample``.
The point of the exercise is the residue it leaves: noise whose strength follows the light and whose
colours are correlated by demosaicing. A re-rendered face no longer carries it.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from dfx.data.canvas import Plane

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

# Gradient-corrected linear demosaicing: Malvar, He and Cutler, "High-quality linear interpolation
# for demosaicing of Bayer-patterned color images", ICASSP 2004, figure 2; all in eighths.
_AT_GREEN_OR_CROSS = np.array(
    [[0, 0, -1, 0, 0], [0, 0, 2, 0, 0], [-1, 2, 4, 2, -1], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]],
    np.float32,
) / np.float32(8)
_ALONG_ROW = np.array(
    [
        [0, 0, 0.5, 0, 0],
        [0, -1, 0, -1, 0],
        [-1, 4, 5, 4, -1],
        [0, -1, 0, -1, 0],
        [0, 0, 0.5, 0, 0],
    ],
    np.float32,
) / np.float32(8)
_DIAGONAL = np.array(
    [
        [0, 0, -1.5, 0, 0],
        [0, 2, 0, 2, 0],
        [-1.5, 0, 6, 0, -1.5],
        [0, 2, 0, 2, 0],
        [0, 0, -1.5, 0, 0],
    ],
    np.float32,
) / np.float32(8)


def photograph(light: NDArray[np.float32], rng: Generator, size_px: int) -> NDArray[np.float32]:
    """Takes a picture with a random camera at a random exposure.

    Args:
        light: The scene in linear light, float32 [h, w, 3], square and larger than the picture.
        rng: The only source of chance.
        size_px: Width and height of the picture.

    Returns:
        Display values float32 [size_px, size_px, 3] in [0, 1], not yet quantised.
    """
    seen = _through_lens(light, rng, size_px)
    illuminant = np.exp(rng.normal(0, 0.25, 3)).astype(np.float32)
    illuminant[1] = 1
    raw = _on_sensor(seen * illuminant, rng)
    balance = np.exp(rng.normal(0, 0.03, 3)).astype(np.float32) / illuminant
    return _developed(raw * balance, rng)


def _through_lens(light: NDArray[np.float32], rng: Generator, size_px: int) -> NDArray[np.float32]:
    """Lateral chromatic aberration, a little blur, vignetting; light on each photosite."""
    fringe = rng.normal(0, 0.0025)
    planes = [
        _magnified(light[..., 0], 1 + fringe),
        light[..., 1],
        _magnified(light[..., 2], 1 - fringe),
    ]
    # A photosite gathers all the light on its area, and the lens blurs by about half of one.
    blur = rng.uniform(0.35, 0.6) * light.shape[0] / size_px
    seen = np.stack([_gathered(_blurred(plane, blur), size_px) for plane in planes], axis=-1)
    ticks = np.linspace(-1, 1, size_px, dtype=np.float32)
    off_axis = (np.square(ticks)[:, None] + np.square(ticks)[None, :]) / np.float32(2)
    falloff = np.float32(1) - np.float32(rng.uniform(0, 0.35)) * off_axis
    return np.asarray(seen * falloff[..., None], np.float32)


def _magnified(plane: Plane, scale: float) -> Plane:
    size = plane.shape[0]
    shift = (1 - 1 / scale) * size / 2
    image = Image.fromarray(np.ascontiguousarray(plane)).transform(
        (size, size),
        Image.Transform.AFFINE,
        (1 / scale, 0, shift, 0, 1 / scale, shift),
        Image.Resampling.BILINEAR,
    )
    edge = 2  # beyond the border there is no light to interpolate; keep the unmagnified rim
    result = plane.copy()
    result[edge:-edge, edge:-edge] = np.asarray(image)[edge:-edge, edge:-edge]
    return result


def _blurred(plane: Plane, sigma_px: float) -> Plane:
    """Gaussian blur, borders extended."""
    reach = max(1, int(np.ceil(2.5 * sigma_px)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma_px) ** 2).astype(np.float32)
    weights /= weights.sum()
    size = plane.shape[0]
    padded = np.pad(plane, reach, mode="edge")
    rows = sum(w * padded[i : i + size] for i, w in enumerate(weights))
    return np.asarray(sum(w * rows[:, i : i + size] for i, w in enumerate(weights)))


def _gathered(plane: Plane, size_px: int) -> Plane:
    image = Image.fromarray(np.ascontiguousarray(plane))
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.BOX))


def _on_sensor(light: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Noise in linear light behind a Bayer mosaic, and the three colours interpolated from it."""
    rows, columns = light.shape[:2]
    top, left = rng.integers(0, 2, 2)  # which colour stands in the corner
    row = (np.arange(rows) + top)[:, None] % 2
    column = (np.arange(columns) + left)[None, :] % 2
    red, blue = (row == 0) & (column == 0), (row == 1) & (column == 1)
    mosaic = np.where(red, light[..., 0], np.where(blue, light[..., 2], light[..., 1]))
    gain = np.exp(rng.uniform(np.log(1.0e-3), np.log(2e-3)))  # 1 / electrons at white: the ISO
    read = np.exp(rng.uniform(np.log(3e-3), np.log(8e-3)))
    spread = np.sqrt(gain * np.clip(mosaic, 0, None) + read * read)
    mosaic = mosaic + spread * rng.standard_normal(mosaic.shape, np.float32)
    return _demosaiced(np.clip(mosaic, 0, 1.2), red, blue, row == 0)


def _demosaiced(
    mosaic: Plane, red: NDArray[np.bool_], blue: NDArray[np.bool_], red_row: NDArray[np.bool_]
) -> NDArray[np.float32]:
    green = ~(red | blue)
    cross = _filtered(mosaic, _AT_GREEN_OR_CROSS)
    along_row = _filtered(mosaic, _ALONG_ROW)
    along_column = _filtered(mosaic, _ALONG_ROW.T)
    diagonal = _filtered(mosaic, _DIAGONAL)
    beside, above = (
        np.where(red_row, along_row, along_column),
        np.where(red_row, along_column, along_row),
    )
    return np.stack(
        [
            np.where(red, mosaic, np.where(blue, diagonal, beside)),
            np.where(green, mosaic, cross),
            np.where(blue, mosaic, np.where(red, diagonal, above)),
        ],
        axis=-1,
    ).astype(np.float32)


def _filtered(plane: Plane, kernel: NDArray[np.float32]) -> Plane:
    """Correlation with a 5 by 5 kernel; mirrored borders keep the mosaic's phase."""
    size = plane.shape[0]
    padded = np.pad(plane, 2, mode="reflect")
    result = np.zeros_like(plane)
    for i, j in zip(*np.nonzero(kernel), strict=True):
        result += kernel[i, j] * padded[i : i + size, j : j + size]
    return result


def _developed(linear: NDArray[np.float32], rng: Generator) -> NDArray[np.float32]:
    """Exposure, saturation, gamma and a contrast curve."""
    # Metered on the mean, as cameras do, so that a dark sitter does not make a dark picture.
    exposure = np.exp(rng.normal(0, 0.18)) * 0.24 / max(float(linear.mean()), 0.02)
    exposed = linear * np.float32(min(exposure, 3.0))
    grey = (exposed @ _LUMA)[..., None]
    vivid = grey + np.float32(rng.uniform(0.85, 1.3)) * (exposed - grey)
    display = np.clip(vivid, 0, 1.5) ** np.float32(1 / 2.2)
    display = np.where(display > 0.85, 0.85 + 0.15 * np.tanh((display - 0.85) / 0.15), display)
    curve = np.float32(rng.uniform(0, 0.35))
    smooth = display * display * (3 - 2 * display)
    return np.clip(display + curve * (smooth - display), 0, 1).astype(np.float32)
