"""Building a network from timm with two outputs, and freezing all but its last layer.

Where its weights come from is `dfx.models.initial`'s matter.
"""

from __future__ import annotations

import copy
import difflib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from timm.models import PretrainedCfg
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
        ConfigError: Where the architecture is unknown, lacks what is asked for or cannot classify.
    """
    check_architecture(name)
    options: dict[str, Any] = {}
    if pretrained_file:
        # What timm has of another format is converted in the hub's copy.
        options["pretrained_cfg_overlay"] = {"file": str(pretrained_file), "custom_load": False}
    settings = find_settings(name)
    if settings and settings.fixed_input_size:
        options["img_size"] = image_size_px
    if drop_rate:
        options["drop_rate"] = drop_rate
    if drop_path_rate:
        options["drop_path_rate"] = drop_path_rate
    try:
        module = _create(name, pretrained=pretrained, num_classes=len(CLASS_NAMES), **options)
    except TypeError as error:
        unknown = next((key for key in options if f"'{key}'" in str(error)), None)
        if unknown is None:
            raise
        raise ConfigError(
            f"model.{unknown} is {options[unknown]}, but {name} has no such setting",
            hint=f"leave it at 0: --set model.{unknown}=0",
        ) from None
    except AssertionError as error:
        raise _explain_size(name, image_size_px, error) from None
    if not hasattr(module, "get_classifier"):
        raise ConfigError(
            f"model.name is {name!r}, an encoder without a last layer that could tell two classes",
            hint="take an architecture that classifies, such as efficientnet_b4",
        )
    return module


def try_image_size(module: nn.Module, name: str, image_size_px: int) -> None:
    """Passes one image through, since only that tells whether an architecture takes its size.

    Raises:
        ConfigError: Where it does not.
    """
    was_training = module.training
    try:
        with torch.inference_mode():
            module.eval()(torch.zeros(1, 3, image_size_px, image_size_px))
    except (AssertionError, RuntimeError, ValueError, TypeError) as error:
        raise _explain_size(name, image_size_px, error) from None
    finally:
        module.train(was_training)


def find_settings(name: str) -> PretrainedCfg | None:
    """The settings timm has of an architecture; of a renamed one, those of its new name."""
    settings: PretrainedCfg | None = timm.get_pretrained_cfg(name)
    if settings is None and timm.is_model(name):
        with torch.device("meta"):
            renamed: Mapping[str, Any] = _create(name).pretrained_cfg  # type: ignore[assignment]
        settings = timm.get_pretrained_cfg(f"{renamed.get('architecture')}.{renamed.get('tag')}")
    return settings


def _create(name: str, **options: Any) -> nn.Module:
    with warnings.catch_warnings():
        # Renamed architectures still resolve; the record holds the name that was asked for.
        warnings.filterwarnings("ignore", message="Mapping deprecated model name")
        module: nn.Module = timm.create_model(name, **options)
    return module


def _explain_size(name: str, image_size_px: int, error: Exception) -> ConfigError:
    settings = find_settings(name)
    usual = settings.input_size[-1] if settings else 224
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return ConfigError(
        f"data.image_size is {image_size_px}, which {name} cannot take: {reason}",
        hint=f"its own size is {usual}: --set data.image_size={usual}",
    )


def check_single_images(module: nn.Module, image_size_px: int) -> None:
    """Accepts a network that can be trained on one image at a time.

    Raises:
        ConfigError: Where a batch norm would have a single value to normalise.
    """
    image = torch.zeros(1, 3, image_size_px, image_size_px)
    try:
        with torch.no_grad():
            copy.deepcopy(module).train()(image)
    except ValueError:
        raise ConfigError(
            f"data.batch_size is 1 and data.image_size {image_size_px}: batch norm would have a"
            " single value to normalise",
            hint="use larger batches or larger images",
        ) from None


def last_layer(module: nn.Module) -> nn.Module:
    """The layer that gives the logits; of networks that average two, both as one."""
    layer: nn.Module | tuple[nn.Module, ...] = module.get_classifier()  # type: ignore[operator]  # timm's protocol
    return layer if isinstance(layer, nn.Module) else nn.ModuleList(layer)


def freeze_backbone(module: nn.Module, *, frozen: bool) -> None:
    """Trains the last layer only, or everything; puts the network into training mode.

    A frozen backbone also keeps its batch-norm statistics and drops nothing.
    """
    head = last_layer(module)
    module.train(not frozen)
    head.train()
    module.requires_grad_(not frozen)
    head.requires_grad_()
