from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from rich.console import Console, RenderableType

from dfx.display.format_check import describe_format_check, describe_formats
from dfx.display.formats import to_csv, to_json
from dfx.display.meters import Meter
from dfx.display.robustness import (
    ROBUSTNESS_COLUMNS,
    RobustnessReport,
    describe_suite,
    describe_worst,
    robustness_report,
    robustness_rows,
)
from dfx.records import Confusion
from dfx.records.robustness import ConditionResult, FormatCheck, Robustness

from .robustness_samples import sample_robustness

Render = Callable[[RenderableType, int], str]


def with_check(
    change: float | None,
    p: float | None,
    formats: Mapping[str, Mapping[str, int]] | None = None,
    *,
    clean_auc: float | None = 0.99,
) -> Robustness:
    sample = sample_robustness()
    clean = replace(sample.clean, auc=clean_auc)
    return replace(
        sample,
        results=(clean, *sample.results[1:]),
        format_check=FormatCheck(
            formats or {"real": {"PNG": 9}, "deepfake": {"JPEG": 9}}, change, p
        ),
    )


def without_auc(result: ConditionResult) -> ConditionResult:
    """As it is of deepfakes alone."""
    cells = replace(result.confusion, tn=0, fp=0)
    share = cells.tp / (cells.fn + cells.tp)
    return replace(
        result, confusion=cells, accuracy=share, fpr=None, auc=None, auc_low=None, auc_high=None
    )


@pytest.mark.parametrize("width", [110, 80, 40])
def test_looks_as_kept(width: int, render: Render, golden: Callable[[str, str], None]) -> None:
    text = render(robustness_report(sample_robustness()), width)

    assert max(map(len, text.splitlines())) <= width
    golden(f"robustness-{width}", text)


def test_an_encoding_without_blocks_gets_ascii(golden: Callable[[str, str], None]) -> None:
    """Everything but the encoding's own characters would raise here."""
    file = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    Console(file=file, width=80, color_system=None).print(robustness_report(sample_robustness()))
    file.seek(0)

    golden("robustness-ascii", "".join(f"{line.rstrip()}\n" for line in file))


def test_columns_leave_in_the_docstrings_order() -> None:
    report = RobustnessReport(sample_robustness())
    order = []
    for width in range(140, 30, -1):
        wide, narrow = (
            [c.heading for c in report.table(w).columns if c.drop] for w in (width, width - 1)
        )
        order += [heading for heading in wide if heading not in narrow]

    assert order == ["95 %", "FPR", "TPR", "accuracy"]


@pytest.mark.parametrize("width", range(20, 130, 6))
def test_nothing_is_cut_off(width: int, render: Render) -> None:
    lines = render(robustness_report(sample_robustness()), width).splitlines()

    assert max(map(len, lines)) <= max(width, 40)
    assert sum("0.4873 ▼▼" in line for line in lines) == 1
    assert not any("…" in line for line in lines)


def test_falls_are_told_without_colour(render: Render) -> None:
    """By how far below clean a value is as shown: from 0.05 one sign, from 0.2 two."""
    sample = sample_robustness()
    values = (0.9, 0.8501, 0.85, 0.7001, 0.7, None, 0.95)
    results = [
        replace(result, auc=value, accuracy=0.9)
        for result, value in zip(sample.results, values, strict=False)
    ]
    lines = render(robustness_report(replace(sample, results=tuple(results))), 110).splitlines()
    found = [re.sub(r"^.*?(0\.\d{4} ?▼*|–) .*$", r"\1", line).rstrip() for line in lines[2:9]]

    assert found == ["0.9000", "0.8501", "0.8500 ▼", "0.7001 ▼", "0.7000 ▼▼", "–", "0.9500"]


def test_falls_are_from_the_same_images_as_they_are(render: Render) -> None:
    """Where the images that could not be changed were the easy ones, nothing has fallen."""
    sample = sample_robustness()
    results = [
        replace(r, auc=0.7, accuracy=0.7, failed=300, clean_auc=0.72, clean_accuracy=0.71)
        for r in sample.results
        if r.family in {"webp", "resaved"}
    ]
    check = replace(sample.format_check, auc_change=-0.02, p=0.31)
    partial = replace(sample, results=(sample.clean, *results), format_check=check)
    lines = render(robustness_report(partial), 110).splitlines()

    assert ["▼" in line for line in lines[2:5]] == [False] * 3
    assert "▼ at least 0.05 below the same images as they are, ▼▼ at least 0.2" in lines
    assert "AUC from 0.7200 to 0.7000" in describe_format_check(partial)
    assert describe_worst(partial) == (
        "Lowest AUC 0.7000 (WebP quality 80), was 0.7200;"
        " lowest accuracy 0.7000 (WebP quality 80), was 0.7100."
    )


def test_with_one_class_the_bars_are_of_accuracy(render: Render) -> None:
    sample = sample_robustness()
    alone = replace(
        sample,
        results=tuple(map(without_auc, sample.results)),
        format_check=FormatCheck({"real": {}, "deepfake": {"JPEG": 500}}, None, None),
    )
    lines = render(robustness_report(alone), 80).splitlines()

    assert re.split(r"\s{2,}", lines[1]) == ["images", "0", "1", "accuracy", "TPR", "FPR"]
    assert lines[2].endswith("0.9640     0.9640    –")
    assert "both classes: no AUC, since a class is missing." in "\n".join(lines)
    assert "Lowest accuracy 0.3100 (blur, σ 3 px), was 0.9640." in lines


def test_failed_images_have_a_column_where_there_are_some(render: Render) -> None:
    sample = sample_robustness()
    none = ConditionResult(
        name="webp-50",
        family="webp",
        level=50.0,
        title="WebP quality 50",
        confusion=Confusion(0, 0, 0, 0),
        **dict.fromkeys(("accuracy", "accuracy_low", "accuracy_high", "tpr", "fpr"), None),
        **dict.fromkeys(("auc", "auc_low", "auc_high"), None),
        failed=1900,
    )
    lines = render(
        robustness_report(replace(sample, results=(*sample.results, none))), 80
    ).splitlines()

    assert lines[1].endswith("failed")
    assert lines[2].endswith("0.9640")
    assert lines[13].split() == ["WebP", "quality", "50", "–", "–", "–", "1", "900"]


@pytest.mark.parametrize(
    ("robustness", "meaning"),
    [
        (
            with_check(-0.38, 1e-9),
            "to 0.6100 (DeLong p < 0.0001): this detector goes by the file",
        ),
        (with_check(-0.03, 0.001), "(DeLong p = 0.001): part of what this detector goes by may be"),
        (with_check(-0.3, 0.001, clean_auc=0.45), "part of what this detector goes by may be"),
        (with_check(-0.49, None), "(DeLong's test sees no variance): this detector goes by the"),
        (
            with_check(-0.02, 0.31),
            "stronger compression of one class before would still show, though.",
        ),
        (with_check(-0.02, 0.31, {"real": {"PNG": 9}, "deepfake": {"PNG": 9}}), "no difference sh"),
        (with_check(0.0, 1.0), "0.9900 to 0.9900 (DeLong p = 1): no difference shown"),
        (with_check(0.005, 0.01), "0.9900 to 0.9950 (DeLong p = 0.01): better so."),
        (
            with_check(-0.3, 0.001, {"real": {"JPEG": 400}, "deepfake": {"JPEG": 400, "PNG": 9}}),
            "compression costs it that, or how strongly one class was compressed before; the",
        ),
        (with_check(None, None), "both classes: no AUC, since a class is missing."),
    ],
)
def test_what_saving_anew_means(robustness: Robustness, meaning: str) -> None:
    found = describe_format_check(robustness)

    assert found.startswith("Re-saved as JPEG 90, both classes: ")
    assert meaning in found


@pytest.mark.parametrize(
    ("formats", "warning"),
    [
        ({"real": {"PNG": 90}, "deepfake": {"JPEG": 90}}, "accuracy of 1.00."),
        ({"real": {"JPEG": 80, "PNG": 20}, "deepfake": {"JPEG": 80}}, "accuracy of 0.60."),
        ({"real": {"JPEG": 95, "PNG": 5}, "deepfake": {"JPEG": 80}}, None),
        ({"real": {"JPEG": 1000, "PNG": 9}, "deepfake": {"PNG": 9, "JPEG": 990}}, None),
        ({"real": {}, "deepfake": {"JPEG": 80}}, None),
    ],
)
def test_classes_in_different_formats_are_a_warning(
    formats: Mapping[str, Mapping[str, int]], warning: str | None
) -> None:
    found = describe_formats(formats)

    assert (found is None) == (warning is None)
    if found and warning:
        assert found.startswith("The classes come in different file formats: real ")
        assert found.endswith(warning)


def test_how_it_was_measured_is_said() -> None:
    sample = sample_robustness()

    assert describe_suite(sample) == (
        "Suite 1 at the shipped threshold 0.4321, temperature 1.32; Pillow 11.0.0, libjpeg-turbo"
        " 3.0.4, libwebp 1.4.0. JPEG quality 90 and re-saved as JPEG 90 are the same pixels,"
        " scored once."
    )
    assert "temperature" not in describe_suite(replace(sample, temperature=1.0))


def test_rows_have_every_number() -> None:
    sample = sample_robustness()
    rows = robustness_rows(sample)
    written = json.loads(to_json(rows))

    assert [list(row) for row in rows] == [list(ROBUSTNESS_COLUMNS)] * len(sample.results)
    assert rows[0]["level"] is None
    assert written[3] == {
        "name": "jpeg-30",
        "family": "jpeg",
        "level": 30.0,
        "title": "JPEG quality 30",
        "accuracy": 442 / 900,
        "accuracy_low": 442 / 900 - 0.02,
        "accuracy_high": 442 / 900 + 0.02,
        "tpr": 0.5,
        "fpr": 0.52,
        "auc": 0.4873,
        "auc_low": 0.4873 - 0.015,
        "auc_high": 0.4873 + 0.015,
        "clean_accuracy": None,
        "clean_auc": None,
        "failed": 0,
        "tn": 192,
        "fp": 208,
        "fn": 250,
        "tp": 250,
    }
    assert to_csv(rows).splitlines()[0] == ",".join(ROBUSTNESS_COLUMNS)


@pytest.mark.parametrize(
    ("value", "bar", "ascii_bar"),
    [
        (0.5, "       │  ", "       |  "),
        (0.6, "██     │  ", "==     |  "),
        (0.66, "███▎   │  ", "===    |  "),
        (0.9, "████████  ", "========  "),
        (1.0, "██████████", "=========="),
        (0.31, "<      │  ", "<      |  "),
        (None, "          ", "          "),
    ],
)
def test_a_meter_is_as_long_as_its_value(value: float | None, bar: str, ascii_bar: str) -> None:
    """In eighths of a character; the line of 0.88 stands where the bar does not reach."""
    for ascii_only, expected in ((False, bar), (True, ascii_bar)):
        meter = Meter(0.5, 1.0, 10, ascii_only=ascii_only)

        assert meter.draw(value, 0.88).plain == expected
    assert meter.scale == "0.5      1"
