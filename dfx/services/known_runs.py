"""What a board has read of runs, and how its lines are chosen and ordered by that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from dfx.records import RunSummary
from dfx.services.columns import Order
from dfx.services.ranking import add_interval
from dfx.services.where import Condition
from dfx.tracking.store import RunStore

Line = TypeVar("Line")


class KnownRuns:
    """Runs with their settings, so that nothing is read twice.

    Attributes:
        summaries: By id, with the interval of their validation accuracy.
        settings: By id, all of the configuration by dotted key.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self.summaries: dict[int, RunSummary] = {}
        self.settings: dict[int, Mapping[str, Any]] = {}

    def read(self, run_ids: Collection[int] | None) -> None:
        """Reads runs, all where None, that have not been read."""
        if run_ids is not None:
            run_ids = [run_id for run_id in run_ids if run_id not in self.summaries]
            if not run_ids:
                return
        for run in self._store.list_summaries(run_ids):
            self.summaries[run.id] = add_interval(run)
        self.settings |= self._store.read_settings(run_ids)

    def select(self, condition: Condition) -> set[int]:
        """Ids of the runs, of those that have been read, that meet a condition."""
        return {
            run_id
            for run_id, summary in self.summaries.items()
            if condition(summary, self.settings[run_id])
        }

    def sort(
        self, lines: Sequence[Line], order: Order, run_id: Callable[[Line], int]
    ) -> list[Line]:
        """Lines by a value of their runs; those without one come last, as they were.

        Args:
            lines: Of runs that have been read.
            order: By what.
            run_id: The run of a line.
        """

        def value(line: Line) -> Any:
            run = run_id(line)
            return order.column.read(self.summaries[run], self.settings[run])

        valued = [line for line in lines if value(line) is not None]
        # What takes numbers and words holds either: words after numbers.
        valued.sort(
            key=lambda line: (isinstance(value(line), str), value(line)), reverse=order.descending
        )
        return valued + [line for line in lines if value(line) is None]
