"""Tests of two runs in words, and as documents."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dfx.display.figures import format_p
from dfx.records.leaderboard import AucDifference, PairedTest

_NAMES = {PairedTest: "McNemar", AucDifference: "DeLong"}


def describe_test(test: PairedTest | AucDifference | None, *, of: str = "") -> str:
    """What a test of the first two lines shows, as a sentence after two spaces; else nothing.

    Args:
        test: None where there are not two.
        of: What was tested, where it is not clear: `in AUC`.
    """
    if test is None:
        return ""
    of = f" {of}" if of else ""
    if test.p is None:
        return f"  1 and 2 were not tested{of}: {test.reason}."
    how = f"({_NAMES[type(test)]} {format_p(test.p)})"
    if test.shows_difference:
        return f"  1 and 2 differ{of} {how}."
    return f"  No difference{of} shown between 1 and 2 {how}."


def significance_document(test: PairedTest | AucDifference) -> dict[str, Any]:
    """`{"method": "mcnemar", first, second, only_first, only_second, p, reason}`, or DeLong's.

    That is `{"method": "delong", first, second, difference, low, high, p, reason}`.
    """
    return {"method": _NAMES[type(test)].lower(), **asdict(test)}
