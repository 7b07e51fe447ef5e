"""What differs between two runs, or two attempts of one, as frozen values.

A difference always has two sides, `a` and `b`; a side that has nothing is None. How runs are read
and compared is `dfx.services.diff`'s work, how it looks that of `dfx.display.diff`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from dfx.records import Attempt, Run, Split

Side = Literal["a", "b"]

_APART = frozenset({"packages", "code", "command", "folder"})
"""Of an environment: what is compared by itself, and how and where the person called."""


@dataclass(frozen=True, slots=True)
class Change:
    """A value that is not the same on both sides."""

    key: str
    a: Any
    b: Any


@dataclass(frozen=True, slots=True)
class PatchedFile:
    """A file that the uncommitted changes of two runs treat differently.

    Attributes:
        a: Lines that A's changes add to it and remove from it; None where they leave it alone.
        b: As above, of B.
    """

    path: str
    a: tuple[int, int] | None
    b: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class CodeDifference:
    """How the code of two runs differs.

    Attributes:
        a: Revision, branch and digest of the uncommitted changes; empty where none was recorded.
        b: As above.
        changes: Which of these differ.
        files: What the uncommitted changes do differently; empty where they are the same.
        text: The same line by line: the difference of both, or all of one where the other has none;
            None where there is nothing to show.
        notes: Why uncommitted changes cannot be shown.
    """

    a: Mapping[str, Any]
    b: Mapping[str, Any]
    changes: tuple[Change, ...]
    files: tuple[PatchedFile, ...]
    text: str | None
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageDifference:
    """How many images of a split differ.

    Attributes:
        only_a: Images that B does not have, under this name or another.
        only_b: Images that A does not have.
        changed: Images of one name with different contents.
        renamed: Images of the same contents under different names.
    """

    only_a: int
    only_b: int
    changed: int
    renamed: int


@dataclass(frozen=True, slots=True)
class SplitDifference:
    """How one split of the data differs.

    Attributes:
        changes: Of digest, content digest, counts by class, and images left out; empty where it is
            the same split.
        images: None where it is the same, or the lists of images are not both there.
        note: Why the images could not be compared one by one.
    """

    split: Split
    digest: str | None
    changes: tuple[Change, ...]
    images: ImageDifference | None
    note: str | None


@dataclass(frozen=True, slots=True)
class Result:
    """A value of both runs at their best epochs.

    Attributes:
        name: As in `dfx compare --format json`.
        difference: B less A; None where one has no value.
        higher_is_better: None for a value that is neither good nor bad.
        better: The side whose value is better; None where neither is, or they cannot be compared.
    """

    name: str
    a: float | None
    b: float | None
    difference: float | None
    higher_is_better: bool | None
    better: Side | None


@dataclass(frozen=True, slots=True)
class RunDifference:
    """Two runs, and all that differs between them.

    Code and environment are those of the latest attempts; settings are the recipe with machine and
    plan as the latest attempts used them.

    Attributes:
        attempts: How many attempts A and B have had.
        epochs: How many epochs A and B have finished.
        weights: Of the provenance of the initial weights.
        is_same_validation: Whether their scores may be compared; None where a run has not read
            its images yet.
    """

    a: Run
    b: Run
    attempts: tuple[int, int]
    epochs: tuple[int, int]
    settings: tuple[Change, ...]
    code: CodeDifference
    environment: tuple[Change, ...]
    packages: tuple[Change, ...]
    weights: tuple[Change, ...]
    data: tuple[SplitDifference, ...]
    results: tuple[Result, ...]
    is_same_validation: bool | None


def list_changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two flat mappings, in A's order, and then what only B has.

    >>> list_changes({"x": 1, "y": 2}, {"y": 3, "x": 1, "z": 4})
    (Change(key='y', a=2, b=3), Change(key='z', a=None, b=4))
    """
    return tuple(
        Change(key, a.get(key), b.get(key))
        for key in dict.fromkeys((*a, *b))
        if a.get(key) != b.get(key)
    )


def get_environment(attempt: Attempt) -> dict[str, Any]:
    """Where an attempt ran, flat: host, Python, torch, hardware; without packages and code."""
    values = {key: value for key, value in attempt.environment.items() if key not in _APART}
    return {"host": attempt.process.host, **dict(_flatten(values, ""))}


def get_packages(attempt: Attempt) -> dict[str, Any]:
    """The versions of the packages that were installed."""
    return dict(attempt.environment.get("packages") or {})


def get_code(attempt: Attempt) -> dict[str, Any]:
    """Revision, branch and digest of the uncommitted changes; empty outside a git checkout."""
    return dict(attempt.environment.get("code") or {})


def _flatten(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
