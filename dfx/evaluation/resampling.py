"""All metrics on many stratified resamples at once.

A resample is not made: it is the number of times that each image was drawn. Scores are sorted once;
sums of these numbers down the sorted scores then give what a curve would. Images of the same score
are one entry, so that ties are what they are in scikit-learn. The metrics are defined in
`dfx.evaluation.assessment`; what is made of their spread is in `dfx.evaluation.bootstrap`.

Shapes: r resamples of a chunk, m different scores of a class, k different scores of all images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.assessment import FPR_LIMITS, METRIC_NAMES
from dfx.evaluation.reliability import bin_ranks
from dfx.records import DEEPFAKE, REAL

_Floats = NDArray[np.float64]
_Ints = NDArray[np.int64]
_Number = TypeVar("_Number", np.int64, np.float64)

CELLS = 1 << 18
"""Images times resamples that are computed at once; an array of them takes 2 MiB."""


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
    ranking = _Ranking.of(p_deepfake, real, deepfake)
    result = {name: np.full(resamples, np.nan) for name in METRIC_NAMES}
    step = max(1, cells // len(labels))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        real_counts, deepfake_counts = real.empty(rows), deepfake.empty(rows)
        for row in range(rows):
            real_drawn, deepfake_drawn = draw_resample(rng, real.images, deepfake.images)
            real_counts[row] = real.count(real_drawn)
            deepfake_counts[row] = deepfake.count(deepfake_drawn)
        chunk = _Chunk(ranking, real_counts, deepfake_counts)
        for name, values in chunk.compute().items():
            result[name][start : start + rows] = values
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
            losses=-np.log(np.clip(right, tiny, 1 - tiny)),
            squares=(scores - label) ** 2,
            called=int((scores >= threshold).sum()),
        )

    def empty(self, rows: int) -> _Ints:
        # Whole numbers are exact, and add up several times faster than floats.
        return np.empty((rows, len(self.scores)), np.int64)

    def count(self, drawn: _Ints) -> _Ints:
        """How often each of `scores` was drawn."""
        return np.bincount(self.entries[drawn], minlength=len(self.scores))


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
    """

    real: _Stratum
    deepfake: _Stratum
    size: int
    real_reach: _Ints
    deepfake_reach: _Ints
    above: _Ints
    tied_deepfake: _Ints
    tied_real: _Ints

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
        )


class _Chunk:
    """Some resamples: counts [r, m] of each class, and their sums [r, m + 1] from the top."""

    def __init__(self, ranking: _Ranking, real: _Ints, deepfake: _Ints) -> None:
        self.ranking = ranking
        self.real, self.deepfake = real, deepfake
        self.real_sums, self.deepfake_sums = _sum_down(real), _sum_down(deepfake)
        self.rows = np.arange(len(real))

    def compute(self) -> dict[str, _Floats]:
        """The metrics that the classes present allow."""
        result = {**self.judge_verdicts(), **self.judge_probabilities()}
        if self.ranking.real.images and self.ranking.deepfake.images:
            result |= self.judge_order()
        return result

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

    def judge_probabilities(self) -> dict[str, _Floats]:
        real, deepfake = self.ranking.real, self.ranking.deepfake
        images = real.images + deepfake.images
        loss = _weigh(self.real, real.losses) + _weigh(self.deepfake, deepfake.losses)
        square = _weigh(self.real, real.squares) + _weigh(self.deepfake, deepfake.squares)
        return {
            "loss": loss / images,
            "brier_score": square / images,
            "ece": self.mean_gap() / images,
        }

    def mean_gap(self) -> _Floats:
        """The expected calibration error times the number of images."""
        ranking = self.ranking
        images = ranking.real.images + ranking.deepfake.images
        # Counted from the top, a bin that takes in the image of a rank from the bottom begins where
        # so many images are above it; those of the same score are in the bin too.
        needed = images - bin_ranks(images)
        ends = self.find_first(lambda j: sum(self.get_counts(j)) >= needed, len(needed)) - 1
        edges = np.pad(ends, ((0, 0), (1, 1)))
        edges[:, 0] = ranking.size
        rows = self.rows[:, None]
        real_p = _sum_down(self.real * ranking.real.scores)
        deepfake_p = _sum_down(self.deepfake * ranking.deepfake.scores)
        p = (
            real_p[rows, ranking.real_reach[edges]]
            + deepfake_p[rows, ranking.deepfake_reach[edges]]
        )
        gaps = np.diff(p - self.get_counts(edges)[DEEPFAKE], axis=1)
        result: _Floats = np.abs(gaps).sum(axis=1)
        return result

    def judge_order(self) -> dict[str, _Floats]:
        ranking = self.ranking
        real, deepfake = ranking.real.images, ranking.deepfake.images
        fp = self.real_sums.take(ranking.above, axis=1)
        lost = np.einsum("rm,rm->r", self.deepfake, fp)
        tied = self.deepfake[:, ranking.tied_deepfake], self.real[:, ranking.tied_real]
        ties = np.einsum("rm,rm->r", *tied)
        tp = self.deepfake_sums[:, 1:]
        # The highest scores may not have been drawn: nothing is called then, and nothing counted.
        precision = tp / np.maximum(tp + fp, 1)
        result = {
            "auc": 1 - (lost - ties / 2) / (real * deepfake),
            "average_precision": _weigh(self.deepfake, precision) / deepfake,
            "eer": self.find_equal_error(),
        }
        result |= {name: self.find_tpr(limit) for name, limit in FPR_LIMITS.items()}
        return result

    def find_tpr(self, limit: float) -> _Floats:
        real, deepfake = self.ranking.real.images, self.ranking.deepfake.images
        # By the rates, not the counts: the limit is compared with what scikit-learn computes.
        allowed = int((np.arange(real + 1) / real <= limit).sum()) - 1
        beyond = self.find_first(lambda j: self.get_counts(j)[REAL] > allowed, 1)
        return self.get_counts(beyond - 1)[DEEPFAKE][:, 0] / deepfake

    def find_equal_error(self) -> _Floats:
        real, deepfake = self.ranking.real.images, self.ranking.deepfake.images

        def gap(j: _Ints) -> _Ints:
            """FPR less FNR where the first j scores are called, in units of 1 / (real deepfake)."""
            fp, tp = self.get_counts(j)
            return fp * deepfake - (deepfake - tp) * real

        after = self.find_first(lambda j: gap(j) >= 0, 1)
        below, above = gap(after - 1), gap(after)
        fp, next_fp = self.get_counts(after - 1)[REAL], self.get_counts(after)[REAL]
        result: _Floats = (fp - below / (above - below) * (next_fp - fp))[:, 0] / real
        return result

    def get_counts(self, j: _Ints) -> tuple[_Ints, _Ints]:
        """Real images and deepfakes among the first j scores; j and both [r, any]."""
        rows = self.rows[:, None]
        return (
            self.real_sums[rows, self.ranking.real_reach[j]],
            self.deepfake_sums[rows, self.ranking.deepfake_reach[j]],
        )

    def find_first(self, holds: Callable[[_Ints], NDArray[np.bool_]], columns: int) -> _Ints:
        """The least j in [0, k] from which on `holds`, by halving; it holds for k.

        Returns:
            [r, columns], a search for each.
        """
        low = np.zeros((len(self.rows), columns), np.int64)
        high = np.full_like(low, self.ranking.size)
        for _ in range(self.ranking.size.bit_length()):
            middle = (low + high) // 2
            held = holds(middle)
            low, high = np.where(held, low, middle + 1), np.where(held, middle, high)
        return high


def _sum_down(values: NDArray[_Number]) -> NDArray[_Number]:
    sums = np.zeros((len(values), values.shape[1] + 1), values.dtype)
    np.cumsum(values, axis=1, out=sums[:, 1:])
    return sums


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
