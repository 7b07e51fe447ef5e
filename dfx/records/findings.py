"""What an examination found: of this machine and a home, or of a run since it was made.

Frozen values on their way from services to display. Imports nothing of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Level(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it is, in a word or two, always the same.
        level: `PROBLEM` where something that dfx is for does not work.
        text: What was found.
        advice: What to do; None where nothing is.
        values: What was found as numbers and words, for programs.
    """

    topic: str
    level: Level
    text: str
    advice: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drift:
    """Something that is not as it was when a run was made.

    Attributes:
        topic: `code`, `package`, `python`, `device`, `data` or `weights`.
        name: Which, such as a package's name or a split.
        then: As recorded; None where there was none.
        now: As it is; None where there is none.
        advice: How to get it back, or what it means; None where that is plain.
        is_refused: Whether a run with it would be another experiment.
    """

    topic: str
    name: str
    then: str | None
    now: str | None
    advice: str | None = None
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How a run would be repeated, and what has drifted since.

    Attributes:
        run: Its name.
        commands: What to type, one after the other.
        notes: What the person should know about how far they repeat it.
        drift: What has changed; empty where nothing has.
        reason: Why this run was picked, where the reference left a choice.
    """

    run: str
    id: int
    uuid: str
    commands: Sequence[str]
    notes: Sequence[str]
    drift: Sequence[Drift]
    reason: str | None
