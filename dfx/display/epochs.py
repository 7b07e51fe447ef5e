"""The epochs of a run, as a table and as rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.text import Text

from dfx.display.figures import format_duration, format_lr, format_score
from dfx.display.table import Cell, Column, FoldingTable
from dfx.records import EpochRecord

EPOCH_COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "val_loss",
    "val_accuracy",
    "val_auc",
    "val_f1",
    "lr",
    "seconds",
    "images_per_second",
    "step",
    "attempt",
    "finished_at",
)
"""The columns of CSV and Markdown, and the keys of each epoch in JSON."""

_COLUMNS = (
    Column("epoch", right=True),
    Column(""),
    Column("train loss", right=True),
    Column("train acc", right=True),
    Column("val loss", right=True),
    Column("val acc", right=True),
    Column("val AUC", right=True, drop=4),
    Column("val F1", right=True, drop=2),
    Column("lr", right=True, drop=5),
    Column("time", right=True),
    Column("images/s", right=True, drop=3),
    Column("attempt", right=True, drop=1),
)


def epochs_table(epochs: Sequence[EpochRecord], best_epoch: int | None) -> FoldingTable:
    """One line an epoch, the best marked with a star.

    Where the terminal is too narrow, these columns are left out, in this order: attempt, val F1,
    images/s, val AUC, lr.
    """
    return FoldingTable(_COLUMNS, [_cells(epoch, best_epoch) for epoch in epochs])


def epoch_rows(epochs: Sequence[EpochRecord]) -> list[dict[str, Any]]:
    """Every epoch flat, in the order of `EPOCH_COLUMNS`."""
    return [{name: values[name] for name in EPOCH_COLUMNS} for values in map(asdict, epochs)]


def _cells(epoch: EpochRecord, best_epoch: int | None) -> list[Cell]:
    return [
        str(epoch.epoch),
        Text("* best", style="bold green") if epoch.epoch == best_epoch else "",
        format_score(epoch.train_loss),
        format_score(epoch.train_accuracy),
        format_score(epoch.val_loss),
        format_score(epoch.val_accuracy),
        format_score(epoch.val_auc),
        format_score(epoch.val_f1),
        format_lr(epoch.lr),
        format_duration(epoch.seconds),
        f"{epoch.images_per_second:.1f}",
        str(epoch.attempt),
    ]
