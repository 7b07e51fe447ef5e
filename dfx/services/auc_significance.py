"""Whether two runs' AUCs on the same images differ by more than chance.

Loads numpy, which a leaderboard by accuracy does without.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from dfx.evaluation.delong import compare_aucs
from dfx.records import CLASS_NAMES
from dfx.records.leaderboard import AucDifference
from dfx.services.significance import NoPair, Pair, Scored, ScoredImage, read_validation_pair
from dfx.tracking.store import RunStore


def compare_auc_predictions(store: RunStore, first: Scored, second: Scored) -> AucDifference:
    """DeLong's test of two runs' best checkpoints, from their stored predictions.

    Args:
        store: Knows where their files are.
        first: The better one.
        second: The other, on the same images.

    Returns:
        The test; without figures but with a reason where predictions are not to be had.
    """
    try:
        return compare_rankings(read_validation_pair(store, first, second))
    except NoPair as missing:
        return AucDifference(first.run, second.run, None, None, None, None, missing.reason)


def compare_rankings(pair: Pair) -> AucDifference:
    """DeLong's test of two runs by how they order the same images."""
    missing = (*pair.names, None, None, None, None)
    try:
        truths = [CLASS_NAMES.index(line.truth) for line in pair.first.values()]
        first = _scores(pair.first.values())
        second = _scores(pair.second[image] for image in pair.first)
    except ValueError:
        return AucDifference(*missing, f"the predictions of {' or '.join(pair.names)} are damaged")
    if len(set(truths)) < 2:
        return AucDifference(*missing, "there are images of one class only")
    test = compare_aucs(np.array(truths, dtype=np.int64), first, second)
    return AucDifference(*pair.names, test.difference, test.low, test.high, test.p, test.reason)


def _scores(lines: Iterable[ScoredImage]) -> NDArray[np.float64]:
    scores = np.array([float(line.p_deepfake) for line in lines], dtype=np.float64)
    if not np.isfinite(scores).all():
        raise ValueError("a probability is not finite")
    return scores
