"""A disk that fills up at a chosen instant: a file of ballast, written before some call of dfx."""

from __future__ import annotations

import os
import shutil
from functools import reduce
from importlib import import_module
from pathlib import Path
from typing import Any


def fill_before(target: str, *, file: str, call: int, ballast: str, leave: int) -> None:
    """Has this process fill the disk when it calls a function of dfx.

    Args:
        target: Module and name within, as `dfx.tracking.store:RunStore.record_epoch`.
        file: Only calls whose first argument is a path count that begins so; all, where empty.
        call: Which of those calls, from 1.
        ballast: The file that fills the disk.
        leave: Bytes that stay free.
    """
    module, _, name = target.partition(":")
    *parents, last = name.split(".")
    holder = reduce(getattr, parents, import_module(module))
    original = getattr(holder, last)
    calls = 0

    def wrapped(*args: Any, **values: Any) -> Any:
        nonlocal calls
        if not file or Path(args[0]).name.startswith(file):
            calls += 1
            if calls == call:
                fill(Path(ballast), leave)
        return original(*args, **values)

    setattr(holder, last, wrapped)


def fill(ballast: Path, leave: int) -> None:
    """Writes a file that leaves so many bytes free."""
    free = shutil.disk_usage(ballast.parent).free
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - leave)
