"""Predictions as they come: each line is out as soon as it is given."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from types import TracebackType
from typing import Any, Self

from rich.cells import cell_len
from rich.text import Text

from dfx.display.console import on_terminal, printable, stdout_console, write_stdout
from dfx.display.figures import format_percent
from dfx.display.formats import csv_line, dump_json, markdown_line
from dfx.display.table import unbroken
from dfx.formats import PredictionFormat
from dfx.records import LABELS
from dfx.records.prediction import UNCERTAIN, Prediction

PREDICTION_COLUMNS = tuple(field.name for field in fields(Prediction))
"""The columns of CSV and Markdown, and the keys in JSON."""

_STYLES = {**dict(zip(LABELS, ("green", "red"), strict=True)), UNCERTAIN: "yellow"}
_GAP = "    "
_VERDICT_WIDTH = len(UNCERTAIN) + len("  100.0 % deepfake")


class PredictionWriter:
    """Writes predictions to stdout, one by one, flushed each time.

    In a `with` block: leaving it ends what needs an end, such as JSON's array, also where an error
    cut the work short, so that what was written can be read.
    """

    def __init__(self, fmt: PredictionFormat, *, paths: Iterable[str] = ()) -> None:
        """Prepares to write.

        Args:
            fmt: How.
            paths: The paths that will come, where known: the table's column is as wide as the
                longest that leaves room for the verdict.
        """
        self._format = fmt
        self._written = 0
        room = stdout_console().width - _VERDICT_WIDTH - len(_GAP)
        widths = (cell_len(printable(path)) for path in paths)
        self._path_width = max((width for width in widths if width <= room), default=0)

    @property
    def on_terminal(self) -> bool:
        """Whether each line is seen by a person as it comes."""
        return on_terminal(sys.stdout)

    def __enter__(self) -> Self:
        if self._format is PredictionFormat.CSV:
            write_stdout(csv_line(PREDICTION_COLUMNS))
        elif self._format is PredictionFormat.MD:
            write_stdout(markdown_line(PREDICTION_COLUMNS))
            write_stdout(markdown_line(["---"] * len(PREDICTION_COLUMNS)))
        elif self._format is PredictionFormat.JSON:
            write_stdout("[")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Who read us has gone: there is nobody to end the array for.
        if self._format is PredictionFormat.JSON and not isinstance(error, BrokenPipeError):
            write_stdout("\n]\n" if self._written else "]\n")

    def write(self, prediction: Prediction) -> None:
        """Writes one prediction."""
        row: dict[str, Any] = asdict(prediction)
        match self._format:
            case PredictionFormat.TABLE:
                # Soft wrapping leaves a long path whole.
                console = stdout_console()
                for line in self._lines(prediction):
                    console.print(line, soft_wrap=True)
            case PredictionFormat.CSV:
                write_stdout(csv_line(_cells(row)))
            case PredictionFormat.MD:
                write_stdout(markdown_line(_cells(row)))
            case PredictionFormat.JSONL:
                write_stdout(dump_json(row) + "\n")
            case PredictionFormat.JSON:
                write_stdout((",\n  " if self._written else "\n  ") + dump_json(row))
        self._written += 1

    def _lines(self, prediction: Prediction) -> list[Text]:
        path = printable(prediction.path or "")
        # A longer path than any so far moves the column for those that follow.
        room = stdout_console().width - _VERDICT_WIDTH - len(_GAP)
        if self._path_width < cell_len(path) <= room:
            self._path_width = cell_len(path)
        return _lines(prediction, self._path_width)


def prediction_lines(predictions: Sequence[Prediction]) -> list[Text]:
    """Predictions that are all there already, as lines with their columns aligned."""
    width = max((cell_len(printable(p.path or "")) for p in predictions), default=0)
    return [unbroken(line) for each in predictions for line in _lines(each, width)]


def _lines(prediction: Prediction, width: int) -> list[Text]:
    """A line with the verdict, and one for each warning below it."""
    path = printable(prediction.path or "")
    path += " " * (width - cell_len(path)) + _GAP
    warnings = (Text(f"{'':{width}}{_GAP}! {warning}", "yellow") for warning in prediction.warnings)
    return [Text.assemble(path, *_verdict(prediction)), *warnings]


def _verdict(prediction: Prediction) -> list[Text]:
    if prediction.error is not None or prediction.label is None:
        return [Text(f"error: {printable(prediction.error or 'no verdict')}", style="yellow")]
    style = f"bold {_STYLES.get(prediction.label, '')}".strip()
    label = Text(f"{prediction.label:<8}", style=style)
    if prediction.probability is None:
        share = "" if prediction.p_deepfake is None else format_percent(prediction.p_deepfake)
        return [label, Text(f" {share:>7} deepfake")]
    return [label, Text(f"  {format_percent(prediction.probability):>7}")]


def _cells(row: dict[str, Any]) -> list[Any]:
    """The values as cells, in which a list is a text."""
    return [" | ".join(value) if isinstance(value, tuple) else value for value in row.values()]
