"""Loss and accuracy by epoch, of training and validation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from matplotlib.ticker import MaxNLocator

from dfx.display.figures import format_metric
from dfx.display.report.chart import Chart, Panel, draw_chart, draw_missing
from dfx.display.report.figure import Surface, add_axes
from dfx.display.report.palette import LIGHT
from dfx.messages import counted
from dfx.records import EpochRecord
from dfx.records.report import EvaluationReport

_SIZE = (380, 284)
_MARKED = 30
"""Epochs up to which each has its mark."""

Values = Callable[[EpochRecord], tuple[float, float]]


def draw_history(report: EvaluationReport) -> Chart:
    """Two panels, in which the best epoch is a star on the line of validation."""
    epochs, best = report.epochs, report.run.best_epoch
    title, caption = "Training history", f"{report.run.name}: {counted(len(epochs), 'epoch')}"
    if not epochs:
        reason = "No training history is recorded."
        return draw_missing("curves", title, report.run.name, reason)
    quantities: tuple[tuple[str, str, Values], ...] = (
        ("loss", "loss (nats)", lambda e: (e.train_loss, e.val_loss)),
        ("accuracy", "accuracy", lambda e: (e.train_accuracy, e.val_accuracy)),
    )
    panels = [
        Panel(
            f"history-{name}",
            heading.capitalize(),
            _describe(name, epochs, best, values),
            *_SIZE,
            partial(_draw, epochs=epochs, best=best, values=values),
        )
        for name, heading, values in quantities
    ]
    return draw_chart("curves", title, caption, panels)


def _describe(name: str, epochs: Sequence[EpochRecord], best: int | None, values: Values) -> str:
    words = f"Training and validation {name} over {counted(len(epochs), 'epoch')}."
    record = next((epoch for epoch in epochs if epoch.epoch == best), None)
    if record is None:
        return words
    return f"{words} Best epoch {best}: validation {name} {format_metric(values(record)[1])}."


def _draw(
    surface: Surface,
    *,
    epochs: Sequence[EpochRecord],
    best: int | None,
    values: Values,
) -> None:
    axes = add_axes(surface, _SIZE)
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    numbers = [epoch.epoch for epoch in epochs]
    axes.set_xlim(numbers[0] - 0.5, numbers[-1] + 0.5)
    few = len(epochs) <= _MARKED
    pairs = [values(epoch) for epoch in epochs]
    for place, label, colour, line, sign in (
        (0, "training", LIGHT["second"], "--", "s"),
        (1, "validation", LIGHT["first"], "-", "o"),
    ):
        axes.plot(
            numbers,
            [pair[place] for pair in pairs],
            color=colour,
            linestyle=line,
            marker=sign if few else "",
            markersize=4,
            label=label,
        )
    if best in numbers:
        axes.axvline(best, color=LIGHT["muted"], linestyle=":", linewidth=1.2)
        axes.plot(
            [best],
            [pairs[numbers.index(best)][1]],
            color=LIGHT["third"],
            marker="*",
            markersize=13,
            markeredgecolor=LIGHT["card"],
            linestyle="none",
            zorder=5,
            label=f"best epoch: {best}",
        )
    axes.legend(loc="best")
