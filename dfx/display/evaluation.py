"""An evaluation in short: its metrics and its confusion matrix, and many as a table."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dfx.display.confusion import confusion_table
from dfx.display.figures import format_digest, format_score
from dfx.display.table import Column, FoldingTable, facts
from dfx.records import Evaluation

_METRICS = (
    ("accuracy", "accuracy"),
    ("precision", "precision (deepfake)"),
    ("recall", "recall (deepfake)"),
    ("f1", "F1 (deepfake)"),
    ("auc", "AUC"),
    ("average_precision", "average precision"),
    ("loss", "loss (nats)"),
)


def metrics_table(evaluation: Evaluation) -> Table:
    """The metrics by name; one that is not defined for these images says so."""
    pairs: list[tuple[str, Text]] = []
    for name, heading in _METRICS:
        value: float | None = getattr(evaluation, name)
        shown = Text("undefined", style="yellow") if value is None else Text(f"{value:.4f}")
        pairs.append((heading, shown))
    pairs.append(("threshold", Text(f"{evaluation.threshold:.4g}")))
    return facts(pairs)


def evaluation_report(evaluation: Evaluation, *, title: str) -> RenderableType:
    """Title, metrics and confusion matrix, one under the other."""
    where = Text(
        f"split {evaluation.split}, epoch {evaluation.epoch},"
        f" data {format_digest(evaluation.dataset_digest)}",
        style="dim",
    )
    return Group(
        Text(title, style="bold", overflow="fold"),
        where,
        metrics_table(evaluation),
        confusion_table(evaluation.confusion),
    )


def evaluations_table(evaluations: Sequence[Evaluation]) -> FoldingTable:
    """One line an evaluation.

    Where the terminal is too narrow, these columns are left out, in this order: avg precision,
    precision, recall, F1, data.
    """
    columns = (
        Column("epoch", right=True),
        Column("split"),
        Column("accuracy", right=True),
        Column("loss", right=True),
        Column("AUC", right=True),
        Column("F1", right=True, drop=4),
        Column("precision", right=True, drop=2),
        Column("recall", right=True, drop=3),
        Column("avg precision", right=True, drop=1),
        Column("data", drop=5),
    )
    rows = [
        [
            str(e.epoch),
            e.split,
            *map(format_score, (e.accuracy, e.loss, e.auc, e.f1, e.precision, e.recall)),
            format_score(e.average_precision),
            format_digest(e.dataset_digest),
        ]
        for e in evaluations
    ]
    return FoldingTable(columns, rows)
