"""What becomes of the verdicts when the images are changed."""

from __future__ import annotations

from collections.abc import Mapping

from dfx.display.figures import format_count, format_metric
from dfx.display.format_check import describe_format_check, describe_formats
from dfx.display.report.chart import Chart
from dfx.display.report.markup import Column, Html, element, join, paragraph, section, table
from dfx.display.report.sections.curves import show_wide_chart
from dfx.display.report.words import format_range, format_threshold
from dfx.records.report import EvaluationReport
from dfx.records.robustness import FormatCheck, Robustness


def write_robustness(report: EvaluationReport, charts: Mapping[str, Chart]) -> Html:
    """Chart, table, and whether the detector holds on to the file format."""
    robustness = report.detail.robustness
    if robustness is None:
        words = (
            "Not measured. ",
            element("code", f"dfx evaluate {report.run.name} --robustness"),
            " does it.",
        )
        return section("Robustness", paragraph(*words, class_="quiet"))
    return section(
        "Robustness",
        show_wide_chart(charts["robustness"]),
        element("h3", "File format"),
        paragraph(_describe_formats(robustness.format_check)),
        paragraph(describe_format_check(robustness)),
        element("h3", "Every change"),
        _tabulate(robustness),
    )


def _describe_formats(check: FormatCheck) -> str:
    """Which formats the classes come in, and a warning where these alone tell them apart."""
    mixes = []
    for name, formats in check.formats.items():
        words = ", ".join(f"{format_count(n)} {kind}" for kind, n in sorted(formats.items()))
        mixes.append(f"{name} {words or 'none'}")
    listed = f"Files by class: {'; '.join(mixes)}." if mixes else "File formats are not known."
    return describe_formats(check.formats) or listed


def _tabulate(robustness: Robustness) -> Html:
    failed = any(result.failed for result in robustness.results)
    columns = [
        Column("images", number=False),
        Column("AUC"),
        Column("accuracy"),
        Column("TPR"),
        Column("FPR"),
    ]
    if failed:
        columns.append(Column("failed"))
    rows = []
    for result in robustness.results:
        row = [
            result.title,
            _with_interval(result.auc, result.auc_low, result.auc_high),
            _with_interval(result.accuracy, result.accuracy_low, result.accuracy_high),
            _rate(result.tpr),
            _rate(result.fpr),
        ]
        rows.append([*row, format_count(result.failed)] if failed else row)
    caption = (
        f"Suite {robustness.version}, calibrated at temperature {robustness.temperature:.4g}, at"
        f" the shipped threshold {format_threshold(robustness.threshold)}. 95 % intervals of the"
        " AUC by DeLong's variance, of the accuracy Wilson's."
    )
    if failed:
        caption += " Images that could not be changed so have failed, and are in no number."
    return table(caption, columns, rows)


def _with_interval(value: float | None, low: float | None, high: float | None) -> Html:
    if value is None:
        return element("span", "undefined", class_="undefined")
    words = "no interval" if low is None or high is None else format_range(low, high)
    return join((format_metric(value), " ", element("span", words, class_="beside")))


def _rate(value: float | None) -> Html:
    if value is None:
        return element("span", "undefined", class_="undefined")
    return element("span", format_metric(value))
