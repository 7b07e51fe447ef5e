"""`dfx predict`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dfx.cli.options import HomeOption
from dfx.errors import ConfigError, ImageError
from dfx.formats import PrecisionName, PredictionFormat
from dfx.messages import Counting, Message, counted

if TYPE_CHECKING:  # the command itself loads torch where its work begins
    from dfx.records.prediction import Prediction
    from dfx.services.detector import Detector


def predict(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Images, folders of images, or patterns; - reads a list of paths from stdin.",
        ),
    ],
    run: Annotated[
        str | None,
        typer.Option("--run", "-r", help="Whose best weights, as b4-baseline/2; default: best."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A weights file, instead of a run.")
    ] = None,
    uncertain: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Within this distance of the threshold the label is Uncertain."
        ),
    ] = 0.0,
    explain: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Save heat maps of what the verdicts rest on there."),
    ] = None,
    precision: Annotated[
        PrecisionName,
        typer.Option(help="Number format; auto is the fastest that the device has in hardware."),
    ] = PrecisionName.AUTO,
    compiled: Annotated[
        bool,
        typer.Option("--compile", help="Compile first: about a minute, for thousands of images."),
    ] = False,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Images at a time. Default: what is fastest.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cuda, cuda:N, mps or cpu.")] = "auto",
    format_: Annotated[
        PredictionFormat, typer.Option("--format", "-f", help="How the verdicts are printed.")
    ] = PredictionFormat.TABLE,
    home: HomeOption = None,
) -> None:
    """Say whether images are real or deepfakes, and how probable that is.

    Ends with exit code 5 where an image could not be read; the others are judged all the same.

    Example: dfx predict --run best photos/ 'more/*.jpg' --format csv > scores.csv
    """
    from dfx.services.images import find_images

    if weights is not None and run is not None:
        raise ConfigError(
            f"--run {run} and --weights {weights} both say which weights", hint="name one of them"
        )
    found = find_images(images)  # before anything is loaded, so that a mistake costs no time

    from dfx.display.console import print_notice
    from dfx.display.predictions import PredictionWriter
    from dfx.display.progress import TrainingDisplay
    from dfx.evaluation.explanation import require_captum
    from dfx.models.pace import flush_denormals
    from dfx.services.detector import Detector
    from dfx.services.predict import judge

    if explain is not None:
        require_captum()
    flush_denormals()
    if weights is not None:
        load = partial(Detector.load, weights)
    else:
        load = partial(Detector.load_run, run or "best", home=home)
    detector = load(
        device=device, precision=precision.value, batch_size=batch_size, compiled=compiled
    )
    for notice in detector.introduce():
        print_notice(notice)
    failed = 0
    paths = [each.path for each in found]
    with (
        TrainingDisplay() as display,
        _explaining(explain, detector, display.show) as add,
        PredictionWriter(format_, paths=paths) as writer,
    ):
        for done, prediction in enumerate(judge(detector, found, uncertain=uncertain), start=1):
            writer.write(prediction)
            add(prediction)
            failed += prediction.error is not None
            if not writer.on_terminal:
                display.show(Counting("Judging", done, len(found)))
    if failed:
        raise ImageError(f"{failed} of {counted(len(found), 'image')} could not be read")


@contextmanager
def _explaining(
    folder: Path | None, detector: Detector, notify: Callable[[Message], None]
) -> Iterator[Callable[[Prediction], object]]:
    """Where predictions go to be explained; without a folder nothing comes of them."""
    if folder is None:
        yield lambda _prediction: None
        return
    from dfx.display.explanation import render_contact_sheet, render_explanation
    from dfx.services.explain import ExplanationFolder

    with ExplanationFolder(
        detector.weights,
        detector.device,
        folder,
        render=render_explanation,
        render_sheet=render_contact_sheet,
        notify=notify,
    ) as explanations:
        yield explanations.add
