"""Which epoch is the best, and when to stop waiting for a better one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

SelectBy = Literal["accuracy", "auc", "loss"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What is known of the epochs so far. Every update gives a new one.

    Attributes:
        best_epoch: None before the first.
        best_value: Of the selection metric at that epoch, signed so that higher is better.
        best_loss: Validation loss at that epoch; decides between equal values.
        anchor: Value that patience is measured from.
        waited: Epochs since that value was exceeded by `min_delta`.
    """

    best_epoch: int | None = None
    best_value: float = 0.0
    best_loss: float = 0.0
    anchor: float | None = None
    waited: int = 0

    def update(self, *, epoch: int, value: float, loss: float, min_delta: float) -> Self:
        """Takes an epoch's result in.

        Args:
            epoch: Its number.
            value: Of the selection metric, signed so that higher is better.
            loss: Validation loss.
            min_delta: Least change that counts for patience.
        """
        better = self.best_epoch is None or (value, -loss) > (self.best_value, -self.best_loss)
        progressed = self.anchor is None or value > self.anchor + min_delta
        return replace(
            self,
            best_epoch=epoch if better else self.best_epoch,
            best_value=value if better else self.best_value,
            best_loss=loss if better else self.best_loss,
            anchor=value if progressed else self.anchor,
            waited=0 if progressed else self.waited + 1,
        )

    def renew_patience(self) -> Self:
        """The same, waiting from now on; for a run whose plan was extended."""
        return replace(self, waited=0)

    def is_exhausted(self, patience: int) -> bool:
        """Whether to stop early; a patience of 0 never does."""
        return 0 < patience <= self.waited

    def dump(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return {name: getattr(self, name) for name in self.__slots__}


def selection_value(
    select_by: SelectBy, *, accuracy: float, auc: float | None, loss: float
) -> float:
    """The selection metric, signed so that higher is better.

    Raises:
        ValueError: For an AUC that is undefined; validation data always has both classes.
    """
    if select_by == "loss":
        return -loss
    if select_by == "accuracy":
        return accuracy
    if auc is None:
        raise ValueError("selection by AUC needs both classes in the validation data")
    return auc
