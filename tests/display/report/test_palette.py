"""Every colour stands out from what it is on, and the colours of data from each other."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from dfx.display.report.palette import DARK, LIGHT, Role

Floats = NDArray[np.float64]

# Machado, Oliveira & Fernandes, "A physiologically-based model for simulation of color vision
# deficiency", IEEE TVCG 15 (2009), at full severity.
DEFICIENCIES = {
    "none": np.eye(3),
    "protan": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deutan": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritan": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
SCHEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])


def linear(colour: str) -> Floats:
    """Red, green and blue of an sRGB colour as amounts of light."""
    shares = np.array(list(bytes.fromhex(colour[1:]))) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""
    weights = np.array([0.2126, 0.7152, 0.0722])
    low, high = sorted(float(weights @ linear(colour)) + 0.05 for colour in (one, other))
    return high / low


def to_lab(light: Floats) -> Floats:
    """CIE L*a*b* of amounts of light, D65."""
    matrix = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    x, y, z = np.cbrt(np.clip(matrix @ light, 1e-4, None) / matrix.sum(axis=1))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@SCHEMES
@pytest.mark.parametrize("role", ["ink", "muted", "first", "second", "third"])
def test_what_is_written_or_drawn_can_be_read(colours: dict[Role, str], role: Role) -> None:
    assert contrast(colours[role], colours["card"]) >= 4.5
    assert contrast(colours[role], colours["page"]) >= 4.5


@SCHEMES
@pytest.mark.parametrize("ground", ["first-soft", "second-soft"])
def test_ink_can_be_read_on_a_filled_cell(colours: dict[Role, str], ground: Role) -> None:
    assert contrast(colours["ink"], colours[ground]) >= 4.5


@SCHEMES
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_colours_of_data_differ_for_everyone(colours: dict[Role, str], deficiency: str) -> None:
    """Far more than the distance of about 2 from which two colours are told apart."""
    seen = {
        role: to_lab(np.clip(DEFICIENCIES[deficiency] @ linear(colours[role]), 0, 1))
        for role in ("first", "second", "third")
    }

    for one, other in combinations(seen, 2):
        assert np.linalg.norm(seen[one] - seen[other]) > 15, (one, other)


def test_colours_are_each_of_one_role() -> None:
    """Otherwise those of a chart could not be given back to their roles."""
    assert len(set(LIGHT.values())) == len(LIGHT)
    assert LIGHT.keys() == DARK.keys()
