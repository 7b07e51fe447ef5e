"""The evaluations of a run that were made by hand, a line each, and the uses of test splits.

One by itself, in full, is in `dfx.display.evaluation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from dfx.display.console import printable
from dfx.display.figures import ABSENT, format_score, format_time
from dfx.display.table import Column, FoldingTable
from dfx.records import Evaluation
from dfx.records.evaluation import Interval, TestUse


def by_hand_table(evaluations: Sequence[Evaluation], directory: str) -> FoldingTable:
    """One line an evaluation, at the threshold that is its headline's.

    Where the terminal is too narrow, these columns are left out, in this order: F1, loss, 95 %,
    use.

    Args:
        evaluations: Made by hand.
        directory: Folder of the run, which paths are shown without.
    """
    columns = (
        Column("epoch", right=True),
        Column("data", fold=True),
        Column("split"),
        Column("threshold", right=True),
        Column("accuracy", right=True),
        Column("95 %", drop=3),
        Column("AUC", right=True),
        Column("F1", right=True, drop=1),
        Column("loss", right=True, drop=2),
        Column("use", right=True, drop=4),
        Column("in evaluations/", fold=True),
    )
    rows = [
        [
            str(e.epoch),
            ABSENT if e.dataset is None else e.dataset,
            e.split,
            f"{e.threshold:.4g}",
            format_score(e.accuracy),
            _interval(None if e.detail is None else e.detail.headline.intervals.get("accuracy")),
            format_score(e.auc),
            format_score(e.f1),
            format_score(e.loss),
            "" if e.test_use is None else str(e.test_use),
            "gone" if e.folder is None else e.folder.removeprefix(f"{directory}/evaluations/"),
        ]
        for e in evaluations
    ]
    return FoldingTable(columns, rows)


def _interval(interval: Interval | None) -> str:
    return ABSENT if interval is None else f"{interval.low:.4f}–{interval.high:.4f}"


def describe_uses(uses: Sequence[TestUse]) -> Iterator[Text]:
    """How often a test split was used, and those uses of which no result is recorded.

    Numbers are given without a gap, so the last one is the count, also where the record of an
    earlier one was lost with a database.
    """
    if not uses:
        return
    count = uses[-1].number
    times = "once" if count == 1 else f"{count} times"
    yield Text(f"test split used {times}", style="bold")
    known = {use.number: use for use in uses}
    for number in range(1, count + 1):
        use = known.get(number)
        if use is None:
            yield Text(f"use {number}: its record was lost", style="yellow")
        elif not use.is_recorded:
            yield Text(
                f"use {number}: {printable(use.dataset)}, epoch {use.epoch},"
                f" {format_time(use.used_at)}: no result recorded",
                style="yellow",
                overflow="fold",
            )


def use_documents(uses: Sequence[TestUse]) -> list[dict[str, Any]]:
    """The uses of test splits in JSON's types, in order."""
    return [asdict(use) for use in uses]
