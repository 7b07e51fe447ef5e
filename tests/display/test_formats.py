from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from dfx.display.formats import Format, emit, to_csv, to_json, to_markdown, to_plain
from dfx.records import Status

VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.dictionaries(st.text(), VALUES | st.lists(VALUES)))
def test_json_comes_back_as_it_was(document: dict[str, Any]) -> None:
    """Any plain document, with infinities as null and any text that UTF-8 can hold."""
    assert to_plain(document) == json.loads(to_json(document).encode())


@given(
    st.lists(
        st.fixed_dictionaries(
            {"a": st.text(), "b": st.floats(allow_nan=False, allow_infinity=False)}
        )
    )
)
def test_csv_comes_back_as_it_was(rows: list[dict[str, Any]]) -> None:
    text = to_csv(rows, ("a", "b"))
    read = list(csv.DictReader(io.StringIO(text, newline="")))

    assert rows == [{"a": row["a"], "b": float(row["b"])} for row in read]


def test_times_are_iso_8601_in_utc() -> None:
    east = datetime(2026, 1, 2, 4, 0, 0, 250000, tzinfo=timezone(timedelta(hours=1)))

    assert to_plain(east) == "2026-01-02T03:00:00.250000Z"
    assert east == datetime.fromisoformat(to_plain(east))
    assert to_plain(datetime(2026, 1, 2, 3, tzinfo=UTC)) == "2026-01-02T03:00:00Z"


def test_statuses_paths_and_non_finite_numbers_have_a_json_form() -> None:
    assert to_plain((Status.LOST, Path("a/b"), float("nan"), float("inf"))) == [
        "lost",
        "a/b",
        None,
        None,
    ]


def test_a_value_without_a_json_form_is_refused() -> None:
    with pytest.raises(TypeError, match="of type object has no JSON form"):
        to_json({"x": object()})


def test_json_is_readable_and_survives_names_that_are_not_utf_8() -> None:
    text = to_json({"path": "Größe.png", "odd": "\udcff"})

    assert text == '{\n  "path": "Größe.png",\n  "odd": "\\udcff"\n}\n'
    assert json.loads(text) == {"path": "Größe.png", "odd": "\udcff"}


def test_absent_values_are_empty_in_csv() -> None:
    assert to_csv([{"a": None, "b": True, "c": 0.1}]) == "a,b,c\n,true,0.1\n"


def test_pipes_and_line_breaks_cannot_break_a_markdown_table() -> None:
    assert to_markdown(
        [{"name": "a|b\nc", "loss": 1 / 3, "n": 3}, {"name": None, "loss": None, "n": 20000}]
    ) == (
        "| name | loss | n |\n"
        "| --- | ---: | ---: |\n"
        "| a\\|b<br>c | 0.333333 | 3 |\n"
        "|  |  | 20000 |\n"
    )


def test_markdown_without_rows_is_a_header() -> None:
    assert to_markdown([], ("a", "b")) == "| a | b |\n| --- | --- |\n"


@pytest.mark.parametrize(
    ("fmt", "expected"),
    [
        (Format.TABLE, "shown\n"),
        (Format.JSON, '{\n  "runs": []\n}\n'),
        (Format.CSV, "a\n1\n"),
        (Format.MD, "| a |\n| ---: |\n| 1 |\n"),
    ],
)
def test_data_goes_to_stdout_in_the_format_asked_for(
    capsys: pytest.CaptureFixture[str], fmt: Format, expected: str
) -> None:
    emit(fmt, table=Text("shown"), rows=[{"a": 1}], document={"runs": []})

    assert (expected, "") == capsys.readouterr()
