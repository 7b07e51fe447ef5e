"""Building a network from timm with two outputs, and freezing all but its last layer.

Where its weights come from is `dfx.models.initial`'s matter.
"""

from __future__ import annotations

import difflib
import warnings
from pathlib import Path
from typing import Any

import timm
from torch import nn

from dfx.errors import ConfigError
from dfx.records import CLASS_NAMES


def check_architecture(name: str) -> None:
    """Accepts a name that timm knows.

    Raises:
        ConfigError: Naming the nearest architectures.
    """
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        near = difflib.get_close_matches(architecture, timm.list_models(), n=3)
        raise ConfigError(
            f"model.name is {name!r}, which timm {timm.__version__} does not know",
            hint=f"did you mean {' or '.join(near)}?" if near else "see timm.list_models()",
        )
    known = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in known:
        raise ConfigError(
            f"model.name is {name!r}: timm has no weights tagged {tag!r} for {architecture}",
            hint=f"known are {', '.join(known)}" if known else "leave the tag out",
        )


def create_module(
    name: str,
    *,
    image_size_px: int,
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    pretrained: bool = False,
    pretrained_file: Path | None = None,
) -> nn.Module:
    """Builds the architecture with one output per class.

    Args:
        name: A timm architecture, with or without a tag.
        image_size_px: Height and width of the input; matters to architectures of fixed input size.
        drop_rate: Dropout before the last layer.
        drop_path_rate: Largest probability of skipping a block (stochastic depth).
        pretrained: Whether timm loads its published weights, downloading them where needed. What
            its hub client raises is passed on.
        pretrained_file: A copy of those weights that needs no download.

    Returns:
        A module from images float32 [b, 3, h, w] to logits float32 [b, 2].

    Raises:
        ConfigError: Where the architecture is unknown or lacks what is asked for.
    """
    check_architecture(name)
    options: dict[str, Any] = {}
    if pretrained_file:
        options["pretrained_cfg_overlay"] = {"file": str(pretrained_file)}
    if getattr(timm.get_pretrained_cfg(name), "fixed_input_size", False):
        options["img_size"] = image_size_px
    if drop_rate:
        options["drop_rate"] = drop_rate
    if drop_path_rate:
        options["drop_path_rate"] = drop_path_rate
    try:
        with warnings.catch_warnings():
            # Renamed architectures still resolve; the record holds the name that was asked for.
            warnings.filterwarnings("ignore", message="Mapping deprecated model name")
            module: nn.Module = timm.create_model(
                name, pretrained=pretrained, num_classes=len(CLASS_NAMES), **options
            )
    except TypeError as error:
        unknown = next((key for key in options if f"'{key}'" in str(error)), None)
        if unknown is None:
            raise
        raise ConfigError(
            f"model.{unknown} is {options[unknown]}, but {name} has no such setting",
            hint=f"leave it at 0: --set model.{unknown}=0",
        ) from None
    return module


def set_grad_checkpointing(module: nn.Module, name: str, *, on: bool) -> None:
    """Makes the backward pass recompute activations instead of keeping them.

    Raises:
        ConfigError: Where the architecture cannot.
    """
    if not on:
        return
    try:
        module.set_grad_checkpointing()  # type: ignore[operator]  # timm's protocol
    except (AttributeError, AssertionError):
        raise ConfigError(
            f"model.grad_checkpointing is true, but {name} cannot recompute its activations",
            hint="leave it off: --set model.grad_checkpointing=false",
        ) from None


def last_layer(module: nn.Module) -> nn.Module:
    """The layer that gives the logits."""
    layer: nn.Module = module.get_classifier()  # type: ignore[operator]  # timm's protocol
    return layer


def freeze_backbone(module: nn.Module, *, frozen: bool) -> None:
    """Trains the last layer only, or everything; puts the network into training mode.

    A frozen backbone also keeps its batch-norm statistics and drops nothing.
    """
    head = last_layer(module)
    module.train(not frozen)
    head.train()
    module.requires_grad_(not frozen)
    head.requires_grad_()
