"""Weights as a folder that timm loads by `local-dir:`: `model.safetensors` and `config.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import nn

from dfx.errors import ConfigError, WeightsError
from dfx.models.account import describe_weights
from dfx.models.trial_pictures import draw_pictures
from dfx.models.weights import Weights, first_line
from dfx.records import CLASS_NAMES

FORMAT = "dfx-safetensors"
TENSORS_FILE = "model.safetensors"
CONFIG_FILE = "config.json"

TIMM_WITH_FOLDERS = "1.0.16"
"""The first version of timm that knows `local-dir:`."""

_REFUSALS = (
    AssertionError,
    LookupError,
    OSError,
    RuntimeError,
    SafetensorError,
    TypeError,
    ValueError,
)
"""What timm raises over a folder that it cannot read."""

_TOLERANCE = 1e-6
"""How far logits may be from those of the weights; on one machine they are the same to the bit."""


def require_folders() -> None:
    """Accepts a timm that can load what is written, and so check it.

    Raises:
        ConfigError: Naming the version that can.
    """
    if _number(timm.__version__) < _number(TIMM_WITH_FOLDERS):
        raise ConfigError(
            f"--to safetensors needs timm {TIMM_WITH_FOLDERS} or newer, which loads such folders;"
            f" this is timm {timm.__version__}",
            hint=f"pip install 'timm>={TIMM_WITH_FOLDERS}'",
        )


def write_folder(weights: Weights, folder: Path) -> None:
    """Writes the tensors, and what timm needs to know of them.

    Args:
        weights: What to write.
        folder: It is there.

    Raises:
        WeightsError: Where the weights do not fit the architecture of this timm.
    """
    # Each by itself: the format refuses tensors that share their memory.
    state = {key: tensor.clone().contiguous() for key, tensor in weights.state.items()}
    # By the library's own `save_file` nobody but the owner could read it.
    (folder / TENSORS_FILE).write_bytes(save(state, metadata={"format": "pt"}))
    text = json.dumps(_describe(weights), indent=2, ensure_ascii=False) + "\n"
    (folder / CONFIG_FILE).write_bytes(text.encode("utf-8", "backslashreplace"))


def load_folder(folder: Path) -> nn.Module:
    """The network as timm builds and loads it, in evaluation mode.

    Raises:
        WeightsError: Where timm cannot.
    """
    try:
        module: nn.Module = timm.create_model(f"local-dir:{folder}", pretrained=True)
    except _REFUSALS as error:
        raise WeightsError(
            f"timm {timm.__version__} does not load what was written: {first_line(error)}",
            hint="--to onnx needs no timm to be read",
        ) from None
    return module.eval()


def check_folder(weights: Weights, module: nn.Module) -> float:
    """Compares a network that timm has loaded with the weights that were written.

    Returns:
        The largest difference of their logits.

    Raises:
        WeightsError: Where it is more than rounding.
    """
    images = draw_pictures(2, weights.preprocessing)
    with torch.inference_mode():
        difference = float((module(images) - weights.build()(images)).abs().max())
    if not difference <= _TOLERANCE:  # nor where one is not a number
        raise WeightsError(
            f"timm {timm.__version__} makes another network of what was written: its logits are off"
            f" by {difference:.2g}; expected at most {_TOLERANCE:g}",
            hint="--to onnx needs no timm to be read",
        )
    return difference


def _describe(weights: Weights) -> dict[str, Any]:
    """The content of `config.json`: timm's keys, and under `dfx` what timm has no word for."""
    module = weights.build()
    settings: dict[str, Any] = module.pretrained_cfg  # type: ignore[assignment]  # timm's
    size = weights.preprocessing.image_size_px
    named = {"num_features": module.num_features, "global_pool": _find_pooling(module)}
    return {
        "architecture": settings["architecture"],
        "num_classes": len(CLASS_NAMES),
        **{key: value for key, value in named.items() if value is not None},
        "label_names": list(CLASS_NAMES),
        "pretrained_cfg": {
            "custom_load": False,
            "input_size": [3, size, size],
            "fixed_input_size": settings.get("fixed_input_size", False),
            "interpolation": "bicubic",
            # The whole image, each side by itself: what is resized is what is left of it.
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": list(weights.preprocessing.mean),
            "std": list(weights.preprocessing.std),
            "num_classes": len(CLASS_NAMES),
            "pool_size": None,
            # So that timm can give it other outputs, or other inputs.
            "first_conv": settings.get("first_conv"),
            "classifier": settings.get("classifier"),
        },
        "dfx": {"format": FORMAT, **describe_weights(weights)},
    }


def _number(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


def _find_pooling(module: nn.Module) -> str | None:
    """What timm calls the network's pooling; None where it cannot be told. Only for reading."""
    for owner in (module, getattr(module, "head", None)):
        pooling = getattr(owner, "global_pool", None)
        name = pooling if isinstance(pooling, str) else getattr(pooling, "pool_type", None)
        if isinstance(name, str):
            return name
    return None
