"""McNemar's exact test against scipy's binomial one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from dfx.evaluation.paired import mcnemar_p


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_p_is_that_of_a_binomial_test(only_first: int, only_second: int) -> None:
    total = only_first + only_second
    expected = binomtest(only_first, total, 0.5).pvalue if total else 1.0

    assert mcnemar_p(only_first, only_second) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_the_order_does_not_matter() -> None:
    assert mcnemar_p(3, 14) == mcnemar_p(14, 3)


def test_no_disagreement_shows_nothing() -> None:
    assert mcnemar_p(0, 0) == 1.0


def test_thousands_of_images_are_within_a_float() -> None:
    assert 0 <= mcnemar_p(0, 20_000) < 1e-300
    assert mcnemar_p(10_000, 10_000) == 1.0
