"""Folding batch norms into the convolutions before them, in a network that is no longer trained."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from dfx.models.trial_pictures import draw_pictures
from dfx.records import Preprocessing

_TOLERANCE = 1e-4
"""Of the largest logit. Rounding is a hundredth of it in all networks that were tried."""


def fold_batch_norms(module: nn.Module, preprocessing: Preprocessing) -> nn.Module:
    """A copy of a network that computes the same with fewer passes over the memory.

    Which batch norm belongs to which convolution is seen in a forward pass. Where the copy does not
    compute the same, as a convolution that derives its weights anew each time would not, the
    network is returned as it is.

    Args:
        module: In evaluation mode, in float32, on a processor.
        preprocessing: Of its images.
    """
    images = draw_pictures(1, preprocessing)
    folded = copy.deepcopy(module)
    with torch.inference_mode():
        pairs, expected = _watch(module, images)
        for conv_name, norm_name in pairs:
            _fold(folded, conv_name, norm_name)
        found = folded(images)
    worst = (found - expected).abs().max()
    return folded if worst <= _TOLERANCE * expected.abs().max() else module


def _watch(module: nn.Module, images: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """Names of each convolution and the batch norm that is given its output, and the logits."""
    gave: dict[int, tuple[str, Tensor]] = {}  # the tensor is kept, so that no other gets its id
    pairs: list[tuple[str, str]] = []
    calls: dict[str, int] = {}
    handles = []

    def watch(name: str, part: nn.Module) -> None:
        def after_conv(_part: nn.Module, _inputs: Any, output: Tensor) -> None:
            gave[id(output)] = (name, output)
            calls[name] = calls.get(name, 0) + 1

        def before_norm(_part: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            calls[name] = calls.get(name, 0) + 1
            if id(inputs[0]) in gave:
                pairs.append((gave[id(inputs[0])][0], name))

        if isinstance(part, nn.Conv2d):
            handles.append(part.register_forward_hook(after_conv))
        elif isinstance(part, nn.BatchNorm2d) and part.track_running_stats:
            handles.append(part.register_forward_pre_hook(before_norm))

    for name, part in module.named_modules():
        watch(name, part)
    try:
        logits = module(images)
    finally:
        for handle in handles:
            handle.remove()
    return [pair for pair in pairs if all(calls[name] == 1 for name in pair)], logits


def _fold(module: nn.Module, conv_name: str, norm_name: str) -> None:
    conv = cast("nn.Conv2d", module.get_submodule(conv_name))
    norm = cast("nn.BatchNorm2d", module.get_submodule(norm_name))
    conv.weight, conv.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        cast("Tensor", norm.running_mean),
        cast("Tensor", norm.running_var),
        norm.eps,
        norm.weight,
        norm.bias,
    )
    # timm's batch norms go on with dropout, which does nothing here, and an activation.
    rest = getattr(norm, "act", nn.Identity())
    module.set_submodule(norm_name, rest)
