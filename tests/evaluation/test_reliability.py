"""Bins and the calibration error against scikit-learn and by counting."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.reliability import expected_calibration_error, reliability_curve

from .score_samples import PAIRS, arrays, draw_scores


@given(st.integers(2, 400), st.sampled_from([1, 2, None]), st.integers(0, 1000))
@settings(max_examples=80, deadline=None)
def test_bins_are_those_of_scikit_learn(images: int, digits: int | None, seed: int) -> None:
    """But where its quantile falls on an image: there rounding decides for the image's bin."""
    images += (images - 1) % 3 == 0
    images += (images - 1) % 5 == 0
    images += (images - 1) % 3 == 0
    labels, p = draw_scores(np.random.default_rng(seed), images, digits=digits)
    shares, means = calibration_curve(labels, p, n_bins=15, strategy="quantile")
    bins = reliability_curve(labels, p)

    assert [b.share for b in bins] == pytest.approx(shares.tolist(), abs=1e-12)
    assert [b.mean_p for b in bins] == pytest.approx(means.tolist(), abs=1e-12)


@given(PAIRS)
@settings(max_examples=80, deadline=None)
def test_each_image_is_in_one_bin_and_ties_stay_together(pairs: list[tuple[int, float]]) -> None:
    labels, p = arrays(pairs)
    bins = reliability_curve(labels, p)
    inside = [(p >= b.p_low) & (p <= b.p_high) for b in bins]

    assert np.array_equal(np.sum(inside, axis=0), np.ones(len(p)))
    for found, members in zip(bins, inside, strict=True):
        assert found.images == members.sum()
        assert found.deepfakes == labels[members].sum()
        assert found.mean_p == pytest.approx(p[members].mean(), abs=1e-12)
        assert found.share == found.deepfakes / found.images
        assert (found.share_low, found.share_high) == wilson_interval(found.deepfakes, found.images)


@pytest.mark.parametrize("images", [15, 16, 29, 30, 31, 1000])
def test_bins_are_of_equal_mass(images: int) -> None:
    """To one image, where no score occurs twice."""
    p = np.random.default_rng(0).permutation(np.linspace(0, 1, images))
    sizes = {b.images for b in reliability_curve(np.zeros(images, np.int64), p)}

    assert len(reliability_curve(np.zeros(images, np.int64), p)) == 15
    assert sizes <= {images // 15, images // 15 + 1}


@given(PAIRS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_images_does_not_matter(
    pairs: list[tuple[int, float]], random: Random
) -> None:
    error = expected_calibration_error(reliability_curve(*arrays(pairs)))
    random.shuffle(pairs)

    assert expected_calibration_error(reliability_curve(*arrays(pairs))) == pytest.approx(
        error, abs=1e-12
    )


def test_error_of_a_known_case() -> None:
    """Two bins of ten: p 0.2 with 5 deepfakes, p 0.8 with 8."""
    p = np.repeat([0.2, 0.8], 10)
    labels = np.array([1] * 5 + [0] * 5 + [1] * 8 + [0] * 2)

    assert expected_calibration_error(reliability_curve(labels, p)) == pytest.approx(0.15)


def test_one_image_is_one_bin() -> None:
    (only,) = reliability_curve(np.array([1]), np.array([0.75]))

    assert (only.images, only.mean_p, only.share) == (1, 0.75, 1.0)


def test_values_are_plain_numbers() -> None:
    found = reliability_curve(*draw_scores(np.random.default_rng(0), 40))[0]

    assert {type(getattr(found, name)) for name in found.__slots__} == {int, float}
