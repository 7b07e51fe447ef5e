"""Scores with labels to test metrics on."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

# Few different values, so that there are ties, and neighbours that nothing lies between.
TIED = st.sampled_from([0.0, 1e-300, 0.1, 0.3, 0.5, math.nextafter(0.5, 1), 0.9, 1.0])
PAIRS = st.lists(st.tuples(st.integers(0, 1), TIED | st.floats(0, 1)), min_size=1, max_size=60)
BOTH_CLASSES = PAIRS.map(lambda pairs: [(0, 0.3), (1, 0.5), *pairs])


def arrays(pairs: list[tuple[int, float]]) -> tuple[Labels, Floats]:
    return np.array([y for y, _ in pairs], np.int64), np.array([p for _, p in pairs], np.float64)


def draw_scores(
    rng: np.random.Generator, images: int, *, sharpness: float = 1.0, digits: int | None = None
) -> tuple[Labels, Floats]:
    """Half of either class; calibrated where `sharpness` is 1, tied where there are few digits."""
    labels = (np.arange(images) < images // 2).astype(np.int64)
    # Of two normal distributions 2 d apart with variance 2 d, the value is its own log odds.
    margins = rng.normal(np.where(labels == 1, 1.125, -1.125), 1.5)
    p = expit(sharpness * margins)
    return labels, p if digits is None else p.round(digits)
