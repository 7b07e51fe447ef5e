"""What surrounds a face in the demo's portraits: backgrounds and clothes.

The wide variety here has a purpose beyond looks: detail and noise of the surroundings decide the
size of the compressed file, so that the file's size says next to nothing about the face.
Heads and faces live in ``portrait``.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from dfx.data.canvas import Canvas, Colour, Frame, clouds, colour, mixed, strands


def any_colour(rng: Generator, *, saturation: float, value: tuple[float, float]) -> Colour:
    """A random hue with at most this saturation and a value within the range."""
    red, green, blue = colorsys.hsv_to_rgb(
        rng.uniform(), rng.uniform(0, saturation), rng.uniform(*value)
    )
    return colour(255 * red, 255 * green, 255 * blue)


def _strength(rng: Generator, least: float, most: float) -> float:
    """A strength of texture that is as likely to double as to halve."""
    return math.exp(rng.uniform(math.log(least), math.log(most)))


def _wall(canvas: Canvas, rng: Generator) -> None:
    """Plaster, more or less rough."""
    rough = clouds(rng, canvas.size_px, coarsest=6, roughness=rng.uniform(0.55, 1.0))
    canvas.light *= np.exp(_strength(rng, 0.02, 0.5) * rough)[..., None]


def _foliage(canvas: Canvas, rng: Generator) -> None:
    """Leaves in and out of focus."""
    green = mixed(colour(40, 80, 30), colour(150, 170, 70), rng.uniform())
    leaves = clouds(rng, canvas.size_px, coarsest=8, roughness=rng.uniform(0.45, 0.95))
    canvas.paint(np.clip(0.5 + 0.6 * leaves, 0, 1), green, rng.uniform(0.5, 0.9))
    canvas.light *= np.exp(_strength(rng, 0.05, 0.5) * leaves)[..., None]


def _lights(canvas: Canvas, rng: Generator) -> None:
    """Lamps far out of focus, at night or in a shop."""
    canvas.light *= np.float32(rng.uniform(0.25, 0.8))
    for _ in range(rng.integers(5, 14)):
        u, v = rng.uniform(-1, 1, 2)
        disc = canvas.frame.ellipse(u, v, *[rng.uniform(0.05, 0.17)] * 2, soft=0.04)
        canvas.paint(disc, any_colour(rng, saturation=0.7, value=(0.7, 1)), rng.uniform(0.25, 0.8))


def _shelf(canvas: Canvas, rng: Generator) -> None:
    """Books on shelves."""
    rows = int(rng.integers(2, 5))
    for row in range(rows):
        top = -1 + 2 * row / rows
        left = -1.0
        while left < 1:
            width = rng.uniform(0.05, 0.16)
            height = rng.uniform(0.6, 0.95) * 2 / rows
            book = canvas.frame.ellipse(
                left + width / 2, top + 2 / rows - height / 2, width / 2, height / 2, power=12
            )
            canvas.paint(book, any_colour(rng, saturation=0.7, value=(0.2, 0.8)))
            left += width


def _bricks(canvas: Canvas, rng: Generator) -> None:
    """A brick or tile wall."""
    rows = int(rng.integers(7, 14))
    course = (canvas.frame.v + 1) * (rows / 2)
    along = (canvas.frame.u + 1) * (rows / 4.4) + 0.5 * (np.floor(course) % 2)
    joint = np.maximum(np.abs(course % 1 - 0.5), np.abs(along % 1 - 0.5) * 1.1)
    tint = rng.normal(0, rng.uniform(0.05, 0.3), (rows + 1, rows + 2))
    stone = tint[np.floor(course).astype(int), np.floor(along).astype(int)]
    canvas.light *= np.exp(stone.astype(np.float32))[..., None]
    canvas.shade(np.clip((joint - 0.42) * 20, 0, 1), rng.uniform(0.4, 1.5))
    _wall(canvas, rng)


def _blinds(canvas: Canvas, rng: Generator) -> None:
    """Slats, panels or a curtain."""
    turn = rng.choice([0.0, np.pi / 2])
    along = canvas.frame.moved(0, 0, tilt=turn + rng.normal(0, 0.05)).u
    wave = np.sin(along * rng.uniform(8, 40) + rng.uniform(0, 6)).astype(np.float32)
    canvas.light *= np.exp(rng.uniform(0.1, 0.5) * wave)[..., None]


_BACKDROPS: tuple[Callable[[Canvas, Generator], None], ...] = (
    _wall,
    _foliage,
    _lights,
    _shelf,
    _bricks,
    _blinds,
)


def paint_background(canvas: Canvas, rng: Generator) -> None:
    """Covers the canvas with a backdrop: a wall, leaves, lamps, books, bricks or blinds."""
    here = any_colour(rng, saturation=0.6, value=(0.25, 0.9))
    there = mixed(here, any_colour(rng, saturation=0.6, value=(0.25, 0.9)), rng.uniform(0, 0.8))
    slope = canvas.frame.moved(0, 0, tilt=rng.uniform(-np.pi, np.pi)).u
    canvas.light[:] = here + (np.clip(0.5 + 0.5 * slope, 0, 1))[..., None] * (there - here)
    _BACKDROPS[rng.integers(len(_BACKDROPS))](canvas, rng)


def paint_clothes(canvas: Canvas, body: Frame, rng: Generator, *, skin: Colour) -> None:
    """Paints shoulders, and what is worn on them.

    Args:
        body: A frame whose origin is the base of the neck, in units of half a head's width.
        skin: Colour of the neck, which shows in the neckline.
    """
    broad = rng.uniform(2.0, 2.7)
    cloth = any_colour(rng, saturation=0.75, value=(0.1, 0.85))
    second = any_colour(rng, saturation=0.6, value=(0.15, 0.95))
    shoulders = body.ellipse(0, 2.1, broad, 2.05, power=2.6)
    canvas.paint(shoulders, cloth)
    pattern = rng.integers(5)
    if pattern in (1, 3):
        stripes = np.sin(body.v * rng.uniform(8, 22)) > rng.uniform(-0.3, 0.6)
        canvas.paint(shoulders * stripes, second, 0.9)
    if pattern in (2, 3):
        stripes = np.sin(body.u * rng.uniform(8, 22)) > rng.uniform(-0.3, 0.6)
        canvas.paint(shoulders * stripes, second, 0.5)
    weave = strands(rng, canvas.size_px, across=canvas.size_px // 3, along=canvas.size_px // 5)
    canvas.shade(shoulders, np.exp(_strength(rng, 0.02, 0.5) * weave))
    canvas.shade(shoulders, 1 - 0.28 * np.clip(np.abs(body.u) - 0.8, 0, 1.6))
    if rng.uniform() < 0.35:  # a jacket over it, open at the front
        jacket = shoulders * np.clip((np.abs(body.u) - 0.28 - 0.22 * body.v) * 12, 0, 1)
        canvas.paint(jacket, second)
        canvas.shade(jacket, np.exp(0.1 * weave))
    depth = rng.uniform(0.25, 0.7)
    canvas.paint(body.ellipse(0, -0.05, 0.62, depth + 0.1), mixed(second, cloth, 0.4))
    canvas.paint(body.ellipse(0, -0.08, 0.54, depth), skin)
