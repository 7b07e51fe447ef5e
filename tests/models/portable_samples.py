"""Weights of tiny networks: timm's own, and some of ours that are as timm's may be."""

from __future__ import annotations

from typing import Any

import timm
import torch
from torch import Tensor, nn

from dfx.config import ExperimentConfig
from dfx.models.network import create_module
from dfx.models.weights import Weights
from dfx.records import Preprocessing

MEAN, STD = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)


def make_weights(
    architecture: str = "test_efficientnet", size: int = 40, **changes: Any
) -> Weights:
    """Random, but for the last layer, which is made to tell images apart."""
    torch.manual_seed(3)
    module = create_module(architecture, image_size_px=size)
    with torch.no_grad():
        for parameter in module.get_classifier().parameters():  # type: ignore[operator]
            parameter.mul_(40)
    values: dict[str, Any] = {
        "architecture": architecture,
        "preprocessing": Preprocessing(size, MEAN, STD),
        "state": module.state_dict(),
        "threshold": 0.4321987654321,
        "temperature": 1.7,
        "run": "b4/2",
        "run_uuid": "01234567-89ab-cdef-0123-456789abcdef",
        "epoch": 3,
        "step": 120,
        "precision": "bfloat16",
        "metrics": {"accuracy": 0.9125, "auc": None},
        "config": ExperimentConfig().flat(),
    }
    return Weights(**{**values, **changes})


class _Plain(nn.Module):
    """The mean of each channel, and a layer that tells classes by it."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.fc = nn.Linear(3, num_classes)
        self.num_features = 3
        self.pretrained_cfg: dict[str, Any] = {"architecture": "none"}

    def get_classifier(self) -> nn.Module:
        return self.fc

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(images.mean((2, 3)))
        return logits


class _Undecided(_Plain):
    """Goes another way for dark images, which no graph can."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images if images.sum() > 0 else -images)


class _TwoFaced(_Plain):
    """Says something else where it is being exported, as some of timm's layers may."""

    def forward(self, images: Tensor) -> Tensor:
        logits = super().forward(images)
        return logits + logits.new_tensor([0, 0.1]) if torch.onnx.is_in_onnx_export() else logits


@timm.models.register_model  # type: ignore[untyped-decorator]
def undecided(num_classes: int = 2, **_: Any) -> nn.Module:
    return _Undecided(num_classes)


@timm.models.register_model  # type: ignore[untyped-decorator]
def two_faced(num_classes: int = 2, **_: Any) -> nn.Module:
    return _TwoFaced(num_classes)
