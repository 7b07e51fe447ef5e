"""Wilson's interval against its defining equation and published values."""

from __future__ import annotations

from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfx.evaluation.intervals import wilson_interval

Z = 1.959963984540054


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
        # Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_published_values(right: int, total: int, low: float, high: float) -> None:
    found = wilson_interval(right, total)

    assert found == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6), st.data())
def test_ends_solve_the_score_equation(total: int, data: st.DataObject) -> None:
    """At either end p the observed share is z standard deviations away: |p̂ − p| = z √(p(1−p)/n)."""
    right = data.draw(st.integers(0, total))
    share = right / total
    for end in wilson_interval(right, total):
        assert 0 <= end <= 1
        assert abs(share - end) == pytest.approx(Z * sqrt(end * (1 - end) / total), abs=1e-7)
    low, high = wilson_interval(right, total)
    assert low <= share <= high


@given(st.integers(1, 1000), st.data())
def test_is_symmetric(total: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, total))
    low, high = wilson_interval(right, total)

    assert wilson_interval(total - right, total) == pytest.approx((1 - high, 1 - low))


def test_a_higher_level_is_wider() -> None:
    low, high = wilson_interval(7, 10)
    lower, higher = wilson_interval(7, 10, level=0.99)

    assert lower < low < high < higher
