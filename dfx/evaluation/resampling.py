"""All metrics on many stratified resamples at once.

A resample is not made: it is the number of times that each image was drawn. Scores are sorted once;
sums of these numbers down the sorted scores then give what a curve would. Images of the same score
are one entry, so that ties are what they are in scikit-learn. The metrics are defined in
`dfx.evaluation.assessment`; what is made of their spread is in `dfx.evaluation.bootstrap`.

Shapes: r resamples of a chunk, m different scores of a class, k different scores of all images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.assessment import FPR_LIMITS
from dfx.evaluation.reliability import BINS, bin_ranks
from dfx.records import DEEPFAKE, REAL
from dfx.records.evaluation import METRIC_NAMES

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]

_BINS = slice(0, BINS - 1)
_EQUAL = slice(BINS - 1, BINS)
_LIMITS = slice(BINS, None)
"""Places among the goals of a ranking."""

CELLS = 1 << 17
"""Images times resamples that are computed at once; an array of them takes 1 MiB. With larger ones
most of the time goes into fetching memory."""


def resample_metrics(
    labels: _Ints,
    p_deepfake: _Floats,
    *,
    threshold: float,
    resamples: int,
    seed: int,
    cells: int = CELLS,
) -> dict[str, _Floats]:
    """The metrics on each of many resamples of the images, drawn within each class.

    Args:
        labels: [n], 0 real, 1 deepfake; n ≥ 1.
        p_deepfake: [n], in [0, 1].
        threshold: p_deepfake from which an image is called a deepfake.
        resamples: How many.
        seed: Decides them, whatever `cells`.
        cells: Bounds the memory.

    Returns:
        By name, in the order of `METRIC_NAMES`, float64 [resamples]; NaN where undefined.
    """
    rng = np.random.default_rng(seed)
    real, deepfake = (_Stratum.of(p_deepfake[labels == c], c, threshold) for c in (REAL, DEEPFAKE))
    step = min(resamples, max(1, cells // len(labels)))
    chunk = _Chunk(_Ranking.of(p_deepfake, real, deepfake), step)
    result = {name: np.full(resamples, np.nan) for name in METRIC_NAMES}
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        for row in range(rows):
            chunk.count(row, *draw_resample(rng, real.images, deepfake.images))
        for name, values in chunk.compute().items():
            # Of the last chunk some rows may be those of the one before.
            result[name][start : start + rows] = values[:rows]
    return result


def draw_resample(rng: np.random.Generator, real: int, deepfake: int) -> tuple[_Ints, _Ints]:
    """Positions among the real images and among the deepfakes, as many of each as there are."""
    return (
        rng.integers(0, real, real) if real else np.empty(0, np.int64),
        rng.integers(0, deepfake, deepfake) if deepfake else np.empty(0, np.int64),
    )


@dataclass(frozen=True, slots=True)
class _Stratum:
    """The images of one class.

    Attributes:
        entries: [images], the place of each image's score among `scores`.
        scores: [m], the different scores, descending.
        losses: [m], cross-entropy of an image with that score, nats.
        squares: [m], squared distance of that score from the class.
        called: How many of `scores` are called deepfakes.
    """

    images: int
    entries: _Ints
    scores: _Floats
    losses: _Floats
    squares: _Floats
    called: int

    @classmethod
    def of(cls, p: _Floats, label: int, threshold: float) -> _Stratum:
        negated, entries = np.unique(-p, return_inverse=True)
        scores = -negated
        right = scores if label == DEEPFAKE else 1 - scores
        tiny = np.finfo(np.float64).eps  # scikit-learn's: certain errors cost a finite loss
        return cls(
            images=len(p),
            entries=entries,
            scores=scores,
            losses=-np.log(np.maximum(right, tiny)),
            squares=(scores - label) ** 2,
            called=int((scores >= threshold).sum()),
        )


@dataclass(frozen=True, slots=True)
class _Ranking:
    """Both classes in one order, by descending score.

    Attributes:
        size: k.
        real_reach: [k + 1], how many scores of real images are among the first j of all.
        deepfake_reach: [k + 1], likewise.
        above: [m of deepfakes], how many scores of real images are at or above each.
        tied_deepfake: Places of the scores that both classes have, among the deepfakes'.
        tied_real: The same among those of real images.
        goals: As from `_make_goals`.
    """

    real: _Stratum
    deepfake: _Stratum
    size: int
    real_reach: _Ints
    deepfake_reach: _Ints
    above: _Ints
    tied_deepfake: _Ints
    tied_real: _Ints
    goals: _Ints

    @classmethod
    def of(cls, p: _Floats, real: _Stratum, deepfake: _Stratum) -> _Ranking:
        order = np.unique(-p)
        _, tied_deepfake, tied_real = np.intersect1d(
            -deepfake.scores, -real.scores, assume_unique=True, return_indices=True
        )
        return cls(
            real=real,
            deepfake=deepfake,
            size=len(order),
            real_reach=np.append(0, np.searchsorted(-real.scores, order, side="right")),
            deepfake_reach=np.append(0, np.searchsorted(-deepfake.scores, order, side="right")),
            above=np.searchsorted(-real.scores, -deepfake.scores, side="right"),
            tied_deepfake=tied_deepfake,
            tied_real=tied_real,
            goals=_make_goals(real.images, deepfake.images),
        )


class _Chunk:
    """Some resamples: how often each score was drawn, [r, m] of each class.

    `real_sums` and `deepfake_sums`, [r, m + 1], are these numbers summed from the top. All are
    whole numbers, which are exact and add up several times faster than floats.
    """

    def __init__(self, ranking: _Ranking, rows: int) -> None:
        self.ranking = ranking
        self.rows = np.arange(rows)[:, None]
        m = len(ranking.real.scores), len(ranking.deepfake.scores)
        self.real, self.deepfake = (np.zeros((rows, size), np.int64) for size in m)
        self.real_sums, self.deepfake_sums = (np.zeros((rows, size + 1), np.int64) for size in m)

    def count(self, row: int, real: _Ints, deepfake: _Ints) -> None:
        """Takes in a resample, by the positions of its images in each class."""
        ranking = self.ranking
        for stratum, counts, drawn in (
            (ranking.real, self.real, real),
            (ranking.deepfake, self.deepfake, deepfake),
        ):
            counts[row] = np.bincount(stratum.entries[drawn], minlength=len(stratum.scores))

    def compute(self) -> dict[str, _Floats]:
        """The metrics that the classes present allow."""
        np.cumsum(self.real, axis=1, out=self.real_sums[:, 1:])
        np.cumsum(self.deepfake, axis=1, out=self.deepfake_sums[:, 1:])
        places = self.find_places()
        result = {**self.judge_verdicts(), **self.judge_probabilities(places)}
        if self.ranking.real.images and self.ranking.deepfake.images:
            return result | self.judge_order(places)
        # Without a class there is nothing to set the other against.
        return {n: v for n, v in result.items() if n not in ("precision", "f1")}

    def judge_verdicts(self) -> dict[str, _Floats]:
        real, deepfake = self.ranking.real, self.ranking.deepfake
        fp, tp = self.real_sums[:, real.called], self.deepfake_sums[:, deepfake.called]
        tn, fn = real.images - fp, deepfake.images - tp
        right = _divide(tn, tn + fp), _divide(tp, tp + fn)
        return {
            "accuracy": (tn + tp) / (real.images + deepfake.images),
            "balanced_accuracy": (right[REAL] + right[DEEPFAKE]) / 2,
            "precision": _divide(tp, tp + fp),
            "recall": right[DEEPFAKE],
            "f1": _divide(2 * tp, 2 * tp + fp + fn),
            "real_accuracy": right[REAL],
            "deepfake_accuracy": right[DEEPFAKE],
        }

    def judge_probabilities(self, places: _Ints) -> dict[str, _Floats]:
        real, deepfake = self.ranking.real, self.ranking.deepfake
        images = real.images + deepfake.images
        loss = _weigh(self.real, real.losses) + _weigh(self.deepfake, deepfake.losses)
        square = _weigh(self.real, real.squares) + _weigh(self.deepfake, deepfake.squares)
        # A bin takes in the score with which its sum was reached, so the one above begins before.
        starts = np.pad(places[:, _BINS] - 1, ((0, 0), (1, 0)))
        edges = np.pad(starts, ((0, 0), (0, 1)), constant_values=self.ranking.size)
        p = _add_between(self.real * real.scores, self.ranking.real_reach[starts])
        p += _add_between(self.deepfake * deepfake.scores, self.ranking.deepfake_reach[starts])
        gaps = p - np.diff(self.get_counts(edges)[DEEPFAKE], axis=1)
        return {
            "loss": loss / images,
            "brier_score": square / images,
            "ece": np.abs(gaps).sum(axis=1) / images,
        }

    def judge_order(self, places: _Ints) -> dict[str, _Floats]:
        ranking = self.ranking
        real, deepfake = ranking.real.images, ranking.deepfake.images
        fp = self.real_sums.take(ranking.above, axis=1)
        lost = np.einsum("rm,rm->r", self.deepfake, fp)
        tied = self.deepfake[:, ranking.tied_deepfake], self.real[:, ranking.tied_real]
        ties = np.einsum("rm,rm->r", *tied)
        tp = self.deepfake_sums[:, 1:]
        # The highest scores may not have been drawn: nothing is called then, and nothing counted.
        precision = tp / np.maximum(tp + fp, 1)
        reached = self.get_counts(places[:, _LIMITS] - 1)[DEEPFAKE] / deepfake
        return {
            "auc": 1 - (lost - ties / 2) / (real * deepfake),
            "average_precision": _weigh(self.deepfake, precision) / deepfake,
            "eer": self.interpolate_equal_error(places[:, _EQUAL]),
            **dict(zip(FPR_LIMITS, reached.T, strict=True)),
        }

    def interpolate_equal_error(self, after: _Ints) -> _Floats:
        """The equal error rate, from the first point at which FPR is at least FNR."""
        real, deepfake = self.ranking.real.images, self.ranking.deepfake.images
        edges = np.concatenate([after - 1, after], axis=1)
        fp, tp = self.get_counts(edges)
        below, above = ((fp * deepfake) - (deepfake - tp) * real).T
        rates: _Floats = (fp[:, 0] - below / (above - below) * (fp[:, 1] - fp[:, 0])) / real
        return rates

    def get_counts(self, j: _Ints) -> tuple[_Ints, _Ints]:
        """Real images and deepfakes among the first j scores; j and both [r, any]."""
        return (
            self.real_sums[self.rows, self.ranking.real_reach[j]],
            self.deepfake_sums[self.rows, self.ranking.deepfake_reach[j]],
        )

    def find_places(self) -> _Ints:
        """For each goal of the ranking, how many of the first scores it takes to reach it.

        Returns:
            [r, goals], by halving, all at once.
        """
        real_weights, deepfake_weights, needed = self.ranking.goals
        low = np.zeros((len(self.rows), len(needed)), np.int64)
        high = np.full_like(low, self.ranking.size)
        for _ in range(self.ranking.size.bit_length()):
            middle = (low + high) // 2
            real, deepfake = self.get_counts(middle)
            reached = real * real_weights + deepfake * deepfake_weights >= needed
            low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
        return high


def _make_goals(real: int, deepfake: int) -> _Ints:
    """What sums down the sorted scores are searched for: weights of both classes, and the sum.

    Returns:
        [3, goals]: the goals of `_BINS`, of `_EQUAL` and of `_LIMITS`.
    """
    # Counted from the top, a bin that ends with a rank from the bottom is entered by so many.
    bins = [(1, 1, needed) for needed in real + deepfake - bin_ranks(real + deepfake)[::-1]]
    # FPR ≥ 1 − TPR, times the number of pairs.
    equal = (deepfake, real, real * deepfake)
    # The first real image too many, by rates as scikit-learn computes them, rounding included.
    rates = np.arange(real + 1) / max(real, 1)
    limits = [(1, 0, int((rates <= limit).sum())) for limit in FPR_LIMITS.values()]
    return np.array([*bins, equal, *limits], np.int64).T


def _add_between(values: _Floats, starts: _Ints) -> _Floats:
    """Sums of each row from each start to the next, and from the last to the end.

    Args:
        values: [r, m].
        starts: [r, s], never falling.

    Returns:
        [r, s].
    """
    rows, m = values.shape
    # A start may be the end of the last row, where there is nothing to begin with.
    flat = np.append(values, 0.0)
    sums = np.add.reduceat(flat, (starts + m * np.arange(rows)[:, None]).ravel())
    ends = np.append(starts[:, 1:], np.full((rows, 1), m), axis=1)
    # Of an empty stretch numpy gives the value at its start.
    return np.where(starts < ends, sums.reshape(starts.shape), 0.0)


def _weigh(counts: _Ints, values: _Floats) -> _Floats:
    # Not a matrix product: its order of additions depends on the number of rows.
    weights = counts.astype(np.float64)
    result: _Floats = np.einsum("rm,rm->r", weights, np.broadcast_to(values, weights.shape))
    return result


def _divide(part: _Ints, whole: _Ints) -> _Floats:
    """NaN where the whole is 0."""
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=whole > 0)
    return result
