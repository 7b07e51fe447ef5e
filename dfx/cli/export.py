"""`dfx export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dfx.cli.options import HomeOption
from dfx.formats import ExportFormat

if TYPE_CHECKING:
    from dfx.records.model_card import ModelCard


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="runs: the record of all runs. Else weights: those of a run, as b4-baseline/2 or"
            " best, or a weights file.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", help="A new or empty folder; for ONNX, a file that is not there yet."
        ),
    ],
    to: Annotated[
        ExportFormat | None,
        typer.Option(
            "--to",
            help="Of the record a file per table, or for TensorBoard a folder per run; of weights"
            " an ONNX file, or a folder that timm loads.  [default: csv for runs]",
        ),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write the record of runs, or the best weights of one, for other programs.

    The record's tables are runs (with their configuration, a column a key), attempts, epochs,
    checkpoints, evaluations and uses of test splits. Times are UTC, numbers have full precision,
    superseded rows are left out.

    An ONNX file takes batches of any size and carries preprocessing, class names, threshold and
    calibration; the folder of --to safetensors has a config.json for timm 1.0.16 or newer
    (local-dir:) and a model card. Both are checked after writing: their verdicts are those of the
    weights, or nothing is left.

    Example: dfx export best detector.onnx --to onnx
    """
    from dfx.display.console import print_notice
    from dfx.services.export import export as write

    write(what, target, to, home, render=_render, notify=print_notice)


def _render(card: ModelCard) -> str:
    """Loads what writes a card only when there is one to write."""
    from dfx.display.model_card import render_card

    return render_card(card)
