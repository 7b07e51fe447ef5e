"""How the images of each source are judged."""

from __future__ import annotations

from dfx.display.figures import format_count, format_metric
from dfx.display.report.markup import Column, Html, element, join, paragraph, path, section, table
from dfx.display.report.words import describe_threshold, format_range
from dfx.records.evaluation import GroupResult
from dfx.records.report import EvaluationReport

_TALL = 25
"""Sources from which the table is in a box that scrolls."""

_COLUMNS = (
    Column("source", number=False),
    Column("real"),
    Column("deepfakes"),
    Column("right"),
    Column("accuracy"),
    Column("AUC"),
)


def write_sources(report: EvaluationReport) -> Html:
    """A line for each source, the worst first."""
    groups = report.detail.groups
    if not groups:
        words = "No image lies in a subfolder of its class, so no sources can be told apart."
        return section("Sources", paragraph(words, class_="quiet"))
    caption = (
        f"Subfolders of the classes, the lowest accuracy first, judged"
        f" {describe_threshold(report.detail.headline)}. Intervals are Wilson's at 95 %."
    )
    rows = [_row(group) for group in groups]
    return section("Sources", table(caption, _COLUMNS, rows, is_tall=len(groups) > _TALL))


def _row(group: GroupResult) -> list[str]:
    return [
        path(group.source),
        format_count(group.real),
        format_count(group.deepfake),
        format_count(group.right),
        join(
            (
                format_metric(group.accuracy),
                element(
                    "span", format_range(group.accuracy_low, group.accuracy_high), class_="small"
                ),
            )
        ),
        _auc(group),
    ]


def _auc(group: GroupResult) -> Html:
    if group.auc is None:
        words = element("span", group.reason or "", class_="small words")
        return join((element("span", "undefined", class_="undefined"), words))
    against = "" if group.against is None else f"against {group.against}"
    return join((format_metric(group.auc), element("span", against, class_="small words")))
