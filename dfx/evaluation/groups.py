"""How well images of each source are judged: one generator of deepfakes, one camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.assessment import NO_DEEPFAKE, NO_REAL
from dfx.evaluation.intervals import wilson_interval
from dfx.records import DEEPFAKE
from dfx.records.evaluation import GroupResult

_HALF = 0.5
"""The threshold that results are told at too, where another one is used."""


def assess_groups(
    sources: Sequence[str],
    labels: NDArray[np.int64],
    p_deepfake: NDArray[np.float64],
    *,
    threshold: float,
) -> tuple[GroupResult, ...]:
    """Results by source, the lowest accuracy first; of equal ones the larger group.

    The AUC of a group with both classes is within the group. Where it has one only, as one
    generator has, it is of the group's images against all images of the other class in the set.

    Args:
        sources: [n], a label for each image.
        labels: [n], 0 real, 1 deepfake.
        p_deepfake: [n], in [0, 1].
        threshold: p_deepfake from which an image is called a deepfake.
    """
    names, places = np.unique(np.asarray(sources, dtype=object), return_inverse=True)
    deepfake = labels == DEEPFAKE

    def count(images: NDArray[np.bool_]) -> list[int]:
        counts: list[int] = np.bincount(places[images], minlength=len(names)).tolist()
        return counts

    of_real, of_deepfake = count(~deepfake), count(deepfake)
    right = count((p_deepfake >= threshold) == deepfake)
    right_at_half = count((p_deepfake >= _HALF) == deepfake)
    ranks = _rank_groups(places, len(names), deepfake, p_deepfake)
    results = []
    for place, source in enumerate(names):
        total = of_real[place] + of_deepfake[place]
        low, high = wilson_interval(right[place], total)
        auc, against, reason = ranks[place]
        results.append(
            GroupResult(
                source=str(source),
                real=of_real[place],
                deepfake=of_deepfake[place],
                right=right[place],
                accuracy=right[place] / total,
                accuracy_low=low,
                accuracy_high=high,
                auc=auc,
                against=against,
                reason=reason,
                accuracy_at_half=None if threshold == _HALF else right_at_half[place] / total,
            )
        )
    return tuple(sorted(results, key=lambda g: (g.accuracy, -g.real - g.deepfake, g.source)))


def _rank_groups(
    places: NDArray[np.int64],
    groups: int,
    deepfake: NDArray[np.bool_],
    p_deepfake: NDArray[np.float64],
) -> list[tuple[float | None, str | None, str | None]]:
    """For each group the AUC, against what, and why not.

    The AUC of one image against others is the share of these that it wins against, a tie being
    half; that of a group is the mean. Images against the whole other class are ranked once for all
    groups, and no group is looked at but for its own images.

    Args:
        places: [n], the group of each image, from 0.
        groups: How many.
        deepfake: [n].
        p_deepfake: [n].
    """
    real_p, deepfake_p = p_deepfake[~deepfake], p_deepfake[deepfake]
    of_all = np.zeros(len(places))
    of_all[deepfake] = _wins(deepfake_p, real_p)
    of_all[~deepfake] = len(deepfake_p) - _wins(real_p, deepfake_p)
    order = np.argsort(places, kind="stable")
    ends = np.cumsum(np.bincount(places, minlength=groups))
    found: list[tuple[float | None, str | None, str | None]] = []
    for inside in np.split(order, ends[:-1]):
        is_deepfake, p = deepfake[inside], p_deepfake[inside]
        own_deepfakes, own_real = p[is_deepfake], p[~is_deepfake]
        if len(own_deepfakes) and len(own_real):
            wins, pairs = _wins(own_deepfakes, own_real).sum(), len(own_deepfakes) * len(own_real)
            against = "images of the other class in the group"
        else:
            others, against, missing = (
                (len(real_p), "all real images", NO_REAL)
                if len(own_deepfakes)
                else (len(deepfake_p), "all deepfakes", NO_DEEPFAKE)
            )
            if not others:
                found.append((None, None, missing))
                continue
            wins, pairs = of_all[inside].sum(), len(inside) * others
        found.append((float(wins / pairs), against, None))
    return found


def _wins(p: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """How many of the others each has a higher score than, a tie counting half."""
    ordered = np.sort(others)
    wins: NDArray[np.float64] = (
        np.searchsorted(ordered, p, "left") + np.searchsorted(ordered, p, "right")
    ) / 2
    return wins
