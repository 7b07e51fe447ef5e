"""The log of a run: what happened so far, and what happens from now on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from dfx.messages import Notice, resume_command
from dfx.records import Run, Status
from dfx.records.history import LogEntry, list_entries
from dfx.services.home import find_home, open_store
from dfx.services.references import resolve_run

_POLL_SECONDS = 1.0

Notify = Callable[[Notice], None]


def read_log(
    reference: str,
    *,
    home: Path | None,
    tail: int | None,
    notify: Notify,
) -> tuple[Run, list[LogEntry]]:
    """What has happened to a run.

    Args:
        reference: Which run; the bare name of an experiment means its latest.
        home: As given on the command line.
        tail: How many of the latest events; all where None.
        notify: Told why this run was picked, where the reference left a choice.

    Raises:
        NotFoundError: Where there is no such run.
    """
    with open_store(find_home(home), create=False) as store:
        choice = resolve_run(store, reference, of_experiment="latest")
        if choice.reason:
            notify(Notice(f"Log of {choice.summary.run}: {choice.reason}"))
        history = store.get_history(choice.summary.id)
    return history.run, _last(list_entries(history), tail)


def follow_log(
    reference: str,
    *,
    home: Path | None,
    tail: int | None,
    notify: Notify,
    wait: Callable[[float], object] = time.sleep,
) -> Iterator[LogEntry]:
    """What has happened to a run, and then what happens to it, until it has ended.

    Where another attempt takes over while it is being watched, that one is followed too.

    Args:
        reference: As in `read_log`.
        home: As in `read_log`.
        tail: How many of the events so far.
        notify: As in `read_log`; at the end told how to go on, where that waits.
        wait: Called between two looks with the seconds there should be.

    Raises:
        NotFoundError: Where there is no such run, or it is removed meanwhile.
    """
    with open_store(find_home(home), create=False) as store:
        choice = resolve_run(store, reference, of_experiment="latest")
        if choice.reason:
            notify(Notice(f"Following {choice.summary.run}: {choice.reason}"))
        history = store.get_history(choice.summary.id)
        entries = list_entries(history)
        seen = {entry.key for entry in entries}
        yield from _last(entries, tail)
        while history.run.status is Status.RUNNING:
            wait(_POLL_SECONDS)
            history = store.get_history(history.run.id)
            for entry in list_entries(history):
                if entry.key not in seen:
                    seen.add(entry.key)
                    yield entry
    run = history.run
    if run.status in {Status.INTERRUPTED, Status.LOST}:
        notify(Notice(f"{run.name} is {run.status}.  Continue:  {resume_command(run.name, home)}"))


def _last(entries: list[LogEntry], count: int | None) -> list[LogEntry]:
    return entries if count is None else entries[len(entries) - min(count, len(entries)) :]
