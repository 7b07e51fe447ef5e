"""Weights files: the best weights of a run with all that prediction needs.

A file knows its architecture, class names, preprocessing, threshold, calibration and the run it
comes from. It holds tensors and plain values, so it loads without executing anything.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import struct
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dfx.errors import WeightsError
from dfx.models.network import create_module
from dfx.records import CLASS_NAMES, Preprocessing
from dfx.records.prediction import ImageProfile, Span

FORMAT = "dfx-weights"
VERSION = 2
"""Version of the layout. Raise it when a key comes, moves or changes meaning; read the older ones.

1: the first. 2: `training_images` says what the images of the training are like.
"""

_SINCE_2 = frozenset({"training_images"})

_NO_WEIGHTS = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
)
"""What torch's restricted unpickler raises when it is fed arbitrary bytes."""


_FORBIDDEN = re.compile(r"GLOBAL ([\w.]+)")
"""What torch says of a function or class that it does not let a file name."""


@dataclass(frozen=True, slots=True)
class Weights:
    """The contents of a weights file.

    Attributes:
        architecture: timm's name.
        preprocessing: How an image becomes the network's input.
        state: Parameters and buffers.
        threshold: Calibrated p_deepfake from which the label is Deepfake.
        temperature: What the logits are divided by before the softmax (Guo et al., ICML 2017).
        run: Name of the run it comes from, as it was when this was written.
        run_uuid: Its identity everywhere.
        epoch: Epoch it comes from.
        step: Optimiser steps done by then.
        precision: Number format it was trained and validated in.
        metrics: Validation metrics at that epoch, uncalibrated, at threshold 0.5.
        config: The run's configuration by dotted key.
        training_images: What the images it was trained on are like; None where a dfx wrote the file
            that did not look.
    """

    architecture: str
    preprocessing: Preprocessing
    state: Mapping[str, Tensor]
    threshold: float
    temperature: float
    run: str
    run_uuid: str
    epoch: int
    step: int
    precision: str
    metrics: Mapping[str, float | None]
    config: Mapping[str, Any]
    training_images: ImageProfile | None = None

    def build(self) -> nn.Module:
        """The network, in evaluation mode.

        Raises:
            WeightsError: Where the tensors do not fit the architecture of this timm.
        """
        module = create_module(self.architecture, image_size_px=self.preprocessing.image_size_px)
        try:
            module.load_state_dict(self.state)
        except RuntimeError as error:
            raise WeightsError(
                f"the weights of {self.run} do not fit timm's {self.architecture}:"
                f" {str(error).splitlines()[-1].strip()}",
                hint="use the version of timm that the run was made with; `dfx show` names it",
            ) from None
        return module.eval()


def dump_weights(weights: Weights) -> bytes:
    """The bytes of a weights file."""
    values = {name: getattr(weights, name) for name in weights.__slots__}
    content = {
        "format": FORMAT,
        "version": VERSION,
        "class_names": list(CLASS_NAMES),
        **values,
        "preprocessing": asdict(weights.preprocessing),
        "state": dict(weights.state),
        "metrics": dict(weights.metrics),
        "config": dict(weights.config),
        "training_images": _dump_profile(weights.training_images),
    }
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def _dump_profile(profile: ImageProfile | None) -> dict[str, Any] | None:
    if profile is None:
        return None
    values = asdict(profile)
    # Tuples with names would come back without them.
    return {
        key: list(value) if isinstance(value, tuple) else value for key, value in values.items()
    }


def _parse_profile(values: Mapping[str, Any] | None) -> ImageProfile | None:
    if values is None:
        return None
    spans = {key: Span(*value) for key, value in values.items() if isinstance(value, list)}
    return ImageProfile(**{**values, **spans})


def load_weights(path: Path) -> Weights:
    """Reads a weights file.

    Raises:
        WeightsError: Where it is missing, damaged, no weights file of dfx, or of a newer version.
    """
    content = read_tensors(path)
    if content.get("format") != FORMAT:
        raise WeightsError(
            f"{path} is not a weights file of dfx",
            hint="predict takes the best-*.pt of a run; to train from other weights,"
            " use dfx run --weights",
        )
    try:
        return _parse(content, path)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path} is a damaged weights file: {type(error).__name__} {error}",
            hint="take another copy of it",
        ) from None


def _parse(content: Mapping[str, Any], path: Path) -> Weights:
    version = content["version"]
    if version > VERSION:
        raise WeightsError(
            f"{path} has version {version}; this dfx reads up to {VERSION}",
            hint="upgrade dfx: pip install --upgrade dfx",
        )
    if tuple(content["class_names"]) != CLASS_NAMES:
        raise WeightsError(
            f"{path} tells {' from '.join(map(str, content['class_names']))} by its outputs;"
            f" expected {' and '.join(CLASS_NAMES)}, in this order",
            hint="its verdicts would be wrong; train it anew with dfx run --weights",
        )
    values = {name: content[name] for name in Weights.__slots__ if name not in _SINCE_2}
    _require_kinds(values)
    settings = values.pop("preprocessing")
    return Weights(
        training_images=_parse_profile(content["training_images"] if version > 1 else None),
        preprocessing=Preprocessing(
            image_size_px=settings["image_size_px"],
            mean=tuple(settings["mean"]),
            std=tuple(settings["std"]),
        ),
        **values,
    )


def _require_kinds(values: Mapping[str, Any]) -> None:
    """Accepts values that what uses them can use; a wrong threshold would make wrong verdicts.

    Raises:
        TypeError: For one of another type.
        ValueError: Naming the first that it cannot.
    """
    kinds = {"architecture": str, "state": Mapping, "config": Mapping, "preprocessing": Mapping}
    for name, kind in kinds.items():
        if not isinstance(values[name], kind):
            raise TypeError(f"{name} is {type(values[name]).__name__}")
    settings = values["preprocessing"]
    numbers = {
        "threshold": not math.isnan(values["threshold"]),
        "temperature": values["temperature"] > 0,
        "image_size_px": settings["image_size_px"] > 0,
        "mean": len(settings["mean"]) == 3,
        "std": len(settings["std"]) == 3 and all(each > 0 for each in settings["std"]),
    }
    for name, is_good in numbers.items():
        if not is_good:
            raise ValueError(f"{name} is {(values | settings)[name]}")


def read_tensors(path: Path) -> dict[str, Any]:
    """Reads a file that `torch.save` wrote, executing nothing that is in it.

    Raises:
        WeightsError: Where it cannot be read so.
    """
    try:
        with warnings.catch_warnings():
            # Of files that are not its own torch warns, and then raises.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise WeightsError(
            f"weights file {str(path)!r} does not exist", hint="check the path"
        ) from None
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from None
    except _NO_WEIGHTS as error:
        # What torch says here advises to load the file all the same, running its code.
        if wanted := _FORBIDDEN.search(str(error)):
            raise WeightsError(
                f"{path} asks for {wanted[1]} to be called when it is loaded, as no weights file"
                " does; it is refused, and nothing in it was run",
                hint="of another's network take the weights alone, as"
                " torch.save(model.state_dict(), …) writes them",
            ) from None
        raise WeightsError(
            f"{path} cannot be read as weights: it is damaged, or holds other things than tensors"
            " and plain values",
            hint="expected a file written by torch.save; one that would run code when loaded is"
            " refused, and nothing in it was run",
        ) from None
    if not isinstance(content, dict):
        raise WeightsError(f"{path} holds {type(content).__name__}; expected names with tensors")
    return content


def first_line(error: BaseException) -> str:
    """What an exception of a library says, short enough for a message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
