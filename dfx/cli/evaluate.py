"""`dfx evaluate`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption
from dfx.errors import ImageError
from dfx.formats import Format, SplitName

if TYPE_CHECKING:
    from dfx.records.report import EvaluationReport


def evaluate(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="Whose best weights, as b4-baseline/2 or best.")
    ] = "best",
    split: Annotated[
        SplitName | None,
        typer.Option(help="Which split. Every use of test is counted.  [default: val]"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Another data set: holds the split, or real/ and deepfake/ alone."
            " Default: the run's own data.",
        ),
    ] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Also under compression, blur, resizing, noise and light."
        ),
    ] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="At most so many images of each class.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with exit code 5 where an image is unreadable.")
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images at a time. Default: as in training.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=0, help="Loader processes. Default: as in training.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cuda, cuda:N, mps or cpu.")] = "auto",
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Score a run's best weights on a split, with intervals, and write a report.

    On its own validation images, which chose the epoch and the threshold, the headline is
    uncalibrated at 0.5; on all others the threshold is the one that the weights file carries.

    Example: dfx evaluate b4-baseline/2 --split test --robustness
    """
    from dfx.display.evaluation_document import evaluation_document, evaluation_row
    from dfx.display.evaluation_page import evaluation_page
    from dfx.display.formats import emit
    from dfx.display.progress import TrainingDisplay
    from dfx.services.evaluate import Request
    from dfx.services.evaluate import evaluate as score

    request = Request(
        reference=run,
        data=data,
        split=None if split is None else split.value,
        limit=limit,
        robustness=robustness,
        device=device,
        batch_size=batch_size,
        workers=workers,
    )
    with TrainingDisplay() as display:
        report = score(request, home=home, render=_render, notify=display.show)
    name = report.run.name
    emit(
        format_,
        table=evaluation_page(report),
        rows=[evaluation_row(name, report.evaluation)],
        document=evaluation_document(name, report.evaluation),
    )
    skipped = len(report.detail.data.skipped)
    if strict and skipped:
        raise ImageError(
            f"{skipped} of {skipped + report.detail.data.images} images could not be read",
            hint="the others were scored and recorded; leave --strict away to accept that",
        )


def _render(report: EvaluationReport) -> Mapping[str, bytes]:
    """Loads what draws only when there is something to draw."""
    from dfx.display.report import render_report

    return render_report(report)
