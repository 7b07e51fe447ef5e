"""The record written out for other programs: CSV, JSON, Parquet, or TensorBoard's event files.

What the tables and their columns are stands in `dfx.tracking.extracts`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dfx.formats import ExportFormat
from dfx.services.home import find_home, open_store
from dfx.services.tensorboard import write_events
from dfx.services.whole import whole_folder
from dfx.tracking.extracts import Extract, Kind

_DTYPES: dict[Kind, str] = {
    "text": "string",
    "nested": "string",
    "integer": "Int64",
    "number": "Float64",
    "truth": "boolean",
    "time": "datetime64[us, UTC]",
}


def write_record(target: Path, fmt: ExportFormat, home: Path | None) -> dict[str, int]:
    """Writes the record of all runs into a new or empty folder: all of it, or nothing.

    Args:
        target: The folder; it is made, with those above it.
        fmt: CSV, JSON and Parquet are a file per table, `TENSORBOARD` is a folder per run.
        home: As given on the command line.

    Returns:
        How many rows there are, by table.

    Raises:
        ConfigError: For a folder that holds something or cannot be written.
        NotFoundError: Where there is no store.
    """
    folder = target.expanduser().absolute()
    with open_store(find_home(home), create=False) as store, whole_folder(folder, target) as draft:
        tables = store.read_extracts()
        if fmt is ExportFormat.TENSORBOARD:
            tables = [table for table in tables if table.name in {"runs", "epochs"}]
            write_events(draft, *tables)
        else:
            for table in tables:
                _WRITERS[fmt](draft / f"{table.name}.{fmt}", table)
    return {table.name: len(table.rows) for table in tables}


def _write_csv(path: Path, table: Extract) -> None:
    frame = _to_frame(table)
    for name, kind in table.columns.items():
        if kind == "time":
            frame[name] = frame[name].map(_to_iso, na_action="ignore").astype("string")
    frame.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_parquet(path: Path, table: Extract) -> None:
    _to_frame(table).to_parquet(path, index=False, engine="pyarrow")


def _write_json(path: Path, table: Extract) -> None:
    """By the standard library, since pandas writes no more than 15 digits."""
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    text = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False, default=_to_iso)
    # A path that is not UTF-8 holds lone surrogates; this makes them JSON's own escapes.
    path.write_bytes(text.encode("utf-8", "backslashreplace") + b"\n")


_WRITERS: dict[ExportFormat, Callable[[Path, Extract], None]] = {
    ExportFormat.CSV: _write_csv,
    ExportFormat.JSON: _write_json,
    ExportFormat.PARQUET: _write_parquet,
}


def _to_frame(table: Extract) -> pd.DataFrame:
    """The table with a type for each column that does not depend on which values are missing."""
    columns = zip(*table.rows, strict=True) if table.rows else ((),) * len(table.columns)
    series = {
        name: _to_series(list(values), kind)
        for (name, kind), values in zip(table.columns.items(), columns, strict=True)
    }
    return pd.DataFrame(series)


def _to_series(values: Sequence[Any], kind: Kind) -> pd.Series[Any]:
    if kind == "setting":
        dtype, values = _settle(values)
    else:
        dtype = _DTYPES[kind]
        if kind == "nested":
            values = [
                value if value is None else json.dumps(value, ensure_ascii=False)
                for value in values
            ]
    if dtype == "string":
        values = [value if value is None else _printable(value) for value in values]
    return pd.Series(values, dtype=dtype)


def _settle(values: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    """A type that holds all values of a setting; text where they are of several kinds."""
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return ("Int64" if kinds == {int} else "Float64"), values
    if kinds == {bool}:
        return "boolean", values
    text = [
        value if value is None or isinstance(value, str) else json.dumps(value) for value in values
    ]
    return "string", text


def _printable(text: str) -> str:
    """The text in UTF-8's reach: bytes of a path that are none become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _to_iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
