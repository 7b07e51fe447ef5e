"""The report of an evaluation: a page that opens offline, and its charts as pictures.

`sections` has the parts of the page in their order, `charts` what is drawn. Besides
`dfx.display.explanation` this package alone imports matplotlib, so whoever prints no report never
loads it. It takes frozen values and gives bytes; nothing here reads a file of a run or writes one.
"""

from __future__ import annotations

from dfx.display.report.charts import draw_charts
from dfx.display.report.page import write_page
from dfx.records.report import EvaluationReport


def render_report(report: EvaluationReport) -> dict[str, bytes]:
    """The files of a report by their names, the same bytes for the same report.

    They are `report.html`, `roc.png`, `precision_recall.png`, `confusion.png`, `reliability.png`,
    `curves.png`, `examples.png`, and `robustness.png` where that was measured. A chart that is
    undefined for these images is a picture that says why.

    Args:
        report: All that is to be shown; its evaluation has its detail.

    Raises:
        ValueError: Where the detail is missing.
    """
    charts = draw_charts(report)
    page = write_page(report, charts)
    return {"report.html": page.encode("utf-8"), **{f"{c.name}.png": c.png for c in charts}}
