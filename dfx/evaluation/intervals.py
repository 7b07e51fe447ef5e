"""Confidence intervals that need no sampling."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist


def wilson_interval(right: int, total: int, *, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a proportion.

    Args:
        right: Successes.
        total: Trials, at least 1.
        level: Confidence.

    Returns:
        The lower and the upper end, within [0, 1].

    Source: Wilson, "Probable inference, the law of succession, and statistical inference",
    Journal of the American Statistical Association 22 (1927).

    >>> low, high = wilson_interval(90, 100)
    >>> f"{low:.4f} {high:.4f}"
    '0.8256 0.9448'
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    # Rounding alone could put an end on the wrong side of the share, or outside [0, 1].
    low, high = (centre - spread) / scale, (centre + spread) / scale
    return max(0.0, min(share, low)), min(1.0, max(share, high))
