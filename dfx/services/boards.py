"""Which board is asked for, and which options go with it."""

from __future__ import annotations

from typing import Literal

from dfx.config import KINDS
from dfx.errors import ConfigError
from dfx.records.boards import SET_METRICS, TEST_COLUMNS, TEST_METRICS
from dfx.records.robustness_board import ROBUSTNESS_METRICS
from dfx.services.columns import parse_columns, parse_order
from dfx.services.compare import Question
from dfx.services.scored_sets import parse_metric
from dfx.services.where import parse_condition

Board = Literal["val", "test", "matrix", "robustness"]

_OPTIONS = {"test": "--split test", "matrix": "--matrix", "robustness": "--robustness"}


def choose_board(*, split: str | None, matrix: bool, robustness: bool) -> Board:
    """The one board that options name.

    Args:
        split: What `--split` says; None where it is not given.
        matrix: Whether `--matrix` is given.
        robustness: Whether `--robustness` is given.

    Raises:
        ConfigError: For a split that runs are not compared on, or options that name two boards.
    """
    given = [
        option
        for option, is_given in (
            (f"--split {split}", split is not None),
            ("--matrix", matrix),
            ("--robustness", robustness),
        )
        if is_given
    ]
    if len(given) > 1:
        raise ConfigError(
            f"{' and '.join(given)} cannot go together: each is a table of its own",
            hint="ask for one after the other",
        )
    if matrix:
        return "matrix"
    if robustness:
        return "robustness"
    if split == "test":
        return "test"
    if split not in (None, "val"):
        raise ConfigError(
            f"--split: runs are not compared on {split!r}; expected val or test",
            hint="train_accuracy and train_loss are columns of `dfx compare`",
        )
    return "val"


def ask_board(
    board: Board,
    *,
    metric: str | None = None,
    where: str | None = None,
    columns: str | None = None,
    all_settings: bool = False,
    sort: str | None = None,
    limit: int | None = None,
    by_recipe: bool = False,
) -> Question:
    """A question to a board by evaluations, in the words of the command line.

    Raises:
        ConfigError: For a name or a condition that cannot be understood, or an option that says
            nothing here.
    """
    option = _OPTIONS[board]
    if by_recipe:
        raise ConfigError(
            f"{option} and --group cannot go together: an evaluation is of one run, and its"
            " interval is not that of a mean over seeds",
            hint=f"leave --group away; {option} --format csv has what a mean needs",
        )
    chosen = None
    if board == "test":
        chosen = parse_columns(_as_test_columns(columns), also=TEST_COLUMNS)
        asked = parse_metric(metric, TEST_METRICS, prefix="test_")
        if all_settings:
            chosen = tuple(dict.fromkeys((*(chosen or (asked.name,)), *KINDS)))
    else:
        for other, given in (("--columns", columns), ("--all", all_settings)):
            if given:
                shown = "data sets" if board == "matrix" else "changes of the images"
                raise ConfigError(
                    f"{option} and {other} cannot go together: the columns are {shown}",
                    hint=f"leave {other} away; `dfx compare {other}` shows what the runs are",
                )
        asked = parse_metric(metric, SET_METRICS if board == "matrix" else ROBUSTNESS_METRICS)
    return Question(
        metric=asked,
        where=None if where is None else parse_condition(where),
        order=parse_order(sort),
        limit=limit,
        columns=chosen,
    )


def _as_test_columns(columns: str | None) -> str | None:
    """Metrics by their bare names, and the heading of uses, are the test board's own here."""
    if columns is None:
        return None
    own = {**{name: f"test_{name}" for name in SET_METRICS}, "uses": "test_uses"}
    return ",".join(own.get(name.strip(), name) for name in columns.split(","))
