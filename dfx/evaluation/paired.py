"""Tests of two classifiers on the same images."""

from __future__ import annotations

from math import exp, lgamma, log


def mcnemar_p(only_first: int, only_second: int) -> float:
    """McNemar's test, exact and two-sided.

    Images that both get right, or both wrong, say nothing of which is better. Of the others each
    would fall to either side with probability 1/2, were both as good as each other.

    Args:
        only_first: Images that only the first classifier gets right.
        only_second: Images that only the second gets right.

    Returns:
        The probability of a split at least as uneven as this one; 1 where there is none.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12 (1947); its exact form is a binomial test of the images on which
    the two disagree.

    >>> round(mcnemar_p(1, 9), 6)
    0.021484
    """
    total = only_first + only_second
    # By logarithms: for thousands of images the coefficients alone exceed a float.
    half = total * log(2)
    tail = sum(
        exp(lgamma(total + 1) - lgamma(k + 1) - lgamma(total - k + 1) - half)
        for k in range(min(only_first, only_second) + 1)
    )
    return min(1.0, 2 * tail)
