"""Whether p_deepfake means what it says, and how it is spread over each class."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from dfx.display.figures import format_metric
from dfx.display.report.chart import Chart, Panel, draw_chart
from dfx.display.report.figure import Surface, add_axes
from dfx.display.report.palette import LIGHT, Role
from dfx.display.report.words import caption_pictures, format_threshold, format_with_interval
from dfx.messages import counted
from dfx.records.report import EvaluationReport

_SIZE = (380, 522)
_LOGARITHMIC_FROM = 50
"""Images in a bin from which the others would be too low to be seen on a linear scale."""

_FLOOR = 0.7
"""Where a logarithmic scale begins: one image is seen, and none is not."""


def draw_reliability(report: EvaluationReport) -> Chart:
    """Shares of deepfakes by p_deepfake, over the histograms of both classes."""
    reading = report.detail.headline
    ece = reading.values["ece"]
    words = "undefined" if ece is None else format_with_interval(ece, reading.intervals["ece"])
    label = (
        f"Reliability diagram in {counted(len(report.reliability), 'bin')}, ECE {words}, and"
        " histograms of p_deepfake for each class."
    )
    panel = Panel(
        "reliability", "Reliability", label, *_SIZE, lambda surface: _draw(surface, report)
    )
    return draw_chart("reliability", "Reliability", caption_pictures(report), [panel])


def _draw(surface: Surface, report: EvaluationReport) -> None:
    _draw_bins(add_axes(surface, _SIZE, bottom=218), report)
    histogram, threshold = report.histogram, report.detail.headline.threshold
    spreads: tuple[tuple[Sequence[int], str, Role, Role, int], ...] = (
        (histogram.real, "real image", "first", "first-soft", 132),
        (histogram.deepfake, "deepfake", "second", "second-soft", 44),
    )
    for counts, noun, line, fill, bottom in spreads:
        axes = add_axes(surface, _SIZE, top=_SIZE[1] - bottom - 62, bottom=bottom)
        scale = _draw_histogram(axes, counts, histogram.edges, line, fill)
        axes.set_title(f"{counted(sum(counts), noun)}{scale}", fontsize=8, pad=3)
        axes.axvline(threshold, color=LIGHT["ink"], linestyle="--", linewidth=1)
        if noun == "deepfake":
            axes.set_xlabel(f"p_deepfake (dashed: threshold {format_threshold(threshold)})")
        else:
            axes.tick_params(labelbottom=False)


def _draw_bins(axes: Axes, report: EvaluationReport) -> None:
    axes.set_ylabel("share of deepfakes")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.tick_params(labelbottom=False)
    axes.plot(
        (0, 1), (0, 1), color=LIGHT["muted"], linestyle=":", linewidth=1.2, label="calibrated"
    )
    bins = report.reliability
    ece = report.detail.headline.values["ece"]
    axes.errorbar(
        [each.mean_p for each in bins],
        [each.share for each in bins],
        yerr=(
            [each.share - each.share_low for each in bins],
            [each.share_high - each.share for each in bins],
        ),
        color=LIGHT["first"],
        marker="o",
        markersize=4.5,
        linestyle="none",
        elinewidth=1.2,
        capsize=2.5,
        clip_on=False,
        label="bins" if ece is None else f"bins, ECE {format_metric(ece)}",
    )
    is_taken = any(each.mean_p < 0.5 and each.share_high > 0.8 for each in bins)
    axes.legend(loc="lower right" if is_taken else "upper left")


def _draw_histogram(
    axes: Axes, counts: Sequence[int], edges: Sequence[float], line: Role, fill: Role
) -> str:
    """Draws one class; what it gives is to be said of the scale."""
    axes.set_xlim(0, 1)
    highest = max(counts)
    is_logarithmic = highest >= _LOGARITHMIC_FROM
    base = _FLOOR if is_logarithmic else 0
    heights = [max(base, count) for count in counts]
    axes.stairs(heights, edges, baseline=base, fill=True, color=LIGHT[fill])
    axes.stairs(heights, edges, baseline=base, color=LIGHT[line], linewidth=1)
    if not is_logarithmic:
        axes.set_ylim(0, max(1, highest * 1.1))
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        return ""
    axes.set_yscale("log")
    axes.set_ylim(base, highest * 2)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _shorten(value)))
    axes.yaxis.set_minor_locator(NullLocator())
    return ", on a logarithmic scale"


def _shorten(count: float) -> str:
    """A tick of a count, such as 10k."""
    return f"{count / 1000:g}k" if count >= 1000 else f"{count:g}"
