"""A tqdm bar that fits its terminal, and the line that sums an epoch up."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from tqdm import tqdm

from dfx.display.console import stderr_console
from dfx.display.figures import format_duration, format_lr
from dfx.messages import EpochFinished

_LEAST_BAR = 3

_HEAD = "{desc}: {percentage:3.0f}%"
_COUNT = "|{bar}| {n_fmt}/{total_fmt} "

_LAYOUTS = (
    _HEAD + _COUNT + "[{elapsed}<{remaining}, {rate_fmt}{postfix}]",
    _HEAD + _COUNT + "[{elapsed}<{remaining}{postfix}]",
    _HEAD + _COUNT + "[<{remaining}{postfix}]",
    _HEAD + "|{bar}| [<{remaining}{postfix}]",
    _HEAD + " [<{remaining}{postfix}]",
    _HEAD,
)
"""From the fullest to the shortest; the first that fits is shown."""


class FittingBar(tqdm):  # type: ignore[type-arg]  # it iterates over nothing
    """A bar that leaves parts out rather than run over the terminal's edge.

    Left out in this order: the rate, the time so far, the count of batches, the bar, the figures.
    """

    # No thread that redraws stalled bars: data workers are forked from this process.
    monitor_interval = 0

    def __str__(self) -> str:
        # The last column stays free: some terminals move on when it is written.
        width = stderr_console().width - 1
        values: dict[str, Any] = dict(self.format_dict)
        for layout in _LAYOUTS:
            least = _LEAST_BAR if "{bar}" in layout else 0
            bare = {**values, "bar_format": layout.replace("{bar}", ""), "ncols": None}
            if cell_len(self.format_meter(**bare)) + least <= width:
                break
        fitted: str = self.format_meter(**{**values, "bar_format": layout, "ncols": width})
        # tqdm pads the rate to five characters.
        return fitted.replace(",  ", ", ")


def epoch_line(message: EpochFinished, width: int) -> str:
    """One finished epoch in one line, as full as the width allows.

    Left out in this order: the learning rate, the words that make two figures of one four, the
    training figures, the loss and the time.
    """
    record = message.record
    head = f"Epoch {record.epoch:>{len(str(message.epochs))}}/{message.epochs}"
    train = f"  train loss {record.train_loss:.4f} acc {record.train_accuracy:.4f}"
    val = f"  val loss {record.val_loss:.4f} acc {record.val_accuracy:.4f}"
    both = (
        f"  train/val loss {record.train_loss:.4f}/{record.val_loss:.4f}"
        f"  acc {record.train_accuracy:.4f}/{record.val_accuracy:.4f}"
    )
    lr = f"  lr {format_lr(record.lr)}"
    best = "  * best" if message.improved else ""
    tail = f"  {format_duration(record.seconds)}{best}"
    lines = (
        head + train + val + lr + tail,
        head + train + val + tail,
        head + both + tail,
        head + val + tail,
        f"{head}  val acc {record.val_accuracy:.4f}{best}",
    )
    return next((line for line in lines if len(line) < width), lines[-1])
