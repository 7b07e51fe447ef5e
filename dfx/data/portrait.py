"""Drawn portraits: a head with a face, hair and much else, in linear light.

Here lives what a person in the demo looks like. The tools are in ``canvas``, the surroundings in
``scenery``; how a camera sees the drawing is ``camera``'s business.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from dfx.data.canvas import Canvas, Colour, Frame, Plane, clouds, colour, mixed, shape_edge, strands
from dfx.data.scenery import any_colour, paint_background, paint_clothes

_SKIN_TONES = (
    colour(248, 214, 190),
    colour(236, 188, 154),
    colour(214, 160, 122),
    colour(178, 122, 84),
    colour(128, 82, 56),
    colour(88, 56, 40),
)
_HAIR_COLOURS = (
    colour(30, 24, 22),
    colour(62, 42, 30),
    colour(110, 72, 42),
    colour(190, 150, 90),
    colour(150, 72, 36),
    colour(165, 160, 155),
)
_EYE_COLOURS = (colour(80, 50, 30), colour(90, 120, 70), colour(90, 130, 170), colour(50, 36, 28))
_WHITE = colour(244, 240, 236)
_INK = colour(26, 20, 20)


@dataclass(frozen=True)
class Face:
    """Where the face is, as shares of the image's width (the image is square).

    Attributes:
        x: Centre of the face, between eyes and mouth, from the left.
        y: The same from the top.
        half_width: Half the width of the head at the eyes.
        half_height: Half the height from the brows' upper edge to the chin.
        tilt: Turn of the head in the image plane, radians, clockwise.
    """

    x: float
    y: float
    half_width: float
    half_height: float
    tilt: float


@dataclass(frozen=True)
class Portrait:
    """A drawn portrait.

    Attributes:
        light: Linear light, float32 [h, w, 3], in about [0, 1.2].
        face: Where its face is.
    """

    light: NDArray[np.float32]
    face: Face


@dataclass(frozen=True)
class _Person:
    """What stays the same over the whole of one portrait."""

    skin: Colour
    hair: Colour
    yaw: float
    tall: float
    jaw: float
    long_hair: bool
    bald: bool


def draw_portrait(rng: Generator, size_px: int) -> Portrait:
    """Draws a random person before a random background.

    Args:
        rng: The only source of chance.
        size_px: Width and height of the drawing in pixels.
    """
    canvas = Canvas(size_px)
    paint_background(canvas, rng)
    tone = rng.uniform(0, len(_SKIN_TONES) - 1.001)
    hair = _HAIR_COLOURS[rng.integers(len(_HAIR_COLOURS))]
    person = _Person(
        skin=mixed(_SKIN_TONES[int(tone)], _SKIN_TONES[int(tone) + 1], tone % 1)
        * rng.uniform(0.94, 1.06, 3).astype(np.float32),
        hair=mixed(hair, any_colour(rng, saturation=0.5, value=(0.1, 0.6)), rng.uniform(0, 0.25)),
        yaw=rng.normal(0, 0.12),
        tall=rng.uniform(1.22, 1.4),
        jaw=rng.uniform(0.05, 0.3),
        long_hair=bool(rng.uniform() < 0.45),
        bald=bool(rng.uniform() < 0.08),
    )
    unit = rng.uniform(0.5, 0.58)
    centre = (rng.normal(0, 0.05), rng.uniform(-0.12, 0.0))
    tilt = rng.normal(0, 0.09)
    head = canvas.frame.moved(*centre, unit=unit, tilt=tilt)
    body = canvas.frame.moved(centre[0], centre[1] + 1.62 * unit, unit=unit, tilt=0.3 * tilt)

    if not person.bald:
        _paint_back_hair(canvas, head, rng, person)
    _paint_neck(canvas, head, person)
    paint_clothes(canvas, body, rng, skin=person.skin * np.float32(0.8))
    _paint_head(canvas, head, rng, person)
    _paint_features(canvas, head, rng, person)
    if rng.uniform() < 0.25 and not person.long_hair:
        _paint_beard(canvas, head, rng, person)
    if not person.bald:
        _paint_front_hair(canvas, head, rng, person)
    if rng.uniform() < 0.25:
        _paint_glasses(canvas, head, rng, person)
    _light_scene(canvas, rng)

    down = 0.3 * person.tall  # from the head's centre to the face's, in units of the head
    return Portrait(
        light=canvas.light,
        face=Face(
            x=0.5 + 0.5 * (centre[0] - math.sin(tilt) * down * unit + 0.2 * person.yaw * unit),
            y=0.5 + 0.5 * (centre[1] + math.cos(tilt) * down * unit),
            half_width=0.5 * unit,
            half_height=0.5 * unit * 0.68 * person.tall,
            tilt=tilt,
        ),
    )


def _head_mask(head: Frame, person: _Person, *, grow: float = 0.0) -> Plane:
    """The outline of skull and jaw."""
    lower = np.maximum(head.v, 0) / person.tall
    narrow = 1 - person.jaw * lower * lower
    reach = np.sqrt((head.u / narrow) ** 2 + (head.v / person.tall) ** 2)
    return shape_edge(reach - np.float32(1 + grow), 2 * head.pixel)


def _paint_back_hair(canvas: Canvas, head: Frame, rng: Generator, person: _Person) -> None:
    volume = rng.uniform(0.06, 0.22)
    mask = _head_mask(head, person, grow=volume) * (1 - head.below(0.5, soft=0.4))
    if person.long_hair:
        length = rng.uniform(0.6, 1.9)
        fall = head.ellipse(0, 0.35 * length, 1.08 + volume, 0.9 + length, power=2.8)
        mask = np.maximum(mask, fall * head.below(-0.3, soft=0.3))
    canvas.paint(mask, person.hair * np.float32(0.75))
    _comb(canvas, mask, rng)


def _comb(canvas: Canvas, mask: Plane, rng: Generator) -> None:
    """Gives hair its strands."""
    fine = strands(rng, canvas.size_px, across=canvas.size_px // 3, along=7)
    broad = strands(rng, canvas.size_px, across=18, along=5)
    canvas.shade(mask, np.exp(rng.uniform(0.12, 0.35) * fine + 0.2 * broad))


def _paint_neck(canvas: Canvas, head: Frame, person: _Person) -> None:
    neck = head.ellipse(0, person.tall + 0.25, 0.52, 0.95, power=4)
    canvas.paint(neck, person.skin)
    canvas.shade(neck * (1 - head.below(person.tall + 0.35, soft=0.5)), 0.55)


def _paint_head(canvas: Canvas, head: Frame, rng: Generator, person: _Person) -> None:
    for side in (-1, 1):
        lean = 1 + 0.35 * side * person.yaw
        canvas.paint(
            head.ellipse(side * 0.99 * lean, 0.1, 0.15, 0.27), person.skin * np.float32(0.86)
        )
        canvas.shade(head.ellipse(side * 0.99 * lean, 0.1, 0.07, 0.15, soft=0.08), 0.75)
    mask = _head_mask(head, person)
    canvas.paint(mask, person.skin)
    _model_skin(canvas, head, mask, rng, person)


def _model_skin(canvas: Canvas, head: Frame, mask: Plane, rng: Generator, person: _Person) -> None:
    """Light and shade as on an ellipsoid; pores, blush and freckles."""
    x, y = head.u * np.float32(0.9), head.v * np.float32(0.85 / person.tall)
    z = np.sqrt(np.clip(1 - x * x - y * y, 0.02, 1))
    turn = rng.uniform(-1.1, 1.1)
    facing = math.sin(turn) * x - 0.35 * y + math.cos(turn) * z
    canvas.shade(mask, 0.62 + 0.5 * np.clip(facing, -0.2, 1.1))
    pores = clouds(rng, canvas.size_px, coarsest=canvas.size_px // 8, roughness=0.9)
    canvas.shade(mask, np.exp(rng.uniform(0.03, 0.07) * pores))
    blush = person.skin * np.array([1.1, 0.72, 0.72], np.float32)
    for side in (-1, 1):
        cheek = head.ellipse(side * 0.5 + 0.2 * person.yaw, 0.42, 0.3, 0.24, soft=0.3)
        canvas.paint(cheek * mask, blush, rng.uniform(0.1, 0.45))
    if rng.uniform() < 0.3:
        spots = clouds(rng, canvas.size_px, coarsest=canvas.size_px // 5, roughness=0.5)
        zone = head.ellipse(0.2 * person.yaw, 0.25, 0.8, 0.4, soft=0.3)
        canvas.shade(zone * mask * np.clip(2 * spots - 2.2, 0, 1), 0.72)


def _paint_features(canvas: Canvas, head: Frame, rng: Generator, person: _Person) -> None:
    middle = 0.45 * person.yaw
    _paint_eyes(canvas, head, rng, person, middle)
    _paint_nose(canvas, head, rng, middle * 1.25)
    lips = mixed(person.skin, colour(170, 50, 60), rng.uniform(0.25, 0.75)) * np.float32(0.8)
    wide, smile, level = rng.uniform(0.26, 0.4), rng.uniform(-0.04, 0.12), 0.56 * person.tall
    full = rng.uniform(0.05, 0.1)
    canvas.paint(head.stroke(middle, level, wide, full, sag=smile), lips)
    if rng.uniform() < 0.3 and smile > 0.02:
        canvas.paint(head.stroke(middle, level, wide * 0.8, full * 0.5, sag=smile), _WHITE)
    else:
        canvas.paint(head.stroke(middle, level, wide, 0.018, sag=smile), lips * np.float32(0.3))
    canvas.shade(head.ellipse(middle, level + 0.2, 0.16, 0.05, soft=0.08), 0.85)


def _paint_eyes(
    canvas: Canvas, head: Frame, rng: Generator, person: _Person, middle: float
) -> None:
    apart, wide = rng.uniform(0.38, 0.46), rng.uniform(0.16, 0.2)
    openness, iris = rng.uniform(0.5, 0.75), _EYE_COLOURS[rng.integers(len(_EYE_COLOURS))]
    look = rng.normal(0, 0.03)
    raised, thick = rng.uniform(0.24, 0.34), rng.uniform(0.03, 0.065)
    arch = rng.uniform(-0.1, -0.02)
    brows = mixed(person.hair, _INK, 0.3)
    for side in (-1, 1):
        u = side * apart + middle
        canvas.shade(head.ellipse(u, -0.04, wide * 1.5, wide * 1.2, soft=0.15), 0.84)
        white = head.ellipse(u, 0, wide, wide * openness)
        canvas.paint(white, _WHITE, 0.92)
        ball = head.ellipse(u + look, 0, wide * 0.56, wide * 0.56) * white
        canvas.paint(ball, iris)
        canvas.paint(head.ellipse(u + look, 0, wide * 0.28, wide * 0.28) * white, _INK)
        canvas.paint(head.ellipse(u + look + 0.03, -0.035, 0.025, 0.025), _WHITE)
        canvas.paint(head.stroke(u, 0, wide * 1.1, 0.028, sag=-wide * openness), _INK, 0.8)
        canvas.paint(head.stroke(u, -raised, wide * 1.35, thick, sag=arch), brows, 0.85)


def _paint_nose(canvas: Canvas, head: Frame, rng: Generator, middle: float) -> None:
    tip, wide, lit = rng.uniform(0.34, 0.44), rng.uniform(0.13, 0.2), rng.choice([-1.0, 1.0])
    canvas.shade(head.ellipse(middle + lit * 0.1, tip * 0.5, 0.06, tip * 0.55, soft=0.1), 0.82)
    canvas.shade(head.ellipse(middle - lit * 0.02, tip * 0.5, 0.05, tip * 0.55, soft=0.08), 1.12)
    canvas.shade(head.ellipse(middle, tip + 0.07, wide, 0.06, soft=0.08), 0.72)
    for side in (-1, 1):
        canvas.shade(head.ellipse(middle + side * wide * 0.5, tip + 0.06, 0.045, 0.03), 0.35)


def _paint_beard(canvas: Canvas, head: Frame, rng: Generator, person: _Person) -> None:
    curl = np.float32(rng.uniform(0, 0.3))
    rim = np.float32(0.42) + curl * np.abs(head.u) - np.float32(0.35) * head.u * head.u
    mask = _head_mask(head, person, grow=0.04) * head.below(
        rim * np.float32(person.tall), soft=0.12
    )
    mouth = head.ellipse(0.45 * person.yaw, 0.57 * person.tall, 0.36, 0.13, soft=0.06)
    mask *= 1 - mouth
    grain = strands(rng, canvas.size_px, across=canvas.size_px // 2, along=canvas.size_px // 4)
    canvas.paint(mask * np.clip(0.75 + 0.35 * grain, 0, 1), person.hair, rng.uniform(0.35, 0.95))


def _paint_front_hair(canvas: Canvas, head: Frame, rng: Generator, person: _Person) -> None:
    """Hair over the forehead: parted, straight or swept."""
    parting, slope = rng.uniform(-0.5, 0.5), rng.uniform(0.1, 0.5)
    line = -rng.uniform(0.5, 0.8) * person.tall + slope * (head.u - parting) ** 2
    if rng.uniform() < 0.4:
        line = line + 0.22 * head.u * rng.choice([-1.0, 1.0])
    ragged = strands(rng, canvas.size_px, across=30, along=2)
    mask = _head_mask(head, person, grow=rng.uniform(0.04, 0.12))
    mask *= 1 - head.below(line + 0.03 * ragged)
    canvas.shade(_head_mask(head, person) * (1 - head.below(line + 0.12, soft=0.1)), 0.8)
    canvas.paint(mask, person.hair)
    shine = head.ellipse(rng.uniform(-0.4, 0.4), -0.95 * person.tall, 0.6, 0.16, soft=0.2)
    canvas.shade(mask * shine, rng.uniform(1.2, 2.2))
    _comb(canvas, mask, rng)


def _paint_glasses(canvas: Canvas, head: Frame, rng: Generator, person: _Person) -> None:
    rim = any_colour(rng, saturation=0.7, value=(0.05, 0.4))
    power, radius = rng.choice([2.0, 4.0]), rng.uniform(0.27, 0.33)
    middle, thick = 0.45 * person.yaw, rng.uniform(0.03, 0.055)
    for side in (-1, 1):
        u = side * 0.43 + middle
        outer = head.ellipse(u, 0.02, radius + thick, radius * 0.85 + thick, power=power)
        inner = head.ellipse(u, 0.02, radius, radius * 0.85, power=power)
        canvas.paint(inner, _WHITE, rng.uniform(0.03, 0.12))
        canvas.paint(outer * (1 - inner), rim)
        canvas.paint(head.stroke(side * 0.9 + middle * 0.5, -0.04, 0.18, 0.03), rim)
    canvas.paint(head.stroke(middle, 0, 0.13, 0.03, sag=-0.04), rim)


def _light_scene(canvas: Canvas, rng: Generator) -> None:
    """One lamp's direction and colour over everything."""
    fall = canvas.frame.moved(0, 0, tilt=rng.uniform(-np.pi, np.pi)).u
    warm = rng.normal(0, 0.06)
    tint = np.array([1 + warm, 1, 1 - warm], np.float32) * np.float32(rng.uniform(0.75, 1.15))
    canvas.light *= np.exp(rng.uniform(0, 0.35) * fall)[..., None] * tint
