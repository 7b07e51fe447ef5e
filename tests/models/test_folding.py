"""Batch norms go into the convolutions before them, and the network computes the same."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dfx.models.folding import fold_batch_norms
from dfx.models.network import create_module
from dfx.records import Preprocessing

SIZE = 64
PREPROCESSING = Preprocessing(SIZE)


def settle(module: nn.Module) -> nn.Module:
    """Gives batch norms statistics of their own, so that leaving one out would show."""
    torch.manual_seed(2)
    module.train()
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.5, 2)
                part.bias.uniform_(-1, 1)
        for _ in range(3):
            module(3 * torch.randn(4, 3, SIZE, SIZE) + 1)
    return module.eval()


def count_norms(module: nn.Module) -> int:
    return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("test_efficientnet", 0),
        ("test_resnet", 0),
        ("mobilenetv3_small_050", 0),
        ("resnetv2_18", None),
        ("test_vit", 0),
        ("test_convnext", 0),
    ],
)
def test_computes_the_same_with_fewer_parts(name: str, left: int | None) -> None:
    module = settle(create_module(name, image_size_px=SIZE))
    images = torch.randn(2, 3, SIZE, SIZE)
    before = count_norms(module)
    folded = fold_batch_norms(module, PREPROCESSING)
    with torch.inference_mode():
        expected, found = module(images), folded(images)

    assert torch.allclose(expected, found, rtol=1e-4, atol=1e-5)
    assert count_norms(module) == before
    if left is None:  # some of its batch norms come before their convolution
        assert 0 < count_norms(folded) <= before
    else:
        assert count_norms(folded) == left


class Forked(nn.Module):
    """What the convolution gives is used a second time, past its batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.conv(images)
        logits: Tensor = self.head((maps + self.norm(maps)).mean((2, 3)))
        return logits


class Twice(Forked):
    """The convolution has a second turn without its batch norm."""

    def forward(self, images: Tensor) -> Tensor:
        maps = self.norm(self.conv(images)).mean((2, 3)) + self.conv(images).mean((2, 3))
        logits: Tensor = self.head(maps)
        return logits


@pytest.mark.parametrize("kind", [Forked, Twice])
def test_what_cannot_be_folded_stays_as_it_is(kind: type[nn.Module]) -> None:
    module = settle(kind())
    images = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        assert fold_batch_norms(module, PREPROCESSING)(images).equal(module(images))


def test_leaves_no_trace_in_the_network() -> None:
    module = settle(create_module("test_efficientnet", image_size_px=SIZE))
    state = {key: tensor.clone() for key, tensor in module.state_dict().items()}
    fold_batch_norms(module, PREPROCESSING)

    assert all(tensor.equal(state[key]) for key, tensor in module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())
