"""What a run on the leaderboard can be asked for by name: its values, and its settings.

Conditions, sorting and columns all understand the same names.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from dfx.config import KINDS, ExperimentConfig
from dfx.errors import ConfigError
from dfx.records import RunSummary, Status
from dfx.records.leaderboard import METRICS

Kind = Literal["number", "text", "truth", "time", "tags"]

ALIASES = {"tag": "tags", "accuracy": "val_accuracy", "auc": "val_auc", "loss": "val_loss"}
"""Names understood in place of others."""


@dataclass(frozen=True, slots=True)
class Column:
    """Something that every run has a value of.

    Attributes:
        name: As in `RunSummary`, or a dotted configuration key.
        kinds: What its values may be, besides none.
        choices: All values it can have, where they are a few words.
    """

    name: str
    kinds: frozenset[Kind]
    choices: tuple[str, ...] = ()

    @property
    def is_setting(self) -> bool:
        """Whether it is part of the configuration."""
        return self.name in KINDS

    def read(self, summary: RunSummary, settings: Mapping[str, Any]) -> Any:
        """Its value for a run."""
        return settings.get(self.name) if self.is_setting else getattr(summary, self.name)


_KINDS: dict[type, Kind] = {
    bool: "truth",
    int: "number",
    float: "number",
    str: "text",
    datetime: "time",
    tuple: "tags",
}


def _kinds_of(annotation: Any) -> set[Kind]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds_of(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return {kind for part in get_args(annotation) for kind in _kinds_of(part)}
    if origin is Literal:
        return {_KINDS[type(value)] for value in get_args(annotation)}
    plain = origin or annotation
    if plain is type(None):
        return set()
    return {_KINDS[str if plain is Status else plain]}


@cache
def list_columns() -> Mapping[str, Column]:
    """Every column by its name."""
    hints = get_type_hints(RunSummary)
    columns = {
        field.name: Column(
            field.name,
            frozenset(_kinds_of(hints[field.name])),
            tuple(Status) if hints[field.name] is Status else (),
        )
        for field in fields(RunSummary)
    }
    for section, value in ExperimentConfig():
        for name, field in type(value).model_fields.items():
            kinds = frozenset(_kinds_of(field.annotation))
            columns[f"{section}.{name}"] = Column(f"{section}.{name}", kinds)
    return columns


def find_column(name: str) -> Column | None:
    """The column of a name, an alias, or the last part of a configuration key that is unique."""
    name = ALIASES.get(name, name)
    columns = list_columns()
    if name in columns:
        return columns[name]
    ends = [column for key, column in columns.items() if key.endswith(f".{name}")]
    return ends[0] if len(ends) == 1 else None


def suggest_column(name: str) -> str:
    """A hint for a name that there is not."""
    columns = list_columns()
    ends = [key for key in columns if key.endswith(f".{name}")]
    if name.startswith("test_"):
        return (
            "what test images say of runs is shown and ranked by --split test, its --metric and its"
            " --columns; conditions and orders look at runs"
        )
    near = ends or difflib.get_close_matches(name, [*columns, *ALIASES], n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return (
        "columns are the values that `dfx compare --format json` gives a run, and every"
        " configuration key, as optim.lr"
    )


def get_column(name: str, *, option: str) -> Column:
    """The column of a name that was given to an option.

    Raises:
        ConfigError: Naming the nearest ones.
    """
    column = find_column(name)
    if column is None:
        raise ConfigError(f"{option}: there is no column {name!r}", hint=suggest_column(name))
    return column


def parse_columns(text: str | None, *, also: Collection[str] = ()) -> tuple[str, ...] | None:
    """The names in a list with commas, each once.

    Args:
        text: As given to `--columns`.
        also: Further names that there are here.

    Raises:
        ConfigError: For a name that there is not.
    """
    if text is None:
        return None
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise ConfigError("--columns names none", hint="as --columns val_auc,optim.lr,tags")
    return tuple(
        dict.fromkeys(
            name if name in also else get_column(name, option="--columns").name for name in names
        )
    )


def parse_metric(name: str) -> str:
    """The name of a metric, of which `val_` may be left out.

    Raises:
        ConfigError: Naming those there are.
    """
    for candidate in (name, f"val_{name}"):
        if candidate in METRICS:
            return candidate
    raise ConfigError(
        f"--metric: {name!r} is not a metric of a checkpoint", hint=f"one of {', '.join(METRICS)}"
    )


@dataclass(frozen=True, slots=True)
class Order:
    """What runs are sorted by, and which end comes first."""

    column: Column
    descending: bool


def parse_order(text: str | None) -> Order | None:
    """`KEY`, `KEY:asc` or `KEY:desc`; a metric alone begins with its better end.

    Raises:
        ConfigError: For a name or a direction that there is not.
    """
    if text is None:
        return None
    name, colon, direction = text.partition(":")
    column = get_column(name.strip(), option="--sort")
    if colon and direction not in ("asc", "desc"):
        raise ConfigError(
            f"--sort: {direction!r} is no direction; expected asc or desc",
            hint=f"as --sort {column.name}:desc",
        )
    metric = METRICS.get(column.name)
    better_first = metric is not None and metric.higher_is_better
    return Order(column, direction == "desc" if colon else better_first)
