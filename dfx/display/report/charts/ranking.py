"""ROC, in full and where few real images are called deepfakes, and precision over recall."""

from __future__ import annotations

from matplotlib.axes import Axes

from dfx.display.figures import format_metric, format_percent
from dfx.display.report.chart import Chart, Panel, draw_chart, draw_missing
from dfx.display.report.figure import Surface, add_axes
from dfx.display.report.palette import LIGHT
from dfx.display.report.words import (
    caption_pictures,
    format_threshold,
    format_with_interval,
    operating_point,
)
from dfx.records.evaluation import Reading
from dfx.records.report import Curve, EvaluationReport

_SIZE = (380, 364)
_LOW_FPR = 0.1
_LIMITS = ((0.01, "tpr_at_fpr_1pct", "s"), (0.05, "tpr_at_fpr_5pct", "D"))


def draw_roc(report: EvaluationReport) -> Chart:
    """TPR over FPR; a second panel has FPR up to 10 %, where detectors are used."""
    reading, curve = report.detail.headline, report.roc
    title, caption = "ROC", caption_pictures(report)
    if curve is None:
        return draw_missing("roc", title, caption, explain_missing("ROC", reading))
    label = f"ROC. AUC {_read(reading, 'auc')}. EER {_read(reading, 'eer')}."
    low = (
        f"ROC up to 10 % FPR. TPR at 1 % FPR {_read(reading, 'tpr_at_fpr_1pct')},"
        f" at 5 % FPR {_read(reading, 'tpr_at_fpr_5pct')}."
    )
    panels = (
        Panel(
            "roc", "All of it", label, *_SIZE, lambda surface: _draw_roc(surface, curve, reading)
        ),
        Panel(
            "roc-low",
            "Up to 10 % FPR",
            low,
            *_SIZE,
            lambda surface: _draw_low(surface, curve, reading),
        ),
    )
    return draw_chart("roc", title, caption, panels)


def draw_precision_recall(report: EvaluationReport) -> Chart:
    """Precision over recall, with the share of deepfakes, which guessing reaches."""
    reading, curve = report.detail.headline, report.precision_recall
    name, title, caption = "precision_recall", "Precision and recall", caption_pictures(report)
    if curve is None:
        reason = explain_missing("precision-recall curve", reading)
        return draw_missing(name, title, caption, reason)
    label = f"Precision over recall. Average precision {_read(reading, 'average_precision')}."
    panel = Panel("pr", title, label, *_SIZE, lambda surface: _draw_pr(surface, curve, reading))
    return draw_chart(name, title, caption, [panel])


def explain_missing(what: str, reading: Reading) -> str:
    """Why there is no such curve, as a sentence."""
    return f"The {what} is undefined: {reading.reasons.get('auc', 'a class is missing')}."


def _draw_roc(surface: Surface, curve: Curve, reading: Reading) -> None:
    axes = _square(surface, "FPR: real images called deepfakes", "TPR: deepfakes found")
    axes.plot((0, 1), (0, 1), color=LIGHT["muted"], linestyle=":", linewidth=1.2, label="chance")
    axes.plot(
        curve.x,
        curve.y,
        color=LIGHT["first"],
        clip_on=False,
        label=f"AUC {_read(reading, 'auc', short=True)}",
    )
    if (eer := reading.values["eer"]) is not None:
        label = f"EER {format_metric(eer)}"
        _mark(axes, (eer, 1 - eer), "^", "third", label)
    if (point := operating_point(reading)) is not None:
        _mark(axes, point, "o", "second", f"at threshold {format_threshold(reading.threshold)}")
    auc = reading.values["auc"]
    axes.legend(loc="lower right" if auc is None or auc >= 0.5 else "upper left")


def _draw_low(surface: Surface, curve: Curve, reading: Reading) -> None:
    axes = _square(surface, "FPR: real images called deepfakes", "TPR: deepfakes found")
    axes.set_xlim(0, _LOW_FPR)
    axes.set_xticks([0, 0.01, 0.02, 0.04, 0.05, 0.06, 0.08, 0.1])
    axes.set_xticklabels(["0", "0.01", "", "", "0.05", "", "", "0.10"])
    axes.plot((0, 1), (0, 1), color=LIGHT["muted"], linestyle=":", linewidth=1.2)
    axes.plot(curve.x, curve.y, color=LIGHT["first"])
    for limit, name, sign in _LIMITS:
        axes.axvline(limit, color=LIGHT["muted"], linestyle="--", linewidth=0.9)
        if (tpr := reading.values[name]) is not None:
            label = f"TPR at {limit:.0%} FPR {format_metric(tpr)}".replace("%", " %")
            _mark(axes, (limit, tpr), sign, "first", label)
    point = operating_point(reading)
    if point is not None and point[0] <= _LOW_FPR:
        _mark(axes, point, "o", "second", f"at threshold {format_threshold(reading.threshold)}")
    found = reading.values["tpr_at_fpr_5pct"]
    axes.legend(loc="lower right" if found is None or found >= 0.3 else "upper right")


def _draw_pr(surface: Surface, curve: Curve, reading: Reading) -> None:
    axes = _square(
        surface,
        "recall: deepfakes found",
        "precision: deepfakes among those called so",
    )
    c = reading.confusion
    share = (c.fn + c.tp) / reading.images
    axes.axhline(
        share,
        color=LIGHT["muted"],
        linestyle=":",
        linewidth=1.2,
        label=f"guessing: {format_percent(share)} are deepfakes",
    )
    # The first point has no line to it unless there is one to start from.
    axes.plot(
        (0, *curve.x),
        (curve.y[0], *curve.y),
        color=LIGHT["first"],
        drawstyle="steps-pre",
        clip_on=False,
        label=f"average precision {_read(reading, 'average_precision', short=True)}",
    )
    precision, recall = reading.values["precision"], reading.values["recall"]
    if precision is not None and recall is not None:
        label = f"at threshold {format_threshold(reading.threshold)}"
        _mark(axes, (recall, precision), "o", "second", label)
    precise = reading.values["average_precision"]
    axes.legend(loc="lower left" if precise is None or precise >= 0.5 else "upper right")


def _square(surface: Surface, x: str, y: str) -> Axes:
    axes = add_axes(surface, _SIZE)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    return axes


def _mark(axes: Axes, point: tuple[float, float], sign: str, role: str, label: str) -> None:
    axes.plot(
        *([value] for value in point),
        marker=sign,
        markersize=7,
        color=LIGHT[role],  # type: ignore[index]  # one of the roles
        markeredgecolor=LIGHT["card"],
        markeredgewidth=1.2,
        linestyle="none",
        clip_on=False,
        zorder=5,
        label=label,
    )


def _read(reading: Reading, name: str, *, short: bool = False) -> str:
    """A metric with its interval in words, or that it is undefined."""
    value = reading.values[name]
    if value is None:
        return "undefined"
    return format_metric(value) if short else format_with_interval(value, reading.intervals[name])
