"""A painter's tools: a canvas of linear light, soft-edged shapes and textures.

Here live coordinates, masks and textures. What is drawn with them lives in ``portrait`` and
``scenery``; nothing here knows of faces, cameras or files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

Plane = NDArray[np.float32]
"""One value per pixel, float32 [h, w]."""

Colour = NDArray[np.float32]
"""Linear light of one colour, float32 [3], 0 is black and 1 is white."""


def linear_from_srgb(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Light for display values in [0, 1] (IEC 61966-2-1, as the plain power it approximates)."""
    return np.power(values, np.float32(2.2))


def colour(red: float, green: float, blue: float) -> Colour:
    """The linear light of a colour given as 0–255 sRGB."""
    return linear_from_srgb(np.array([red, green, blue], np.float32) / np.float32(255))


def mixed(a: Colour, b: Colour, share_of_b: float) -> Colour:
    """A colour between two."""
    return a + (b - a) * np.float32(share_of_b)


def shape_edge(outside: Plane, softness: float) -> Plane:
    """A mask in [0, 1] from a signed distance that is positive outside the shape."""
    mask: Plane = np.clip(np.float32(0.5) - outside * np.float32(1 / softness), 0, 1)
    return mask


@dataclass(frozen=True)
class Frame:
    """Coordinates in which shapes are given: `u` to the right, `v` downwards, any origin and tilt.

    Attributes:
        u: Horizontal coordinate of each pixel.
        v: Vertical coordinate of each pixel.
        pixel: Width of a pixel in the unit of this frame.
    """

    u: Plane
    v: Plane
    pixel: float

    def moved(self, u: float, v: float, *, unit: float = 1.0, tilt: float = 0.0) -> Frame:
        """The frame with its origin at (u, v), turned by `tilt` radians, measured in `unit`."""
        du, dv = self.u - np.float32(u), self.v - np.float32(v)
        cos, sin = np.float32(math.cos(tilt) / unit), np.float32(math.sin(tilt) / unit)
        return Frame(du * cos + dv * sin, dv * cos - du * sin, self.pixel / unit)

    def ellipse(
        self, u: float, v: float, ru: float, rv: float, *, soft: float = 0.0, power: float = 2.0
    ) -> Plane:
        """The mask of an ellipse; a larger `power` squares its corners.

        Args:
            soft: Width of the edge in frame units; never narrower than a pixel and a half.
        """
        du, dv = np.abs(self.u - np.float32(u)) / ru, np.abs(self.v - np.float32(v)) / rv
        if power == 2.0:
            reach = np.sqrt(du * du + dv * dv)
        else:
            reach = (du**power + dv**power) ** np.float32(1 / power)
        return shape_edge((reach - 1) * np.float32(min(ru, rv)), max(soft, 1.5 * self.pixel))

    def stroke(
        self, u: float, v: float, half_length: float, half_width: float, *, sag: float = 0.0
    ) -> Plane:
        """The mask of a level brush stroke centred at (u, v) whose middle hangs `sag` lower.

        It thins towards both ends, as eyebrows and lips do.
        """
        along = (self.u - np.float32(u)) / half_length
        arch = 1 - along * along
        off = np.abs(self.v - np.float32(v) - sag * arch)
        return shape_edge(off - half_width * np.sqrt(np.maximum(arch, 0)), 1.5 * self.pixel) * (
            arch > 0
        )

    def below(self, edge: NDArray[np.floating] | float, *, soft: float = 0.0) -> Plane:
        """The mask of what lies below a level or a curve `v = edge(u)`."""
        return shape_edge(np.asarray(edge - self.v, np.float32), max(soft, 1.5 * self.pixel))


class Canvas:
    """A square picture of linear light that is painted from back to front."""

    def __init__(self, size_px: int) -> None:
        """An all-black canvas of `size_px` by `size_px`."""
        self.size_px = size_px
        self.light = np.zeros((size_px, size_px, 3), np.float32)
        ticks = (np.arange(size_px, dtype=np.float32) + 0.5) * np.float32(2 / size_px) - 1
        u, v = np.meshgrid(ticks, ticks)
        self.frame = Frame(u, v, 2 / size_px)

    def paint(self, mask: Plane, paint: NDArray[np.float32], opacity: float = 1.0) -> None:
        """Covers what the mask shows with a colour, or with a picture of light [h, w, 3]."""
        self.light += (mask * np.float32(opacity))[..., None] * (paint - self.light)

    def shade(self, mask: Plane, factor: NDArray[np.floating] | float) -> None:
        """Multiplies the light under the mask: below 1 darkens, above 1 brightens."""
        self.light *= (1 + mask * (np.asarray(factor, np.float32) - 1))[..., None]


def stretched(grid: NDArray[np.floating], size_px: int) -> Plane:
    """A small grid of numbers, smoothly enlarged to a square plane."""
    image = Image.fromarray(np.asarray(grid, np.float32))
    return np.asarray(image.resize((size_px, size_px), Image.Resampling.BICUBIC))


def clouds(rng: Generator, size_px: int, *, coarsest: int = 3, roughness: float = 0.6) -> Plane:
    """Fractal texture with mean near 0 and standard deviation 1.

    Args:
        coarsest: Cells across in the coarsest octave.
        roughness: Amplitude of each octave relative to the next coarser one.
    """
    total = np.zeros((size_px, size_px), np.float32)
    cells, amplitude = coarsest, 1.0
    while cells < size_px:
        total += np.float32(amplitude) * stretched(rng.standard_normal((cells, cells)), size_px)
        cells, amplitude = cells * 2, amplitude * roughness
    return total / max(float(total.std()), 1e-6)


def strands(rng: Generator, size_px: int, *, across: int, along: int) -> Plane:
    """Streaks running downwards, as in hair or cloth, standard deviation 1."""
    plane = stretched(rng.standard_normal((along, across)), size_px)
    return plane / max(float(plane.std()), 1e-6)
