"""The frozen values of a configuration before it is a run's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ResolvedKey:
    """One configuration value and where it came from."""

    key: str
    value: Any
    source: str
