"""`dfx predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfx.cli.options import HomeOption
from dfx.errors import ImageError
from dfx.formats import PredictionFormat
from dfx.messages import Notice


def predict(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE...", help="Images, or folders of images.")
    ],
    run: Annotated[
        str | None,
        typer.Option("--run", "-r", help="Whose best weights, as b4-baseline/2; default: best."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A weights file, instead of a run.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Images per batch.")] = 4,
    device: Annotated[str, typer.Option(help="auto, cuda, cuda:N, mps or cpu.")] = "auto",
    format_: Annotated[
        PredictionFormat, typer.Option("--format", "-f", help="How the verdicts are printed.")
    ] = PredictionFormat.TABLE,
    home: HomeOption = None,
) -> None:
    """Say whether images are real or deepfakes, and how probable that is.

    Ends with exit code 5 where an image could not be read; the others are judged all the same.
    """
    from dfx.display.console import print_notice
    from dfx.display.predictions import PredictionWriter
    from dfx.services.images import list_images
    from dfx.services.predict import load_detector
    from dfx.services.predict import predict as judge

    paths = list_images(images)
    detector = load_detector(run, weights_file=weights, home=home, device=device)
    print_notice(Notice(detector.origin))
    failed = 0
    with PredictionWriter(format_, paths=map(str, paths)) as writer:
        for prediction in judge(detector, paths, batch_size=batch_size):
            writer.write(prediction)
            failed += prediction.error is not None
    if failed:
        raise ImageError(f"{failed} of {len(paths)} images could not be read")
