"""The formats of printed data: table, JSON, CSV and Markdown.

A command builds a renderable, flat rows and a document; `emit` writes the one that was asked for.
JSON and CSV have full precision; Markdown is for reading and has six significant digits.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from pathlib import PurePath
from typing import Any

from rich.console import RenderableType

from dfx.display.console import stdout_console, write_stdout
from dfx.display.figures import as_utc
from dfx.formats import Format

Row = Mapping[str, Any]


def emit(
    fmt: Format,
    *,
    table: RenderableType,
    rows: Sequence[Row],
    document: Any,
    columns: Sequence[str] | None = None,
) -> None:
    """Writes data to stdout in one format.

    Args:
        fmt: Which one.
        table: For `table`.
        rows: For `csv` and `md`.
        document: For `json`.
        columns: The columns of `csv` and `md`; those of the first row where None. Give them where
            there may be no rows, so that the header stands all the same.
    """
    match fmt:
        case Format.TABLE:
            # Not cropped: a command or path that must not be broken may run over the edge.
            stdout_console().print(table, crop=False)
        case Format.JSON:
            write_stdout(to_json(document))
        case Format.CSV:
            write_stdout(to_csv(rows, columns))
        case Format.MD:
            write_stdout(to_markdown(rows, columns))


def to_json(document: Any) -> str:
    """The document as JSON, ending with a line break; times are ISO 8601 in UTC."""
    return dump_json(document, indent=2) + "\n"


def dump_json(document: Any, *, indent: int | None = None) -> str:
    """The document as JSON without a line break at its end."""
    text = json.dumps(to_plain(document), indent=indent, ensure_ascii=False, allow_nan=False)
    # A file name that is not UTF-8 holds lone surrogates; this makes them JSON's own escapes.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def to_csv(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """The rows as CSV with a header; what is absent is an empty cell."""
    names = _columns(rows, columns)
    return csv_line(names) + "".join(csv_line([row.get(name) for name in names]) for row in rows)


def csv_line(values: Sequence[Any]) -> str:
    """One line of CSV with its line break."""
    text = io.StringIO()
    # Both characters in the terminator make the writer quote either where a value holds it.
    csv.writer(text, lineterminator="\r\n").writerow([_csv_cell(value) for value in values])
    return text.getvalue().removesuffix("\r\n") + "\n"


def to_markdown(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """The rows as a table of GitHub-flavoured Markdown; numbers stand on the right."""
    names = _columns(rows, columns)
    numeric = [
        any(row.get(name) is not None for row in rows)
        and all(_is_number(row.get(name)) or row.get(name) is None for row in rows)
        for name in names
    ]
    rule = "| " + " | ".join("---:" if right else "---" for right in numeric) + " |\n"
    lines = [markdown_line([row.get(name) for name in names]) for row in rows]
    return markdown_line(names) + rule + "".join(lines)


def markdown_line(values: Sequence[Any]) -> str:
    """One row of a Markdown table with its line break; pipes in a value are escaped."""
    return "| " + " | ".join(_markdown_cell(value) for value in values) + " |\n"


def to_plain(value: Any) -> Any:
    """The value in JSON's types: times as text, enumerations by value, non-finite as null."""
    plain = value
    match value:
        case Mapping():
            plain = {str(key): to_plain(item) for key, item in value.items()}
        case list() | tuple():
            plain = [to_plain(item) for item in value]
        case Enum():
            plain = to_plain(value.value)
        case datetime():
            plain = as_utc(value).isoformat().replace("+00:00", "Z")
        case PurePath():
            plain = str(value)
        case float() if not math.isfinite(value):
            plain = None
        case None | str() | int() | float():
            pass
        case _:
            raise TypeError(f"{value!r} of type {type(value).__name__} has no JSON form")
    return plain


def _columns(rows: Sequence[Row], columns: Sequence[str] | None) -> Sequence[str]:
    if columns is not None:
        return columns
    return list(rows[0]) if rows else []


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _csv_cell(value: Any) -> str:
    plain = to_plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else dump_json(plain)


def _markdown_cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else _csv_cell(value)
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", "<br>").replace("\r", "")
