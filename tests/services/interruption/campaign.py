"""Killing runs at seeded random instants, again and again, until every window has had its share."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from dataclasses import dataclass
from itertools import cycle
from typing import Any

from .children import Child, Nursery
from .comparing import Found, Place
from .marks import Marks, Window

NAMED = {
    "start-up before the first checkpoint": Window.START_UP,
    "training step": Window.STEP,
    "validation": Window.VALIDATION,
    "checkpoint's write": Window.WRITE,
    "between file and row": Window.UNRECORDED,
}
"""The windows that a number of kills must fall into."""

OTHERS = {
    Window.OTHER_WRITE: "another file's write",
    Window.RECORDED: "after the row",
    Window.BETWEEN: "between steps",
    Window.ENDING: "after the loop",
}


@dataclass(frozen=True)
class Kill:
    """A process that was killed.

    Attributes:
        named: What it was doing.
        instant: What tells this instant from others.
        torn: Whether a file was left half-written.
    """

    named: str
    instant: tuple[Any, ...]
    torn: bool


class Campaign:
    """Runs that are killed.

    Args:
        nursery: Where their processes come from.
        options: Of `dfx run`.
        left_alone: Marks of such a run that was not interrupted, for how long things take.
        needed: Kills per named window.
        seed: Of the instants.
    """

    def __init__(
        self,
        nursery: Nursery,
        options: tuple[object, ...],
        left_alone: Marks,
        *,
        needed: int,
        seed: int,
    ) -> None:
        self.kills: list[Kill] = []
        self.attempts = 0
        self._nursery = nursery
        self._options = options
        self._left_alone = left_alone
        self._needed = needed
        self._rng = random.Random(seed)
        self._workers = cycle((1, 4, 0, 2))
        self._began = time.monotonic()

    def find_lacking(self) -> list[str]:
        """Named windows that have not had their share yet."""
        counts = Counter(kill.named for kill in self.kills)
        return [name for name in NAMED if counts[name] < self._needed]

    def wear_down(self, place: Place, *, kills: int) -> None:
        """Starts a run, kills it so often, if it lives so long, and lets it come to its end."""
        found = Found(0, 0, -1, 0)
        for _ in range(kills):
            if not self.find_lacking():
                break
            child = self._start(place, found)
            self._strike(child, found)
            code = child.wait()
            if code == 0:
                return
            assert code == -signal.SIGKILL, child.stderr
            found = self._look(place, child.marks, found)
        child = self._start(place, found)
        assert child.wait() == 0, child.stderr

    def _start(self, place: Place, found: Found) -> Child:
        self.attempts += 1
        # Most write a file at every step; the others fall back further.
        minutes = self._rng.choices((0.0001, 5), (3, 1))[0]
        settings = (
            *("--set", f"data.workers={next(self._workers)}"),
            *("--set", f"train.checkpoint_minutes={minutes}"),
        )
        if found.runs == 0:
            return self._nursery.start(place.folder, "run", *self._options, *settings)
        return self._nursery.start(place.folder, "resume", "one/1", *settings)

    def _strike(self, child: Child, found: Found) -> None:
        """Aims at a window: lets some entries into it pass, waits for a part of it, and kills.

        Where it hits is seen afterwards. A process that gets away has finished its run.
        """
        window = self._choose(found)
        entries = 1 + self._rng.randrange(12 if window is Window.START_UP else 4)
        while child.reach(window, entries):
            time.sleep(self._rng.random() ** 2 * self._left_alone.typical_seconds(window))
            if child.marks.window is window:
                child.kill()
                return
            entries = child.marks.entries(window) + 1

    def _choose(self, found: Found) -> Window:
        """One that lacks kills mostly, but all have their turn."""
        lacking = [NAMED[name] for name in self.find_lacking()]
        if found.step < 0 and Window.START_UP in lacking and self._rng.random() < 0.8:
            return Window.START_UP
        sought = [window for window in lacking if window is not Window.START_UP]
        if not sought or self._rng.random() < 0.15:
            return self._rng.choice([*Window])
        return self._rng.choice(sought)

    def _look(self, place: Place, marks: Marks, before: Found) -> Found:
        writing = marks.window in {Window.WRITE, Window.OTHER_WRITE}
        found = place.inspect(writing=marks["size"] if writing else 0)
        assert found.epochs >= before.epochs and found.step >= before.step
        names = {window: name for name, window in NAMED.items()} | OTHERS
        name = names[marks.window]
        if marks.window is Window.START_UP and found.step >= 0:
            name = "start-up of a resume"
        self.kills.append(Kill(name, marks.instant(), found.torn > 0))
        return found

    def figures(self) -> dict[str, Any]:
        """What to tell of it."""
        counts = Counter(kill.named for kill in self.kills)
        instants = Counter(named for named, _ in {(k.named, k.instant) for k in self.kills})
        return {
            "kills": len(self.kills),
            "distinct instants": sum(instants.values()),
            "processes": self.attempts,
            "files left half-written": sum(kill.torn for kill in self.kills),
            "seconds": round(time.monotonic() - self._began, 1),
            **{f"in: {name}": f"{counts[name]} ({instants[name]})" for name in sorted(counts)},
        }
