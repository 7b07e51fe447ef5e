"""Charts on the page: ROC, precision and recall, reliability, and the history of the training."""

from __future__ import annotations

from collections.abc import Mapping

from dfx.display.figures import format_lr, format_metric
from dfx.display.report.chart import Chart
from dfx.display.report.markup import (
    Column,
    Html,
    element,
    join,
    paragraph,
    scroll_box,
    section,
    table,
)
from dfx.records.report import EvaluationReport


def show_chart(*charts: Chart) -> Html:
    """The panels of charts beside each other, where there is room; one that is missing says why."""
    figures = [
        element("figure", element("figcaption", drawing.title), drawing.svg)
        for chart in charts
        for drawing in chart.drawings
    ]
    parts = [paragraph(chart.missing) for chart in charts if chart.missing is not None]
    if figures:
        parts.insert(0, element("div", *figures, class_="charts"))
    return join(parts)


def show_wide_chart(chart: Chart) -> Html:
    """A chart that is too wide for a telephone, in a box that it may scroll in."""
    if chart.missing is not None:
        return paragraph(chart.missing)
    figures = (element("figure", drawing.svg) for drawing in chart.drawings)
    return scroll_box(join(figures), label="Chart", class_="wide")


def write_curves(charts: Mapping[str, Chart]) -> Html:
    """How the scores rank the images, and whether they mean what they say."""
    return join(
        (
            section("ROC", show_chart(charts["roc"])),
            section(
                "Precision, recall and reliability",
                show_chart(charts["precision_recall"], charts["reliability"]),
                paragraph(
                    "Reliability: images in at most 15 bins of equal mass by p_deepfake, with"
                    " Wilson's 95 % intervals. Where probabilities are calibrated, the bins lie on"
                    " the dotted line.",
                    class_="quiet",
                ),
            ),
        )
    )


def write_history(report: EvaluationReport, charts: Mapping[str, Chart]) -> Html:
    """Loss and accuracy by epoch, as a chart, and as a table to unfold."""
    parts = [show_chart(charts["curves"])]
    if report.epochs:
        words = "Values of training were taken with augmentation on, while the weights changed."
        parts += [paragraph(words, class_="quiet"), _list_epochs(report)]
    return section("Training history", *parts)


def _list_epochs(report: EvaluationReport) -> Html:
    columns = (
        Column("epoch", number=False),
        Column("train loss"),
        Column("train accuracy"),
        Column("val loss"),
        Column("val accuracy"),
        Column("val AUC"),
        Column("learning rate"),
    )
    rows = [
        [
            f"{epoch.epoch}, best" if epoch.epoch == report.run.best_epoch else str(epoch.epoch),
            format_metric(epoch.train_loss),
            format_metric(epoch.train_accuracy),
            format_metric(epoch.val_loss),
            format_metric(epoch.val_accuracy),
            "undefined" if epoch.val_auc is None else format_metric(epoch.val_auc),
            format_lr(epoch.lr),
        ]
        for epoch in report.epochs
    ]
    content = table("Every epoch.", columns, rows, is_tall=len(rows) > 25)
    return element("details", element("summary", "The numbers by epoch"), content)
