"""What a person writes on runs: tags, notes and names. No file is touched."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dfx.errors import AmbiguousReference, ConfigError, NotFoundError
from dfx.messages import Notice
from dfx.records import Run, RunSummary
from dfx.services.configure import check_name, find_file
from dfx.services.home import find_home, open_store
from dfx.services.references import Choice, resolve_run
from dfx.services.run_files import next_free_number
from dfx.tracking.store import RunStore

Notify = Callable[[Notice], None]

_TAG_LENGTH = 64
_NOTE_LENGTH = 10_000


def check_tag(tag: str) -> str:
    """Accepts a word that can be typed in `--where 'tag = "good"'`.

    Returns:
        The tag in Unicode's composed form, so that what looks alike is alike.

    Raises:
        ConfigError: Saying what a tag is made of.
    """
    composed = unicodedata.normalize("NFC", tag)
    reason = None
    if not tag:
        reason = "it is empty"
    elif len(composed) > _TAG_LENGTH:
        reason = f"it has {len(composed)} characters, expected at most {_TAG_LENGTH}"
    elif any(letter.isspace() for letter in tag):
        reason = "it holds white space"
    elif not composed.isprintable():
        reason = "it holds a character that cannot be printed"
    elif found := next((letter for letter in ",'\"\\" if letter in tag), None):
        reason = f"it holds {found}"
    elif tag.startswith("-"):
        reason = "it would be taken for an option"
    if reason:
        raise ConfigError(
            f"{tag!r} cannot be a tag: {reason}",
            hint="use one word without commas and quotes, such as paper or needs-review;"
            " sentences go into a note: dfx note RUN TEXT",
        )
    return composed


def tag_run(
    reference: str, *, add: Sequence[str], remove: Sequence[str], home: Path | None, notify: Notify
) -> Run:
    """Gives a run tags and takes others away; without either, it is only looked up.

    Raises:
        ConfigError: Where a word cannot be a tag, or is both to be given and taken away.
        NotFoundError: Where there is no such run, or it does not have a tag that shall go.
    """
    given, taken = [check_tag(tag) for tag in add], [check_tag(tag) for tag in remove]
    for tag in given:
        if tag in taken:
            raise ConfigError(
                f"tag {tag!r} is both to be added and removed", hint="name it only once"
            )
    with open_store(find_home(home), create=False) as store:
        choice = _resolve(store, reference)
        _say_choice(choice, notify)
        run_id = choice.summary.id
        if taken:
            store.remove_tags(run_id, taken)
        return store.add_tags(run_id, given) if given else store.get_run(run_id)


def list_tags(home: Path | None) -> dict[str, list[str]]:
    """Every tag with the runs that have it, tags sorted and runs in the order of creation."""
    tags: dict[str, list[str]] = {}
    with open_store(find_home(home), create=False) as store:
        for summary in store.list_summaries():
            for tag in summary.tags:
                tags.setdefault(tag, []).append(summary.run)
    return dict(sorted(tags.items()))


def check_note(text: str) -> str:
    """Accepts the text of a note.

    Returns:
        It without line breaks at its end, and with those of Windows as plain ones.

    Raises:
        ConfigError: Where it is empty, too long, or would steer a terminal.
    """
    note = text.replace("\r\n", "\n").rstrip("\n")
    if not note.strip():
        raise ConfigError("the note is empty", hint="to take a note away: dfx note RUN --remove")
    if len(note) > _NOTE_LENGTH:
        raise ConfigError(
            f"the note has {len(note)} characters; expected at most {_NOTE_LENGTH}",
            hint="keep longer texts in a file, and its name in the note",
        )
    for position, letter in enumerate(note, start=1):
        if letter not in "\n\t" and unicodedata.category(letter) in {"Cc", "Cs"}:
            raise ConfigError(
                f"the note holds {letter!r} at character {position}; expected text, line breaks"
                " and tabs",
                hint="write it as plain text in UTF-8, without colours",
            )
    return note


def read_note(reference: str, home: Path | None, notify: Notify) -> Run:
    """The run whose note is asked for.

    Raises:
        NotFoundError: Where there is no such run.
    """
    with open_store(find_home(home), create=False) as store:
        choice = _resolve(store, reference)
        _say_choice(choice, notify)
        return store.get_run(choice.summary.id)


def write_note(reference: str, text: str | None, home: Path | None, notify: Notify) -> Run:
    """Writes the note of a run in place of the one it has; None takes it away.

    Raises:
        ConfigError: Where the text cannot be a note.
        NotFoundError: Where there is no such run, or no note to take away.
    """
    note = None if text is None else check_note(text)
    with open_store(find_home(home), create=False) as store:
        choice = _resolve(store, reference)
        _say_choice(choice, notify)
        summary = choice.summary
        if note is None and summary.note is None:
            raise NotFoundError(
                f"{summary.run} has no note", hint=f"to write one: dfx note {summary.run} TEXT"
            )
        return store.set_note(summary.id, note)


@dataclass(frozen=True, slots=True)
class Renaming:
    """What has got another name.

    Attributes:
        before: Experiment, or `experiment/number` of a run.
        after: The same now.
        runs: How many are meant.
        folders: Where their files still are, relative to the home.
        recipe: The configuration file that still bears the old name, where that matters.
    """

    before: str
    after: str
    runs: int
    folders: tuple[str, ...]
    recipe: Path | None = None


def rename(old: str, new: str, home: Path | None) -> Renaming:
    """Renames an experiment, or moves one run into another experiment, where it is numbered anew.

    Args:
        old: The name of an experiment, or exactly one run.
        new: The name of an experiment; one is made where a run is moved and there is none.
        home: As given on the command line.

    Raises:
        ConfigError: Where the new name is unfit, taken, or the one it has.
        NotFoundError: Where there is nothing of the old name.
        RunBusy: Where a process works on it.
    """
    check_name(new)
    with open_store(find_home(home), create=False) as store:
        if old in store.list_experiments():
            return _rename_experiment(store, old, new)
        summary = get_exact_run(store, old, command=f"dfx rename RUN {new}")
        if summary.experiment == new:
            raise ConfigError(
                f"{summary.run} is a run of {new!r} already", hint="name another experiment"
            )
        moved = store.move_run(summary.id, new, at_least_number=next_free_number(store.home / new))
        return Renaming(summary.run, moved.name, 1, (moved.directory,))


def get_exact_run(store: RunStore, reference: str, *, command: str) -> RunSummary:
    """The run that a reference means, where it leaves no choice.

    Args:
        store: Where to look.
        reference: `experiment/number`, an id or a UUID.
        command: What the person wants to do, with RUN in the place of the run.

    Raises:
        NotFoundError: Where there is no such run.
        AmbiguousReference: Where it is `best`, `latest` or the bare name of an experiment.
    """
    choice = resolve_run(store, reference, of_experiment="latest")
    if choice.reason is not None:
        name = choice.summary.run
        raise AmbiguousReference(
            f"{reference!r} leaves a choice; expected one certain run, as EXPERIMENT/NUMBER, id or"
            " UUID",
            hint=f"if {name} is meant ({choice.reason}): {command.replace('RUN', name)}",
        )
    return choice.summary


def _rename_experiment(store: RunStore, old: str, new: str) -> Renaming:
    if old == new:
        raise ConfigError(f"experiment {old!r} is called so already", hint="give another name")
    store.rename_experiment(old, new)
    runs = [run for run in store.list_summaries() if run.experiment == new]
    folders = dict.fromkeys(run.directory.rpartition("/")[0] for run in runs)
    recipe = find_file(old) if find_file(new) is None else None
    return Renaming(old, new, len(runs), tuple(folders), recipe)


def _resolve(store: RunStore, reference: str) -> Choice:
    try:
        return resolve_run(store, reference, of_experiment="latest")
    except NotFoundError as error:
        tagged = [run.run for run in store.list_summaries() if reference in run.tags]
        if isinstance(error, AmbiguousReference) or not tagged:
            raise
        raise NotFoundError(
            error.message, hint=f"{reference!r} is a tag, of {', '.join(tagged[:3])}"
        ) from None


def _say_choice(choice: Choice, notify: Notify) -> None:
    if choice.reason:
        notify(Notice(f"{choice.summary.run}: {choice.reason}"))
