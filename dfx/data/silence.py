"""Keeping a library's warnings from the person, in threads too."""

from __future__ import annotations

import threading
import warnings
from types import TracebackType


class Silence:
    """Ignores warnings while any thread is inside.

    `warnings.catch_warnings` alone is not safe in threads: two that overlap put each other's
    filters back, and everything would be silent from then on.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._caught = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._caught = warnings.catch_warnings()
                self._caught.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._caught.__exit__(kind, error, traceback)


SILENCE = Silence()
"""The one that all share who read images."""
