"""`dfx demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where images and runs are kept.")
    ] = Path("dfx-demo"),
) -> None:
    """Do the main job on drawn portraits: train two detectors, compare them, predict.

    Takes a few minutes on a processor and downloads nothing. Run twice, it uses what it finds.
    """
    from dfx.display.console import stdout_console
    from dfx.display.demo import demo_page
    from dfx.display.progress import TrainingDisplay
    from dfx.services.demo import run_demo

    with TrainingDisplay() as display:
        result = run_demo(folder, display.show)
    page = demo_page(
        leaderboard=result.leaderboard,
        winner=result.winner,
        evaluation=result.evaluation,
        origin=result.origin,
        predictions=result.predictions,
        home=result.home,
    )
    stdout_console().print(page, crop=False)
