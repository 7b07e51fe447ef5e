"""Maps are Grad-CAM's, show where the evidence is, and leave the network as it was."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from dfx.data.transforms import normalise
from dfx.errors import ConfigError
from dfx.evaluation.explanation import Explainer, require_captum
from dfx.models.network import create_module
from dfx.records import DEEPFAKE, REAL, Preprocessing

SIZE = 64
PREPROCESSING = Preprocessing(SIZE)

LAYERS = {
    "test_efficientnet": "bn2",  # timm's BatchNormAct2d, activation included
    "test_resnet": "layer4",
    "test_convnext": "norm_pre",
}


@pytest.fixture(autouse=True)
def same_numbers() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        yield


def build(name: str, size: int = SIZE) -> nn.Module:
    module = create_module(name, image_size_px=size).eval()
    with torch.no_grad():
        for part in module.modules():  # as after a training; at first they change nothing
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.1)
                part.weight.uniform_(0.5, 1.5)
    return module


def draw(count: int = 3, size: int = SIZE) -> Tensor:
    generator = torch.Generator().manual_seed(2)
    return torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8, generator=generator)


def by_hand(module: nn.Module, layer: nn.Module, images: Tensor, labels: Sequence[int]) -> Tensor:
    """Grad-CAM as in equations 1 and 2 of the paper, image by image, of the margin."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> Tensor:
        kept.append(output)
        return output.clone()  # or an activation in place would change what is kept

    hook = layer.register_forward_hook(keep)
    maps = []
    for image, label in zip(images, labels, strict=True):
        kept.clear()
        logits = module(normalise(image[None], PREPROCESSING))[0]
        (gradient,) = torch.autograd.grad(logits[label] - logits[1 - label], kept[0])
        weights = gradient[0].mean(dim=(1, 2))
        maps.append(functional.relu(torch.einsum("c,chw->hw", weights, kept[0][0])).detach())
    hook.remove()
    return torch.stack(maps)


@pytest.mark.parametrize("name", LAYERS)
def test_map_is_that_of_the_formula(name: str) -> None:
    """For either label, and in a batch as one by one."""
    module, images = build(name), draw()
    layer = module.get_submodule(LAYERS[name])
    for labels in ([DEEPFAKE, REAL, DEEPFAKE], [REAL, DEEPFAKE, REAL]):
        expected = by_hand(module, layer, images, labels)
        found = Explainer(module, PREPROCESSING).explain(images, labels)

        assert (found.dtype, found.shape, found.device.type) == (torch.float32, (3, 2, 2), "cpu")
        assert found.min() >= 0
        assert expected.max() > 0
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5 * expected.max().item())


class Corner(nn.Module):
    """Says deepfake of what is bright in one quarter of the image, and sees nothing else."""

    def __init__(self, row: int, column: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 1, 8, stride=8, bias=False)
        nn.init.constant_(self.features.weight, 1 / 192)
        self.register_buffer("seen", torch.zeros(8, 8))
        self.seen[row : row + 4, column : column + 4] = 1
        self.act = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        seen = self.act(self.features(inputs) * self.seen)
        score = seen.flatten(1).sum(dim=1)
        return torch.stack([-score, score], dim=1)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 4), (4, 0), (4, 4)])
def test_heat_is_where_the_evidence_is(row: int, column: int) -> None:
    images = torch.full((1, 3, SIZE, SIZE), 250, dtype=torch.uint8)
    found = Explainer(Corner(row, column), PREPROCESSING).explain(images, [DEEPFAKE])[0]
    inside = torch.zeros(8, 8, dtype=torch.bool)
    inside[row : row + 4, column : column + 4] = True

    assert found[inside].min() > 0
    assert found[~inside].max() == 0


def test_nothing_speaks_for_the_other_label() -> None:
    """The map of what speaks against it is not shown upside down."""
    images = torch.full((1, 3, SIZE, SIZE), 250, dtype=torch.uint8)

    assert Explainer(Corner(0, 0), PREPROCESSING).explain(images, [REAL]).max() == 0


class Pooled(nn.Module):
    """Two numbers from a map by fixed factors."""

    def __init__(self, *factors: float) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 1, 8, stride=8, bias=False)
        nn.init.constant_(self.features.weight, 1 / 192)
        self.factors = factors

    def forward(self, inputs: Tensor) -> Tensor:
        score = self.features(inputs).mean(dim=(1, 2, 3))
        return torch.stack([score * factor for factor in self.factors], dim=1)


def test_what_raises_both_logits_alike_speaks_for_neither() -> None:
    images = torch.full((1, 3, SIZE, SIZE), 250, dtype=torch.uint8)
    explainer = Explainer(Pooled(5.0, 5.0), PREPROCESSING)

    assert explainer.explain(images, [DEEPFAKE]).max() == 0
    assert explainer.explain(images, [REAL]).max() == 0


def test_surest_verdict_has_a_map() -> None:
    """A softmax in front would make its gradient 0: exp(-4000) is."""
    images = torch.full((1, 3, SIZE, SIZE), 250, dtype=torch.uint8)

    assert Explainer(Pooled(-1000, 1000), PREPROCESSING).explain(images, [DEEPFAKE]).max() > 0


class AttentionHead(nn.Module):
    """Pools a map by attention between its places, as CLIP's ResNet does."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Identity()
        self.attention = nn.Softmax(dim=-1)

    def forward(self, features: Tensor) -> Tensor:
        tokens = self.tokens(features.flatten(2).transpose(1, 2))  # [b, n, c]
        shares = self.attention(tokens @ tokens.transpose(1, 2)[:, None])  # [b, 1, n, n]
        return (shares[:, 0] @ tokens).mean(dim=1)


def test_attention_in_a_head_is_no_map() -> None:
    """Though its matrix has the shape of one."""
    features = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.ReLU(inplace=True))
    module = nn.Sequential(features, AttentionHead(), nn.Linear(4, 2))

    assert Explainer(module, PREPROCESSING).explain(draw(1), [REAL]).shape == (1, 8, 8)


class Reused(nn.Module):
    """Has one activation for the map and for what is left of it."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 8, stride=8)
        self.act = nn.ReLU(inplace=True)
        self.classifier = nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        pooled = self.act(self.features(inputs)).mean(dim=(2, 3))
        logits: Tensor = self.classifier(self.act(pooled))
        return logits


def test_activation_used_again_on_pooled_features_is_passed_over() -> None:
    module = Reused()
    found = Explainer(module, PREPROCESSING).explain(draw(1), [REAL])

    torch.testing.assert_close(found, by_hand(module, module.features, draw(1), [REAL]))


@pytest.mark.parametrize("name", LAYERS)
def test_image_of_a_single_last_place_is_explained_by_an_earlier_layer(name: str) -> None:
    explainer = Explainer(build(name, 32), Preprocessing(32))

    assert explainer.explain(draw(1, 32), [DEEPFAKE]).shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("name", "shape"), [("test_vit", r"\[\d+, 64\]"), ("test_mambaout", r"\[5, 5, 64\]")]
)
def test_networks_without_maps_are_refused_with_what_they_have(name: str, shape: str) -> None:
    """Tokens, and channels that come last."""
    module = create_module(name, image_size_px=160)
    with pytest.raises(ConfigError, match=f"cannot explain a .* of shape {shape}.* maps") as caught:
        Explainer(module, Preprocessing(160))

    assert "without --explain" in str(caught.value.hint)


class WithToken(nn.Module):
    """Gives a map and what it concluded beside it, as PiT does."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 2, 8, stride=8)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(inputs)
        return features, features.mean(dim=(2, 3))


class ByToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = WithToken()

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.body(inputs)[1]
        return logits


def test_map_beside_what_decides_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot explain a ByToken"):
        Explainer(ByToken(), PREPROCESSING)


def test_network_that_pools_at_once_is_refused() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIZE * SIZE, 2))
    with pytest.raises(ConfigError, match="no features of more than one place"):
        Explainer(module, PREPROCESSING)


def describe(module: nn.Module) -> list[object]:
    return [
        *((part.training, len(part._forward_hooks), len(part._forward_pre_hooks))
          for part in module.modules()),
        *((p.requires_grad, p.grad is None, p.detach().clone().tolist())
          for p in module.parameters()),
        *(b.tolist() for b in module.buffers()),
    ]  # fmt: skip


def test_network_is_left_as_it_was() -> None:
    """Partly frozen and in training mode, which would also change what batch norm remembers."""
    module = build("test_efficientnet").train()
    module.get_submodule("blocks").eval().requires_grad_(False)
    before = describe(module)
    Explainer(module, PREPROCESSING).explain(draw(), [REAL, REAL, DEEPFAKE])

    assert describe(module) == before


class Refuses(Pooled):
    def forward(self, inputs: Tensor) -> Tensor:
        if inputs.abs().max() > 0:
            raise RuntimeError("out of memory")
        return super().forward(inputs)


def test_network_is_left_as_it_was_even_if_an_error_is_raised() -> None:
    module = Refuses(-1, 1).train()
    before = describe(module)
    with pytest.raises(RuntimeError, match="out of memory"):
        Explainer(module, PREPROCESSING).explain(draw(), [0, 1, 0])

    assert describe(module) == before


def test_modes_of_the_caller_make_no_difference() -> None:
    """Inference mode, mixed precision, training mode."""
    module, images, labels = build("test_efficientnet"), draw(), [REAL, DEEPFAKE, REAL]
    expected = Explainer(module, PREPROCESSING).explain(images, labels)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = Explainer(module.train(), PREPROCESSING).explain(images.clone(), labels)

    assert found.equal(expected)


def test_missing_package_is_named_before_anything_is_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    words = "--explain needs the package 'captum', which is not installed"
    with pytest.raises(ConfigError, match=words) as caught:
        require_captum()
    with pytest.raises(ConfigError, match=words):
        Explainer(nn.Module(), PREPROCESSING)

    assert caught.value.hint == "pip install 'dfx[explain]'"
