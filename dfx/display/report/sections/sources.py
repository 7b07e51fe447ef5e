"""How the images of each source are judged."""

from __future__ import annotations

from dfx.display.figures import ABSENT, format_count, format_metric
from dfx.display.report.markup import Column, Html, element, join, paragraph, path, section, table
from dfx.display.report.words import describe_threshold, format_range
from dfx.records.evaluation import GroupResult
from dfx.records.report import EvaluationReport

_TALL = 25
"""Sources from which the table is in a box that scrolls."""


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
    with_half = any(group.accuracy_at_half is not None for group in groups)
    columns = [
        Column("source", number=False),
        Column("real"),
        Column("deepfakes"),
        Column("accuracy"),
        *([Column("at 0.5")] if with_half else []),
        Column("AUC"),
    ]
    rows = [_row(group, with_half=with_half) for group in groups]
    return section("Sources", table(caption, columns, rows, is_tall=len(groups) > _TALL))


def _row(group: GroupResult, *, with_half: bool) -> list[str]:
    at_half = ABSENT if group.accuracy_at_half is None else format_metric(group.accuracy_at_half)
    return [
        path(group.source),
        format_count(group.real),
        format_count(group.deepfake),
        join(
            (
                format_metric(group.accuracy),
                element(
                    "span", format_range(group.accuracy_low, group.accuracy_high), class_="small"
                ),
            )
        ),
        *([at_half] if with_half else []),
        _auc(group),
    ]


def _auc(group: GroupResult) -> Html:
    if group.auc is None:
        words = element("span", group.reason or "", class_="small words")
        return join((element("span", "undefined", class_="undefined"), words))
    against = "" if group.against is None else f"against {group.against}"
    return join((format_metric(group.auc), element("span", against, class_="small words")))
