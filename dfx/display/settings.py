"""The resolved configuration with where each value came from, as `dfx run --dry-run` prints it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from dfx.display.console import printable
from dfx.display.table import Column, FoldingTable
from dfx.records.settings import ResolvedKey

SETTINGS_COLUMNS = ("key", "value", "source")
"""The columns of CSV and Markdown."""

_DEFAULT_SOURCE = "default"
_SPELLED_OUT = ("augment", "model", "evaluate")
"""Sections without which a key's name says too little, as `jpeg` or `name`."""


def settings_table(keys: Sequence[ResolvedKey]) -> RenderableType:
    """One line a key, a blank line between sections; what is not a default stands out."""
    rows: list[list[str | Text]] = []
    for _, section in groupby(keys, key=lambda key: key.key.partition(".")[0]):
        if rows:
            rows.append(["", "", ""])
        rows += [[key.key, _value(key), Text(key.source, style="dim")] for key in section]
    columns = (Column("key"), Column("value", fold=True), Column("source", fold=True))
    return FoldingTable(columns, rows)


def settings_rows(keys: Sequence[ResolvedKey]) -> list[dict[str, Any]]:
    """Key, value and source, one row each."""
    return [{"key": key.key, "value": key.value, "source": key.source} for key in keys]


def settings_document(keys: Sequence[ResolvedKey]) -> dict[str, Any]:
    """`{"settings": [{key, value, source}]}`."""
    return {"settings": settings_rows(keys)}


def format_value(value: Any) -> str:
    """A configuration value as a person writes it.

    >>> format_value(None), format_value(True), format_value(1e-4)
    ('none', 'true', '0.0001')
    """
    match value:
        case None:
            return "none"
        case bool():
            return str(value).lower()
        case float():
            return f"{value:.12g}"
    return str(value)


def format_assignments(settings: Mapping[str, Any]) -> str:
    """Settings as they would be typed, with the keys of which the last part tells enough shortened.

    >>> format_assignments({"optim.lr": 3e-4, "augment.jpeg": 0.5})
    'lr=0.0003 augment.jpeg=0.5'
    """
    return " ".join(
        f"{_short(key)}={shlex.quote(printable(format_value(value)))}"
        for key, value in settings.items()
    )


def _short(key: str) -> str:
    section, _, name = key.partition(".")
    return key if section in _SPELLED_OUT else name


def _value(key: ResolvedKey) -> Text:
    from_default = key.source == _DEFAULT_SOURCE
    return Text(format_value(key.value), style="" if from_default else "bold cyan")
