"""Metrics of many resamples at once, against each resample made and measured by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dfx.evaluation.assessment import assess
from dfx.evaluation.resampling import draw_resample, resample_metrics
from dfx.records.evaluation import METRIC_NAMES

from .score_samples import PAIRS, Floats, Labels, arrays, draw_scores


def check_each(
    labels: Labels, p: Floats, *, threshold: float, resamples: int, seed: int, cells: int
) -> None:
    """Draws the same images, puts them side by side, and has scikit-learn measure them."""
    found = resample_metrics(
        labels, p, threshold=threshold, resamples=resamples, seed=seed, cells=cells
    )
    rng = np.random.default_rng(seed)
    real, deepfake = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)

    assert tuple(found) == METRIC_NAMES
    for row in range(resamples):
        real_drawn, deepfake_drawn = draw_resample(rng, len(real), len(deepfake))
        images = np.concatenate([real[real_drawn], deepfake[deepfake_drawn]])
        expected = assess(labels[images], p[images], threshold=threshold).values
        for name, value in expected.items():
            wanted = np.nan if value is None else value
            assert found[name][row] == pytest.approx(wanted, abs=1e-12, nan_ok=True), name


@given(
    PAIRS,
    st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.1]),
    st.integers(0, 100),
    st.sampled_from([1, 100, 10_000]),
)
@settings(max_examples=50, deadline=None)
def test_agrees_with_scikit_learn(
    pairs: list[tuple[int, float]], threshold: float, seed: int, cells: int
) -> None:
    """With ties, one class only, precision undefined in some, and certain errors."""
    check_each(*arrays(pairs), threshold=threshold, resamples=3, seed=seed, cells=cells)


@pytest.mark.parametrize("digits", [None, 3, 1])
def test_agrees_with_scikit_learn_on_many_images(digits: int | None) -> None:
    """More real images than a hundred, so that FPR limits lie between and on points."""
    labels, p = draw_scores(np.random.default_rng(7), 2400, digits=digits)
    check_each(labels[900:], p[900:], threshold=0.4, resamples=20, seed=1, cells=20_000)


@pytest.mark.parametrize("digits", [None, 2])
def test_same_seed_gives_the_same_bits_whatever_the_chunks(digits: int | None) -> None:
    labels, p = draw_scores(np.random.default_rng(3), 300, digits=digits)
    one, few, all_at_once = (
        resample_metrics(labels, p, threshold=0.5, resamples=40, seed=9, cells=cells)
        for cells in (1, 2_000, 10**6)
    )

    for name, values in one.items():
        assert np.array_equal(values, few[name])
        assert np.array_equal(values, all_at_once[name])


def test_another_seed_gives_others() -> None:
    labels, p = draw_scores(np.random.default_rng(3), 300)
    first, second = (
        resample_metrics(labels, p, threshold=0.5, resamples=20, seed=seed) for seed in (0, 1)
    )

    assert not np.array_equal(first["auc"], second["auc"])


def test_each_class_keeps_its_size() -> None:
    real, deepfake = draw_resample(np.random.default_rng(0), 3, 1000)

    assert (len(real), len(deepfake)) == (3, 1000)
    assert set(real.tolist()) <= {0, 1, 2}
    assert 0 <= deepfake.min() <= deepfake.max() < 1000
