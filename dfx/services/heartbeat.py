"""Saying, every few seconds, that a process is still working on its run."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from dfx.errors import AttemptSuperseded, DfxError, NotFoundError, StoreError
from dfx.tracking.process import HEARTBEAT_SECONDS
from dfx.tracking.store import RunStore


class Heartbeat:
    """A thread that beats while the body of the `with` runs.

    A beat that fails is not worth a training: the writes that matter fail loudly by themselves.
    One that is refused, since the run was taken over or removed, is the last: whoever works looks
    at `is_refused` between steps, so that a machine that wakes up late does not go on for nothing.

    Args:
        store: Shared with the thread.
        attempt_id: Whose heart it is.
    """

    def __init__(self, store: RunStore, attempt_id: int) -> None:
        self._store = store
        self._attempt_id = attempt_id
        self._refusal: DfxError | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def is_refused(self) -> bool:
        """Whether the attempt may no longer write."""
        return self._refusal is not None

    def check(self) -> None:
        """Lets an attempt go on whose beats were not refused.

        Raises:
            AttemptSuperseded: Naming who took the run over.
            NotFoundError: Where the run was removed.
        """
        if self._refusal is not None:
            raise self._refusal

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            try:
                self._store.beat(self._attempt_id)
            except (AttemptSuperseded, NotFoundError) as refusal:
                self._refusal = refusal
                return
            except StoreError:
                continue
