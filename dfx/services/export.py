"""What `dfx export` writes: the record of all runs, or the weights of one.

Here is decided which of them is meant; `record_files` writes the record, and `portable` weights.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Callable
from pathlib import Path

from dfx.errors import ConfigError
from dfx.formats import ExportFormat
from dfx.messages import Notice
from dfx.records.model_card import ModelCard

RECORD = "runs"
"""What the record of all runs is called on the command line."""

_OF_WEIGHTS = {ExportFormat.ONNX: "detector.onnx", ExportFormat.SAFETENSORS: "detector"}
"""The formats that weights are written in, each with an example of a target."""

_NEEDED = {
    ExportFormat.PARQUET: ("pyarrow",),
    ExportFormat.TENSORBOARD: ("tensorboard",),
    ExportFormat.ONNX: ("onnx", "onnxscript", "onnxruntime"),
}
"""Packages of the extra that is called as the format is."""


def export(
    what: str,
    target: Path,
    fmt: ExportFormat | None,
    home: Path | None,
    *,
    render: Callable[[ModelCard], str],
    notify: Callable[[Notice], None],
) -> None:
    """Writes the record of all runs, or the best weights of a run, for other programs.

    Args:
        what: `runs`; or a run reference, or a weights file.
        target: What to write; a file for ONNX, else a folder.
        fmt: None is CSV for the record; weights want one named.
        home: As given on the command line.
        render: Makes the text of a model card.
        notify: Told what is exported and why, and what was written.

    Raises:
        ConfigError: For a format that does not go with what is exported, a target that is there
            already or cannot be written, or a package that is missing.
        NotFoundError: Where there is no store, or no such run.
        WeightsError: For weights that cannot be read, or not be written so.
    """
    is_record = what == RECORD
    _require_match(what, target, fmt, is_record=is_record)
    chosen = fmt or ExportFormat.CSV
    _require_packages(chosen)
    if is_record:
        # With it comes pandas, and with the other torch; neither needs both.
        from dfx.services.record_files import write_record  # noqa: PLC0415

        rows = write_record(target, chosen, home)
        counts = ", ".join(f"{name} {count:,}" for name, count in rows.items())
        notify(Notice(f"{target.expanduser().absolute()}: {counts}"))
    else:
        from dfx.services.portable import write_weights  # noqa: PLC0415  # as above

        write_weights(what, target, chosen, home, render=render, notify=notify)


def _require_match(what: str, target: Path, fmt: ExportFormat | None, *, is_record: bool) -> None:
    """Accepts a format that what is exported can have.

    Raises:
        ConfigError: Saying what goes with what.
    """
    if is_record:
        if fmt in _OF_WEIGHTS:
            raise ConfigError(
                f"--to {fmt} is for weights, and runs means the record; expected a run or a weights"
                " file, or another format",
                hint=f"dfx export best {_OF_WEIGHTS[fmt]} --to {fmt};"
                f" the record goes --to {_list_formats(of_weights=False)}",
            )
        return
    if fmt is None:
        command = f"dfx export {shlex.quote(what)} {shlex.quote(str(target))}"
        looks_like = target.suffix.lower() == ".onnx"
        raise ConfigError(
            f"{what!r} means weights, and --to does not say in which format; expected"
            f" {_list_formats(of_weights=True)}",
            hint=f"{command} --to onnx"
            if looks_like
            else f"{command} --to onnx (a file), or --to safetensors (a folder); the record of all"
            " runs is called runs",
        )
    if fmt not in _OF_WEIGHTS:
        raise ConfigError(
            f"--to {fmt} is for the record, and {what!r} means weights; expected"
            f" {_list_formats(of_weights=True)}",
            hint=f"dfx export runs DIR --to {fmt} writes the record of all runs",
        )


def _list_formats(*, of_weights: bool) -> str:
    *others, last = (fmt.value for fmt in ExportFormat if (fmt in _OF_WEIGHTS) == of_weights)
    return f"{', '.join(others)} or {last}"


def _require_packages(fmt: ExportFormat) -> None:
    """Accepts a format whose packages are installed, before anything is read or computed.

    Raises:
        ConfigError: With the command that installs what is missing.
    """
    for package in _NEEDED.get(fmt, ()):
        if importlib.util.find_spec(package) is None:
            raise ConfigError(
                f"--to {fmt} needs the package {package!r}, which is not installed",
                hint=f"pip install 'dfx[{fmt}]'",
            )
