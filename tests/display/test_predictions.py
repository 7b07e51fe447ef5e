from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any

import pytest
from rich.console import Group, RenderableType

from dfx.display.predictions import PREDICTION_COLUMNS, PredictionWriter, prediction_lines
from dfx.formats import PredictionFormat
from dfx.records.prediction import Prediction

FAKE = Prediction("img.png", "Deepfake", 0.9731, 0.9731, 0.5, "b4/1", 11)
REAL = Prediction("photos/größe [b]試[/b].png", "Real", 0.99999, 0.00001, 0.5, "b4/1", 11)
BAD = Prediction("torn.jpg", None, None, None, 0.5, "b4/1", 11, error="truncated after 12 bytes")
NEAR = Prediction("near.jpg", "Uncertain", None, 0.512, 0.5, "b4/1", 11, None, 640, 480)
ODD = Prediction(
    "odd.jpg", "Real", 0.8, 0.2, 0.5, "b4/1", 11, None, 64, 480, ("narrow; odd", "JPEG quality 8")
)
ALL = [FAKE, REAL, BAD]


class _Recorder(io.StringIO):
    """Remembers what was there at each flush."""

    def __init__(self) -> None:
        super().__init__()
        self.flushed = ""

    def flush(self) -> None:
        self.flushed = self.getvalue()


def _write(
    fmt: PredictionFormat, predictions: Iterable[Prediction], paths: Sequence[str] = ()
) -> None:
    with PredictionWriter(fmt, paths=paths) as writer:
        for prediction in predictions:
            writer.write(prediction)


def _one_then(error: Exception) -> Iterator[Prediction]:
    yield FAKE
    raise error


def _as_json(prediction: Prediction) -> dict[str, Any]:
    return {**asdict(prediction), "warnings": list(prediction.warnings)}


def test_one_image_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.TABLE, [FAKE])

    assert capsys.readouterr() == ("img.png    Deepfake   97.3 %\n", "")


def test_known_paths_make_an_even_column(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.TABLE, ALL, [prediction.path for prediction in ALL])

    assert capsys.readouterr().out == (
        "img.png                       Deepfake   97.3 %\n"
        "photos/größe [b]試[/b].png    Real      >99.9 %\n"
        "torn.jpg                      error: truncated after 12 bytes\n"
    )


def test_lines_made_at_once_look_as_those_written_one_by_one(
    render: Callable[[RenderableType, int], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where they are wider than the terminal: a path is never broken or cut."""
    _write(PredictionFormat.TABLE, ALL, [prediction.path for prediction in ALL])

    assert capsys.readouterr().out == render(Group(*prediction_lines(ALL)), 20)


def test_an_uncertain_one_is_told_by_the_probability_of_a_deepfake(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _write(PredictionFormat.TABLE, [NEAR, FAKE], ["near.jpg", "img.png"])

    assert capsys.readouterr().out == (
        "near.jpg    Uncertain  51.2 % deepfake\nimg.png     Deepfake   97.3 %\n"
    )


def test_warnings_stand_below_their_image_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.TABLE, [ODD, FAKE])

    assert capsys.readouterr().out == (
        "odd.jpg    Real       80.0 %\n"
        "           ! narrow; odd\n"
        "           ! JPEG quality 8\n"
        "img.png    Deepfake   97.3 %\n"
    )


@pytest.mark.parametrize("fmt", [PredictionFormat.CSV, PredictionFormat.MD])
def test_warnings_are_one_cell(capsys: pytest.CaptureFixture[str], fmt: PredictionFormat) -> None:
    _write(fmt, [ODD])

    shown = capsys.readouterr().out.splitlines()[-1].replace("\\|", "|")

    assert shown.strip("| ").endswith("narrow; odd | JPEG quality 8")


def test_a_path_wider_than_the_terminal_is_whole_and_moves_no_column(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = Prediction("x" * 100, "Real", 0.9, 0.1, 0.5, "b4/1", 11)
    _write(PredictionFormat.TABLE, [long, FAKE], [long.path, FAKE.path])

    assert capsys.readouterr().out == (
        "x" * 100 + "    Real       90.0 %\nimg.png    Deepfake   97.3 %\n"
    )


def test_a_file_name_with_a_line_break_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.TABLE, [Prediction("a\nb", "Real", 0.9, 0.1, 0.5, "b4/1", 1)])

    assert capsys.readouterr().out == "a\\nb    Real       90.0 %\n"


def test_columns_are_the_documented_ones() -> None:
    assert list(PREDICTION_COLUMNS) == [
        "path",
        "label",
        "probability",
        "p_deepfake",
        "threshold",
        "run",
        "epoch",
        "error",
        "width",
        "height",
        "warnings",
    ]
    assert [field.name for field in fields(Prediction)] == list(PREDICTION_COLUMNS)


@pytest.mark.parametrize("predictions", [[], [FAKE], ALL])
def test_json_is_one_array_with_every_field(
    capsys: pytest.CaptureFixture[str], predictions: Sequence[Prediction]
) -> None:
    _write(PredictionFormat.JSON, predictions)

    assert [_as_json(prediction) for prediction in predictions] == json.loads(
        capsys.readouterr().out
    )


def test_json_can_be_read_though_an_error_cut_it_short(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError):
        _write(PredictionFormat.JSON, _one_then(RuntimeError()))

    assert [_as_json(FAKE)] == json.loads(capsys.readouterr().out)


def test_nothing_more_is_written_to_a_reader_that_left(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokenPipeError):
        _write(PredictionFormat.JSON, _one_then(BrokenPipeError()))

    assert not capsys.readouterr().out.endswith("]\n")


def test_jsonl_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.JSONL, ALL)

    assert [_as_json(prediction) for prediction in ALL] == [
        json.loads(line) for line in capsys.readouterr().out.splitlines()
    ]


def test_csv_comes_back_in_full_precision(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.CSV, ALL)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))

    assert [prediction.path for prediction in ALL] == [row["path"] for row in rows]
    assert [float(row["p_deepfake"]) for row in rows[:2]] == [0.9731, 0.00001]
    assert (
        rows[2]["label"],
        rows[2]["p_deepfake"],
        rows[2]["error"],
    ) == ("", "", "truncated after 12 bytes")


def test_markdown_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    _write(PredictionFormat.MD, ALL)
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == 5
    assert {12} == {line.count("|") for line in lines}


@pytest.mark.parametrize("fmt", list(PredictionFormat))
def test_each_line_is_out_as_soon_as_it_is_given(
    monkeypatch: pytest.MonkeyPatch, fmt: PredictionFormat
) -> None:
    out = _Recorder()
    monkeypatch.setattr(sys, "stdout", out)
    with PredictionWriter(fmt) as writer:
        for prediction in ALL:
            writer.write(prediction)

            assert prediction.path in out.flushed
            assert out.getvalue() == out.flushed


def test_labels_are_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    out.isatty = lambda: True
    monkeypatch.setattr(sys, "stdout", out)
    _write(PredictionFormat.TABLE, [FAKE, REAL])

    assert "\x1b[1;31mDeepfake\x1b[0m" in out.getvalue()
    assert "\x1b[1;32mReal    \x1b[0m" in out.getvalue()
