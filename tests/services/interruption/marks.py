"""Where a process of `dfx` is, readable from outside through a file that both have mapped.

The process is marked by wrapping functions of dfx in it, from here: dfx itself knows nothing of it.
A name that is wrapped and no longer exists ends the process at once, so that no proof goes blind.
"""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable, Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any


class Window(IntEnum):
    """What a process is doing, as far as an interruption can make a difference."""

    START_UP = 0
    """Until the first step or, where none is left, validation."""
    STEP = 1
    VALIDATION = 2
    WRITE = 3
    """A checkpoint is on its way: until it has its name and its folder is synchronised."""
    UNRECORDED = 4
    """A checkpoint is safe on disk, and no row names it yet."""
    RECORDED = 5
    """The row is there; older files are being removed and `log.csv` is being written."""
    OTHER_WRITE = 6
    """Another file is: predictions, `log.csv`, a list of images."""
    BETWEEN = 7
    """Elsewhere in the loop: waiting for a batch, measuring, showing."""
    ENDING = 8
    """After the loop."""


_START_UP_PLACES = (
    "RunStore.create_run",
    "RunStore.begin_attempt",
    "RunStore.supersede_after",
    "RunStore.record_weights",
    "RunStore.record_data",
    "RunStore.get_run",
    "RunStore.get_detail",
    "TrainingState.__init__",
    "TrainingState.load",
    "Keeper.tidy",
    "ImageDataset.__init__",
    "ImageLoader.__init__",
    "ImageLoader.batches",
)
_PLACES = ("", *_START_UP_PLACES, "last", "best", ".csv", ".gz")
_FIELDS = ("window", "place", "epoch", "batch", "step", "size", "handled")
_SIZE = len(_FIELDS) + 2 * len(Window)


class Marks:
    """The shared file, as seen from either side.

    Args:
        path: Made where it does not exist.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(8 * _SIZE))
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), 8 * _SIZE)).cast("q")
        self._since = time.monotonic_ns()

    def __getitem__(self, name: str) -> int:
        return self._cells[_FIELDS.index(name)]

    def __setitem__(self, name: str, value: int) -> None:
        self._cells[_FIELDS.index(name)] = value

    @property
    def window(self) -> Window:
        """Where the process is, or was when it ended."""
        return Window(self["window"])

    @property
    def place(self) -> str:
        """The function or file within the window, where it has several."""
        return _PLACES[self["place"]]

    def entries(self, window: Window) -> int:
        """How often a window was entered."""
        return self._cells[len(_FIELDS) + window]

    def typical_seconds(self, window: Window) -> float:
        """The mean time from one entry to the next place."""
        spent = self._cells[len(_FIELDS) + len(Window) + window]
        return spent / max(1, self.entries(window)) / 1e9

    def instant(self) -> tuple[Any, ...]:
        """What tells one instant from another, however close they are on the clock."""
        where = self["epoch"], self["step"], self["batch"]
        return self.window.name, self.place, *where, self.entries(self.window)

    # From here on for the process that is marked.

    def enter(self, window: Window, place: str = "") -> None:
        """Goes to a window, for the first time or anew."""
        self._cells[len(_FIELDS) + window] += 1
        self.go_back(window, place)

    def go_back(self, window: Window, place: str = "") -> None:
        """Returns to a window that something else has interrupted."""
        now = time.monotonic_ns()
        self._cells[len(_FIELDS) + len(Window) + self["window"]] += now - self._since
        self._since = now
        self["place"] = _PLACES.index(place)
        self["window"] = window


def mark_process(marks: Marks) -> None:
    """Wraps what tells where this process is."""
    from dfx.data.loading import ImageDataset, ImageLoader
    from dfx.services import assembly, keeping
    from dfx.tracking.store import RunStore
    from dfx.training import checkpoint, loop
    from dfx.training.signals import StopFlag
    from dfx.training.state import TrainingState

    marks.enter(Window.START_UP)
    classes = (RunStore, TrainingState, keeping.Keeper, ImageDataset, ImageLoader)
    holders = {holder.__name__: holder for holder in classes}
    for place in _START_UP_PLACES:
        holder, _, name = place.partition(".")
        _wrap(holders[holder], name, _pass_place(marks, place))
    _wrap(loop, "train_step", _train_step(marks))
    _wrap(loop, "_score", _score(marks))
    _wrap(loop, "_validate", _validate(marks))
    _wrap(assembly, "fit", _fit(marks))
    _wrap(keeping, "write_durably", _write(marks))
    _wrap(checkpoint, "_sync_folder", _sync_folder(marks))
    for name in ("record_checkpoint", "record_epoch"):
        _wrap(RunStore, name, _record(marks))
    for name in ("keep_snapshot", "keep_epoch"):
        _wrap(keeping.Keeper, name, _keep(marks))
    _wrap(StopFlag, "_handle", _handle(marks))


Wrapper = Callable[..., Any]


def _wrap(holder: Any, name: str, make: Callable[[Wrapper], Wrapper]) -> None:
    setattr(holder, name, make(getattr(holder, name)))


def _pass_place(marks: Marks, place: str) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def passing(*args: Any, **values: Any) -> Any:
            if marks.window is Window.START_UP:
                marks.enter(Window.START_UP, place)
            return original(*args, **values)

        return passing

    return make


def _train_step(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def train_step(state: Any, *args: Any, **values: Any) -> None:
            marks["epoch"], marks["batch"], marks["step"] = state.epoch, state.batch, state.step
            marks.enter(Window.STEP)
            original(state, *args, **values)
            marks.enter(Window.BETWEEN)

        return train_step

    return make


def _score(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def score(*args: Any, **values: Any) -> Any:
            marks["batch"] += 1
            marks.enter(Window.VALIDATION)
            return original(*args, **values)

        return score

    return make


def _validate(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def validate(state: Any, *args: Any, **values: Any) -> Iterator[Any]:
            marks["epoch"], marks["batch"], marks["step"] = state.epoch, 0, state.step
            marks.enter(Window.VALIDATION)
            yield from original(state, *args, **values)
            marks.enter(Window.BETWEEN)

        return validate

    return make


def _fit(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def fit(*args: Any, **values: Any) -> Iterator[Any]:
            yield from original(*args, **values)
            marks.enter(Window.ENDING)

        return fit

    return make


def _write(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def write_durably(path: Path, data: bytes) -> Any:
            before = marks.window
            is_checkpoint = path.suffix == ".pt"
            marks["size"] = len(data)
            if is_checkpoint:
                marks.enter(Window.WRITE, path.name.partition("-")[0])
            else:
                marks.enter(Window.OTHER_WRITE, path.suffix)
            digest = original(path, data)
            if not is_checkpoint:
                marks.go_back(before)
            return digest

        return write_durably

    return make


def _sync_folder(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    """The last that happens before a file is there for good; its digest is still to be made."""

    def make(original: Wrapper) -> Wrapper:
        def sync_folder(folder: Path) -> None:
            original(folder)
            if marks.window is Window.WRITE and folder.name == "checkpoints":
                marks.enter(Window.UNRECORDED, marks.place)

        return sync_folder

    return make


def _record(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def record(*args: Any, **values: Any) -> None:
            original(*args, **values)
            marks.enter(Window.RECORDED)

        return record

    return make


def _keep(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def keep(*args: Any) -> Any:
            before = marks.window
            result = original(*args)
            marks.go_back(before)
            return result

        return keep

    return make


def _handle(marks: Marks) -> Callable[[Wrapper], Wrapper]:
    def make(original: Wrapper) -> Wrapper:
        def handle(*args: Any) -> None:
            marks["handled"] += 1
            original(*args)

        return handle

    return make
