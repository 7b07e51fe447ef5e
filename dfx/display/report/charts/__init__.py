"""The charts of a report, each in a module by itself. A chart takes values and gives panels."""

from __future__ import annotations

from dfx.display.report.chart import Chart
from dfx.display.report.charts.calibration import draw_reliability
from dfx.display.report.charts.confusion import draw_confusion
from dfx.display.report.charts.history import draw_history
from dfx.display.report.charts.ranking import draw_precision_recall, draw_roc
from dfx.display.report.charts.severity import draw_robustness
from dfx.display.report.charts.sheet import draw_examples
from dfx.display.report.figure import plain_settings
from dfx.records.report import EvaluationReport


def draw_charts(report: EvaluationReport) -> tuple[Chart, ...]:
    """Every chart of the report; that of robustness only where it was measured."""
    with plain_settings():
        charts = [
            draw_roc(report),
            draw_precision_recall(report),
            draw_confusion(report),
            draw_reliability(report),
            draw_history(report),
            draw_examples(report),
        ]
        if report.detail.robustness is not None:
            charts.append(draw_robustness(report, report.detail.robustness))
    return tuple(charts)
