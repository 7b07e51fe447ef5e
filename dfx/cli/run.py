"""`dfx run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dfx.cli.options import FormatOption, HomeOption, SetOption
from dfx.formats import Format
from dfx.messages import Notice


def run(
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            "-n",
            help="Experiment; its configuration is experiments/NAME.toml where there is one.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", metavar="FILE", help="Read the configuration here."),
    ] = None,
    settings: SetOption = None,
    data: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Holds train/ and val/, each with real/ and deepfake/."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training images.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per batch.")] = None,
    lr: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides all that is random.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cuda, cuda:N, mps or cpu.")] = None,
    arch: Annotated[
        str | None, typer.Option(metavar="NAME", help="timm architecture, as efficientnet_b4.")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Start from a local .safetensors or .pth file."),
    ] = None,
    no_pretrained: Annotated[
        bool, typer.Option("--no-pretrained", help="Start from random weights.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Print the configuration and where each value came from; train nothing.",
        ),
    ] = False,
    format_: FormatOption = Format.TABLE,
    home: HomeOption = None,
) -> None:
    """Train a detector and record the run.

    Example: dfx run --name b4-small --data faces --set data.image_size=224 --epochs 5
    """
    from dfx.services.configure import configure
    from dfx.training.team import is_follower

    if is_follower():  # one of several processes, and not the one that speaks
        if not dry_run:
            from dfx.services.follow import follow

            follow()
        return
    configuration = configure(
        name,
        file=config,
        settings=settings or [],
        flags={
            "data.root": ("--data", data),
            "train.epochs": ("--epochs", epochs),
            "data.batch_size": ("--batch-size", batch_size),
            "optim.lr": ("--lr", lr),
            "train.seed": ("--seed", seed),
            "train.device": ("--device", device),
            "model.name": ("--arch", arch),
            "model.weights_file": ("--weights", weights),
            "model.pretrained": ("--no-pretrained", False if no_pretrained else None),
        },
    )
    if dry_run:
        from dfx.display.console import print_notice
        from dfx.display.formats import emit
        from dfx.display.settings import settings_document, settings_rows, settings_table
        from dfx.services.machine import preview_machine

        if configuration.notice:
            print_notice(Notice(configuration.notice))
        keys = preview_machine(configuration)
        emit(
            format_,
            table=settings_table(keys),
            rows=settings_rows(keys),
            document=settings_document(keys),
        )
        return
    from dfx.display.progress import TrainingDisplay
    from dfx.services.train import start_run

    with TrainingDisplay(report=format_) as display:
        start_run(configuration, home=home, notify=display.show)
