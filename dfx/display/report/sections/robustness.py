"""What becomes of the verdicts when the images are changed."""

from __future__ import annotations

from collections.abc import Mapping

from dfx.display.figures import format_count, format_p
from dfx.display.report.chart import Chart
from dfx.display.report.markup import Column, Html, element, join, paragraph, section, table
from dfx.display.report.sections.curves import show_wide_chart
from dfx.display.report.words import format_metric, format_range, format_threshold
from dfx.records.evaluation import FormatCheck, Robustness
from dfx.records.report import EvaluationReport

_SIGNIFICANT = 0.05


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
        paragraph(describe_format_check(robustness)),
        element("h3", "Every change"),
        _tabulate(robustness),
    )


def describe_format_check(robustness: Robustness) -> str:
    """Which formats the classes come in, and what saving both in one does to the AUC."""
    check = robustness.format_check
    return f"{_describe_formats(check)} {_describe_change(robustness)}"


def _describe_formats(check: FormatCheck) -> str:
    mixes = []
    for name, formats in check.formats.items():
        words = ", ".join(f"{format_count(n)} {kind}" for kind, n in sorted(formats.items()))
        mixes.append(f"{name}: {words or 'none'}")
    return f"Files by class are {'; '.join(mixes)}." if mixes else "File formats are not known."


def _describe_change(robustness: Robustness) -> str:
    check = robustness.format_check
    if check.auc_change is None:
        return "What saving both classes anew as JPEG 90 does to the AUC is undefined."
    direction = "falls" if check.auc_change < 0 else "rises"
    test = "no test is possible" if check.p is None else f"DeLong's test: {format_p(check.p)}"
    words = (
        f"Saved anew as JPEG 90, both classes have one format: the AUC {direction} by"
        f" {format_metric(abs(check.auc_change))} ({test})."
    )
    if check.auc_change == 0:
        words = (
            f"Saved anew as JPEG 90, both classes have one format: the AUC is the same ({test})."
        )
    if check.auc_change < 0 and check.p is not None and check.p < _SIGNIFICANT:
        return words + (
            " That is more than chance: part of the skill hangs on the file format, or on traces"
            " of compression that such saving wipes out."
        )
    if check.p is not None:
        words += (
            " No fall beyond chance, so nothing says that the file format was learned. That one"
            " class was once compressed more strongly than the other would not show here."
        )
    return words


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
