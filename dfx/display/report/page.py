"""The page of a report: its parts in the order in which a careful reviewer asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files

from dfx.display.report.chart import Chart
from dfx.display.report.markup import Html, element
from dfx.display.report.palette import DARK, LIGHT, declare
from dfx.display.report.sections.cautions import write_cautions
from dfx.display.report.sections.confusion import write_confusion
from dfx.display.report.sections.curves import write_curves, write_history
from dfx.display.report.sections.definitions import write_definitions
from dfx.display.report.sections.examples import write_examples
from dfx.display.report.sections.metrics import write_metrics
from dfx.display.report.sections.opening import write_opening
from dfx.display.report.sections.provenance import write_provenance
from dfx.display.report.sections.robustness import write_robustness
from dfx.display.report.sections.sources import write_sources
from dfx.display.report.words import name_set
from dfx.records.report import EvaluationReport

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""The browser itself refuses scripts and whatever is not in the file."""


def write_page(report: EvaluationReport, charts: Sequence[Chart]) -> str:
    """The page, which needs no other file, no network and no script."""
    drawn = {chart.name: chart for chart in charts}
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"{report.run.name} on the {name_set(report.detail.data)}: dfx"),
        element("style", _style()),
    )
    parts = (
        write_opening(report),
        write_cautions(report),
        write_metrics(report),
        write_confusion(report),
        write_sources(report),
        write_curves(drawn),
        write_robustness(report, drawn),
        write_history(report, drawn),
        write_examples(report),
        write_provenance(report),
        write_definitions(report),
    )
    body = element("body", element("main", *parts))
    return "<!doctype html>\n" + element("html", head, body, lang="en") + "\n"


def _style() -> Html:
    """The sheet with the colours. On paper it is always light."""
    sheet = files(__package__).joinpath("style.css").read_text(encoding="utf-8")
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{declare(DARK)}}}}}"
    return Html(f":root{{{declare(LIGHT)}}}{dark}\n{sheet}")
