"""`dfx data`: what there is to do with images before training."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from dfx.cli.listing import CommandList

app = typer.Typer(cls=CommandList, help="Make and check image sets.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Make and check image sets."""


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write the set.")],
    images: Annotated[int, typer.Option(help="Images in all, both classes alike.")] = 1000,
    seed: Annotated[int, typer.Option(help="Decides every pixel.")] = 0,
) -> None:
    """Write a small labelled set of drawn portraits to try things on.

    Real ones are as a camera would give them; in deepfakes the face is blended onto itself.
    """
    from dfx.data.sample import write_sample
    from dfx.display.console import print_notice
    from dfx.display.progress import TrainingDisplay
    from dfx.messages import Counting, Notice

    with TrainingDisplay() as display:
        report = write_sample(
            folder,
            images=images,
            seed=seed,
            progress=lambda done, total: display.show(Counting("Drawing portraits", done, total)),
        )
    what = f"{report.images} images of {report.image_size_px} pixels, both classes alike"
    how = "written" if report.written else "found as they were"
    print_notice(Notice(f"{report.folder}: {what}, {how}"))
    print_notice(Notice(f"next: dfx run --name demo --data {shlex.quote(str(report.folder))}"))
