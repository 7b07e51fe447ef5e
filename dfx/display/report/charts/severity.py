"""How a detector holds under each change of the robustness suite, the harder the further right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from matplotlib.axes import Axes

from dfx.display.figures import format_metric
from dfx.display.report.chart import Chart, Panel, draw_chart
from dfx.display.report.figure import Surface, add_axes
from dfx.display.report.palette import LIGHT, Role
from dfx.display.report.words import caption_pictures, format_threshold
from dfx.evaluation.intervals import wilson_interval
from dfx.records.report import EvaluationReport
from dfx.records.robustness import ConditionResult, Robustness

_SIZE = (880, 530)
_GAP = 0.8
"""Between families, in steps of severity."""

_FAMILIES = {
    "clean": "clean",
    "jpeg": "JPEG\nquality",
    "webp": "WebP\nquality",
    "blur": "blur\nσ, pixels",
    "resize": "resize\nscale",
    "noise": "noise\nσ of 255",
    "brightness": "brightness\nfactor",
    "contrast": "contrast\nfactor",
    "resaved": "re-saved\nas JPEG",
}
_TWO_SIDED = frozenset({"brightness", "contrast"})
"""Families whose levels lie on both sides of no change: no line joins them."""

Measured = tuple[float, float, float] | None
"""Value and both ends of its interval, which are the value where there is none."""


def draw_robustness(report: EvaluationReport, robustness: Robustness) -> Chart:
    """AUC, and under it TPR and FPR at the shipped threshold; clean images are dashed lines."""
    clean = robustness.clean
    rates = zip(("AUC", "TPR", "FPR"), (clean.auc, clean.tpr, clean.fpr), strict=True)
    words = ", ".join(f"{n} {'undefined' if v is None else format_metric(v)}" for n, v in rates)
    label = (
        f"AUC, TPR and FPR under {len(robustness.results) - 1} changes of the images. Clean images:"
        f" {words}. The table has every number."
    )
    panel = Panel(
        "robustness", "Robustness", label, *_SIZE, lambda surface: _draw(surface, robustness)
    )
    return draw_chart("robustness", "Robustness", caption_pictures(report), [panel])


def _draw(surface: Surface, robustness: Robustness) -> None:
    upper = add_axes(surface, _SIZE, top=30, bottom=290)
    lower = add_axes(surface, _SIZE, top=300, bottom=64)
    places = _place(robustness.results)
    upper.set_title("AUC. Dotted: images as they are, shaded: the 95 % interval of that")
    _draw_measure(upper, robustness.results, places, _auc, "third", "-", "s", "AUC")
    threshold = format_threshold(robustness.threshold)
    lower.set_title(f"TPR and FPR at the shipped threshold {threshold}, likewise")
    _draw_measure(
        lower, robustness.results, places, _tpr, "first", "-", "o", "TPR: deepfakes found"
    )
    words = "FPR: real images called deepfakes"
    _draw_measure(lower, robustness.results, places, _fpr, "second", "--", "^", words)
    for axes in (upper, lower):
        axes.set_xlim(-0.6, places[-1] + 0.6)
        axes.grid(visible=False, axis="x")
    lower.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=2, frameon=False)
    lower.set_ylim(-0.05, 1.05)
    low, high = upper.get_ylim()
    upper.set_ylim(max(-0.05, low), min(1.02, max(high, low + 0.05)))
    if not upper.lines:
        upper.set_title("AUC")
        words = "undefined: a class is missing"
        ground = {"facecolor": LIGHT["card"], "edgecolor": "none"}
        upper.text(0.5, 0.5, words, ha="center", transform=upper.transAxes, bbox=ground)
        upper.set_yticks([])
    _label(upper, lower, robustness.results, places)


def _place(results: Sequence[ConditionResult]) -> list[float]:
    places, place, family = [], -1.0, results[0].family
    for result in results:
        place += 1 if result.family == family else 1 + _GAP
        family = result.family
        places.append(place)
    return places


def _draw_measure(
    axes: Axes,
    results: Sequence[ConditionResult],
    places: Sequence[float],
    measure: Callable[[ConditionResult], Measured],
    role: Role,
    line: str,
    sign: str,
    label: str,
) -> None:
    clean = measure(results[0])
    if clean is not None:
        axes.axhline(clean[0], color=LIGHT[role], linestyle=(0, (1, 2)), linewidth=1)
        axes.axhspan(clean[1], clean[2], color=LIGHT[role], alpha=0.1, linewidth=0)
    pairs = list(zip(places, results, strict=True))
    name: str | None = label
    for family, members in groupby(pairs, key=lambda pair: pair[1].family):
        found = [(x, *m) for x, result in members if (m := measure(result)) is not None]
        if not found:
            continue
        xs, values, lows, highs = zip(*found, strict=True)
        axes.errorbar(
            xs,
            values,
            yerr=(
                [value - low for value, low in zip(values, lows, strict=True)],
                [high - value for value, high in zip(values, highs, strict=True)],
            ),
            color=LIGHT[role],
            linestyle="none" if family in _TWO_SIDED else line,
            marker=sign,
            markersize=5,
            linewidth=1.4,
            elinewidth=1,
            capsize=2,
            label=name,
        )
        name = None


def _label(
    upper: Axes, lower: Axes, results: Sequence[ConditionResult], places: Sequence[float]
) -> None:
    upper.set_xticks(places, [""] * len(places))
    levels = ["" if r.level is None else f"{r.level:g}" for r in results]
    lower.set_xticks(places, levels, fontsize=7.5)
    pairs = list(zip(places, results, strict=True))
    for family, members in groupby(pairs, key=lambda pair: pair[1].family):
        xs = [x for x, _ in members]
        for axes in (upper, lower):
            if xs[0] > places[0]:
                axes.axvline(xs[0] - (1 + _GAP) / 2, color=LIGHT["rule"], linewidth=0.8, zorder=0)
        lower.annotate(
            _FAMILIES.get(family, family),
            ((xs[0] + xs[-1]) / 2, 0),
            (0, -18),
            xycoords=lower.get_xaxis_transform(),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=8,
        )


def _auc(result: ConditionResult) -> Measured:
    if result.auc is None:
        return None
    low, high = result.auc_low, result.auc_high
    return (
        result.auc,
        result.auc if low is None else low,
        result.auc if high is None else high,
    )


def _tpr(result: ConditionResult) -> Measured:
    return _share(result.confusion.tp, result.confusion.tp + result.confusion.fn)


def _fpr(result: ConditionResult) -> Measured:
    return _share(result.confusion.fp, result.confusion.fp + result.confusion.tn)


def _share(part: int, whole: int) -> Measured:
    return (part / whole, *wilson_interval(part, whole)) if whole else None
