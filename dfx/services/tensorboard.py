"""Event files that TensorBoard opens, one folder per run."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dfx.tracking.extracts import Extract

SCALARS = {
    "train/loss": "train_loss",
    "train/accuracy": "train_accuracy",
    "val/loss": "val_loss",
    "val/accuracy": "val_accuracy",
    "val/auc": "val_auc",
    "val/f1": "val_f1",
    "lr": "lr",
    "seconds": "seconds",
    "images_per_second": "images_per_second",
}
"""Which column each curve shows. TensorBoard keeps single precision."""


def write_events(folder: Path, runs: Extract, epochs: Extract) -> None:
    """Writes a folder `NAME-NUMBER` for each run: its curves, and its configuration as hparams.

    The step is the epoch, and the time is when the epoch ended.

    Args:
        folder: Where to; it is there.
        runs: The table of runs.
        epochs: The table of their epochs.
    """
    of_run: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in epochs.rows:
        epoch = dict(zip(epochs.columns, row, strict=True))
        of_run[epoch["run_id"]].append(epoch)
    for row in runs.rows:
        run = dict(zip(runs.columns, row, strict=True))
        settings = {name: run[name] for name, kind in runs.columns.items() if kind == "setting"}
        _write_run(
            folder / f"{run['experiment']}-{run['number']}", run, settings, of_run[run["run_id"]]
        )


def _write_run(
    folder: Path, run: Mapping[str, Any], settings: Mapping[str, Any], epochs: list[dict[str, Any]]
) -> None:
    # An extra, which only those need who ask for it.
    from tensorboard.compat.proto.event_pb2 import Event  # noqa: PLC0415
    from tensorboard.compat.proto.summary_pb2 import Summary  # noqa: PLC0415
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb  # noqa: PLC0415
    from tensorboard.summary.writer.event_file_writer import EventFileWriter  # noqa: PLC0415

    began = run["created_at"].timestamp()
    writer = EventFileWriter(str(folder))
    try:
        chosen = {key: _to_hparam(value) for key, value in settings.items() if value is not None}
        about = hparams_pb(chosen, trial_id=run["run"], start_time_secs=began)
        writer.add_event(Event(wall_time=began, summary=about))
        for epoch in sorted(epochs, key=lambda epoch: epoch["epoch"]):
            values = [
                Summary.Value(tag=tag, simple_value=epoch[column])
                for tag, column in SCALARS.items()
                if epoch[column] is not None
            ]
            writer.add_event(
                Event(
                    wall_time=epoch["finished_at"].timestamp(),
                    step=epoch["epoch"],
                    summary=Summary(value=values),
                )
            )
    finally:
        writer.close()


def _to_hparam(value: Any) -> bool | float | str:
    if isinstance(value, bool | int | float):
        return value
    # A path that is not UTF-8 holds lone surrogates, which an event file cannot.
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
