"""SIGINT and SIGTERM as a flag that the loop looks at between steps."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopFlag:
    """Raised by the first SIGINT or SIGTERM; a second SIGINT ends the process at once.

    Use it as a context manager, in the main thread: the handlers that were there before come back.

    Args:
        announce: Called once, from the handler, when the first signal arrives.
    """

    def __init__(self, announce: Callable[[], None]) -> None:
        self.signal_number: int | None = None
        self._announce = announce
        self._before: dict[signal.Signals, signal._HANDLER] = {}

    def is_raised(self) -> bool:
        """Whether a signal has arrived."""
        return self.signal_number is not None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None and number == signal.SIGINT:
            # As if nobody had caught it: no clean-up, no checkpoint, the previous one stands.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        if self.signal_number is None:
            self.signal_number = number
            self._announce()
