"""Which blocks a network has, and what is as before when they are recomputed."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
from timm.utils.model_ema import ModelEmaV3
from torch import nn

from dfx.models.network import create_module, freeze_backbone
from dfx.models.recompute import find_blocks, set_recomputed

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def names(module: nn.Module) -> list[str]:
    of = {part: name for name, part in module.named_modules()}
    return [of[block] for block in find_blocks(module)]


def build(name: str = "test_efficientnet") -> nn.Module:
    torch.manual_seed(0)
    return create_module(name, image_size_px=32).train()


def count_calls(module: nn.Module) -> list[int]:
    """How often each block computes during a step."""
    calls = [0] * len(find_blocks(module))
    for number, block in enumerate(find_blocks(module)):
        part = next(part for part in block.modules() if not list(part.children()))

        def count(*_: object, at: int = number) -> None:
            calls[at] += 1

        part.register_forward_pre_hook(count)
    module(IMAGES).sum().backward()
    return calls


class TestBlocks:
    @pytest.mark.parametrize(
        ("name", "first", "last", "count"),
        [
            ("efficientnet_b4", "blocks.0.0", "blocks.6.1", 32),
            ("resnet50", "layer1.0", "layer4.2", 16),
            ("convnext_tiny", "stages.0.blocks.0", "stages.3.blocks.2", 18),
            ("swin_tiny_patch4_window7_224", "layers.0.blocks.0", "layers.3.blocks.1", 12),
            ("vit_tiny_patch16_224", "blocks.0", "blocks.11", 12),
            ("legacy_xception", "block1", "block12", 12),
            (
                "densenet121",
                "features.denseblock1.denselayer1",
                "features.denseblock4.denselayer16",
                58,
            ),
            ("regnetx_002", "s1.b1", "s4.b7", 13),
            ("mobilenetv3_small_100", "blocks.0.0", "blocks.5.0", 12),
        ],
    )
    def test_of_common_families(self, name: str, first: str, last: str, count: int) -> None:
        """In the order in which they compute."""
        with torch.device("meta"):
            found = names(timm.create_model(name))

        assert (found[0], found[-1], len(found)) == (first, last, count)

    @pytest.mark.parametrize("name", ["vgg11", "inception_v3"])
    def test_where_there_are_none(self, name: str) -> None:
        """Single layers are none: they keep their input and little else."""
        with torch.device("meta"):
            assert names(timm.create_model(name)) == []
        assert find_blocks(nn.Linear(1, 1)) == []


class TestRecomputing:
    @pytest.mark.parametrize("count", [0, 1, 3, 5])
    def test_computes_the_first_blocks_twice(self, count: int) -> None:
        module = build()
        set_recomputed(module, count)

        assert count_calls(module) == [2] * count + [1] * (5 - count)

    def test_the_last_word_counts(self) -> None:
        module = build()
        set_recomputed(module, 5)
        set_recomputed(module, 2)

        assert count_calls(module) == [2, 2, 1, 1, 1]

    def test_names_are_as_before(self) -> None:
        """Of weights, buffers and modules."""
        plain, module = build(), build()
        set_recomputed(module, 5)

        assert list(module.state_dict()) == list(plain.state_dict())
        assert [name for name, _ in module.named_modules()] == [
            name for name, _ in plain.named_modules()
        ]

    def test_is_only_for_training(self) -> None:
        """Evaluation, no_grad and a frozen backbone compute once, and the same."""
        plain, module = build(), build()
        set_recomputed(module, 5)
        assert plain.eval()(IMAGES).equal(module.eval()(IMAGES))
        with torch.no_grad():
            assert plain.train()(IMAGES).equal(module.train()(IMAGES))
        freeze_backbone(module, frozen=True)

        assert count_calls(module) == [1] * 5

    def test_a_copy_recomputes_its_own_blocks(self) -> None:
        """As the moving average is one; what happens to it leaves the original alone."""
        module = build()
        set_recomputed(module, 5)
        other = copy.deepcopy(module)
        with torch.no_grad():
            for weight in other.parameters():
                weight.zero_()
        before = {key: tensor.clone() for key, tensor in module.state_dict().items()}

        assert count_calls(other) == [2] * 5
        assert all(tensor.equal(before[key]) for key, tensor in module.state_dict().items())
        assert all(weight.grad is None for weight in module.parameters())
        assert ModelEmaV3(module).module(IMAGES).equal(module.eval()(IMAGES))

    def test_an_error_leaves_the_buffers_in_place(self) -> None:
        """Also one in the middle of the recomputation."""
        module = build()
        set_recomputed(module, 5)
        buffers = dict(module.named_buffers())
        loss = module(IMAGES).sum()

        def fail(*_: object) -> None:
            raise RuntimeError("in the middle")

        find_blocks(module)[2].register_forward_hook(fail)
        for part in find_blocks(module)[2].modules():
            part.register_forward_pre_hook(fail)
        with pytest.raises(RuntimeError, match="in the middle"):
            loss.backward()

        assert all(buffer is buffers[key] for key, buffer in module.named_buffers())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        *("resnet18", "densenet121", "legacy_xception", "regnetx_002", "mobilenetv3_small_100"),
        *("convnext_atto", "efficientvit_b0", "mobilevit_xxs", "hrnet_w18_small", "levit_128s"),
        *("coat_tiny", "tf_efficientnetv2_b0", "swin_tiny_patch4_window7_224", "rexnet_100"),
        *("vit_tiny_patch16_224", "selecsls42", "ghostnet_100", "res2net50_26w_4s", "dla34"),
        *("dpn68", "edgenext_xx_small", "fastvit_t8", "repvgg_a0", "nest_tiny", "pvt_v2_b0"),
        *("crossvit_tiny_240", "xcit_nano_12_p16_224", "visformer_tiny", "hiera_tiny_224"),
        *("starnet_s1", "efficientnet_b4"),
    ],
)
def test_many_families_give_the_same_gradients_and_statistics(name: str) -> None:
    """With all blocks recomputed, to the bit."""
    settings = timm.get_pretrained_cfg(name)
    size = settings.input_size[-1] if settings.fixed_input_size else 96
    images = torch.randn(2, 3, size, size)
    found = []
    for count in (0, None):
        torch.manual_seed(0)
        module = create_module(name, image_size_px=size).train()
        blocks = len(find_blocks(module))
        set_recomputed(module, blocks if count is None else count)
        torch.manual_seed(3)
        loss = module(images).square().sum()
        loss.backward()
        trained = [weight.grad for weight in module.parameters() if weight.grad is not None]
        found.append([loss, *trained, *module.buffers()])

    assert blocks > 2
    assert len(found[0]) == len(found[1])
    assert all(map(torch.equal, *found))


class Lists(nn.Module):
    """Gives its blocks a list, which one block and its giver change afterwards."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 1)

        def forward(self, made: list[torch.Tensor], *, scale: float) -> torch.Tensor:
            made[0] = made[0] * scale
            result: torch.Tensor = self.layer(torch.stack(made).sum(0)).sin()
            return result

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([self.Block(), self.Block(), self.Block()])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        made = [images]
        for block in self.blocks:
            made.append(block(made, scale=0.5))
        return made[-1]

    def group_matcher(self, coarse: bool) -> dict[str, str]:
        return {"blocks": r"^blocks\.(\d+)"}


def gradients(module: nn.Module) -> list[torch.Tensor]:
    torch.manual_seed(3)
    loss = module(IMAGES).square().sum()
    return [loss, *torch.autograd.grad(loss, list(module.parameters()))]


def test_lists_are_as_they_were_given() -> None:
    """DenseNet's layers are given a list that grows; HRNet's write into theirs."""
    torch.manual_seed(0)
    module = Lists()
    plain = gradients(module)
    set_recomputed(module, 3)

    assert all(map(torch.equal, plain, gradients(module)))
