"""The page of a report: its parts in the order in which a careful reviewer asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from dfx.display.report.chart import Chart
from dfx.display.report.markup import element, join
from dfx.records.report import EvaluationReport


def write_page(report: EvaluationReport, charts: Sequence[Chart]) -> str:
    """The page, which needs no other file, no network and no script."""
    pictures = join(join(chart.panels) for chart in charts)
    body = element("body", element("h1", report.run.name), pictures)
    return "<!doctype html>\n" + element("html", body, lang="en") + "\n"
