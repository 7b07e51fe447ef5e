"""How long a run will take, said once its first steps are known."""

from __future__ import annotations

import time

from dfx.messages import Progress, counted

_SECONDS = 5.0
_BATCHES = 3


class Estimate:
    """Watches progress and speaks twice: after the first steps, and after the first epoch.

    The first progress is left out of the reckoning: it holds the start of the workers.

    Args:
        epochs: Epochs planned.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._first: tuple[float, Progress] | None = None
        self._spoken = self._told_whole = False

    def update(self, progress: Progress) -> str | None:
        """What to say, or None."""
        if self._spoken or progress.phase != "training":
            return None
        now = time.monotonic()
        if self._first is None:
            self._first = now, progress
            return None
        began, first = self._first
        batches = progress.batch - first.batch
        if progress.epoch == first.epoch and (batches < _BATCHES or now - began < _SECONDS):
            return None
        self._spoken = True
        if progress.epoch != first.epoch or batches <= 0:
            return None
        per_epoch = progress.batches * (now - began) / batches
        left = per_epoch * (self._epochs - progress.epoch + 1 - progress.batch / progress.batches)
        return (
            f"about {_in_words(per_epoch)} an epoch and {_in_words(left)} for what is left of"
            f" {self._epochs} epochs, validation apart"
        )

    def finish_epoch(self, epoch: int, seconds: float) -> str | None:
        """What to say once an epoch with its validation is known; later ones are told by it."""
        if self._told_whole or epoch >= self._epochs:
            return None
        self._spoken = self._told_whole = True
        left = self._epochs - epoch
        remaining = counted(left, "epoch")
        return f"about {_in_words(seconds * left)} for the remaining {remaining} at most"


def _in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
