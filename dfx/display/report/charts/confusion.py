"""The confusion matrix as a picture. The page has it as a table."""

from __future__ import annotations

from functools import partial

from matplotlib.patches import Rectangle

from dfx.display.figures import format_count, format_percent
from dfx.display.report.chart import Chart, Panel, draw_chart
from dfx.display.report.figure import Surface, add_axes
from dfx.display.report.palette import mix
from dfx.display.report.words import caption_pictures, describe_threshold
from dfx.records import LABELS, Confusion
from dfx.records.report import EvaluationReport

_SIZE = (420, 314)


def draw_confusion(report: EvaluationReport) -> Chart:
    """Counts and shares of each class; right verdicts and wrong ones are named so too."""
    reading = report.detail.headline
    title = "Confusion matrix"
    caption = f"{caption_pictures(report)}; {describe_threshold(reading)}"
    draw = partial(_draw, confusion=reading.confusion)
    panel = Panel("confusion", title, caption, *_SIZE, draw)
    return draw_chart("confusion", title, caption, [panel], in_page=False)


def _draw(surface: Surface, confusion: Confusion) -> None:
    axes = add_axes(surface, _SIZE, left=96, right=16, top=34, bottom=12)
    axes.set_xlim(0, 2)
    axes.set_ylim(2, 0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, top=False, labeltop=True, bottom=False, labelbottom=False)
    axes.set_xticks((0.5, 1.5), [f"called {label.lower()}" for label in LABELS], fontsize=9)
    rows = ((confusion.tn, confusion.fp), (confusion.fn, confusion.tp))
    names = [
        f"{label.lower()}\n{format_count(sum(row))}"
        for label, row in zip(LABELS, rows, strict=True)
    ]
    axes.set_yticks((0.5, 1.5), names, fontsize=9)
    for y, row in enumerate(rows):
        for x, count in enumerate(row):
            total = sum(row)
            share = count / total if total else 0.0
            colour = mix("card", "first-soft" if x == y else "second-soft", 0.15 + 0.85 * share)
            cell = Rectangle((x + 0.01, y + 0.01), 0.98, 0.98, facecolor=colour)
            axes.add_patch(cell)
            axes.text(x + 0.5, y + 0.42, format_count(count), ha="center", va="center", size=17)
            verdict = "right" if x == y else "wrong"
            words = f"{format_percent(share)}, {verdict}" if total else "undefined"
            axes.text(x + 0.5, y + 0.68, words, ha="center", va="center", size=9)
