"""Networks with two outputs, and what a frozen backbone keeps."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dfx.errors import ConfigError
from dfx.models.network import (
    check_architecture,
    create_module,
    find_settings,
    freeze_backbone,
    last_layer,
)


class TestArchitecture:
    @pytest.mark.parametrize("name", ["efficientnet_b4", "efficientnet_b4.ra2_in1k", "test_vit"])
    def test_known_ones(self, name: str) -> None:
        check_architecture(name)

    @pytest.mark.parametrize(
        ("name", "near"), [("efficientnetb4", "efficientnet_b4"), ("resnet5", "resnet50")]
    )
    def test_an_unknown_one_names_the_nearest(self, name: str, near: str) -> None:
        with pytest.raises(ConfigError, match=f"'{name}', which timm .* does not know") as caught:
            check_architecture(name)

        assert near in (caught.value.hint or "")

    def test_one_like_no_other(self) -> None:
        with pytest.raises(ConfigError) as caught:
            create_module("%%%", image_size_px=64)

        assert caught.value.hint == "see timm.list_models()"

    def test_an_unknown_tag_names_the_known(self) -> None:
        with pytest.raises(ConfigError, match="no weights tagged 'ra3_in1k'") as caught:
            check_architecture("efficientnet_b4.ra3_in1k")

        assert caught.value.hint == "known are efficientnet_b4.ra2_in1k"

    def test_a_tag_where_there_are_none(self) -> None:
        with pytest.raises(ConfigError) as caught:
            check_architecture("test_coatnet.in1k")

        assert caught.value.hint == "leave the tag out"

    def test_a_renamed_one_is_found_under_its_new_name(self) -> None:
        """`xception`, the classic of deepfake detection, is `legacy_xception` now."""
        settings = find_settings("xception")

        assert settings is not None
        assert settings.architecture == "legacy_xception" and settings.has_weights

    def test_an_encoder_without_a_last_layer_is_refused(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The real ones are too large to build here."""
        monkeypatch.setattr("timm.create_model", lambda *_args, **_options: nn.Flatten())

        with pytest.raises(ConfigError, match="an encoder without a last layer"):
            create_module("test_vit", image_size_px=32)


class TestModule:
    @pytest.mark.parametrize(
        ("name", "size"),
        [("test_resnet", 64), ("test_vit", 32), ("test_efficientnet", 48), ("test_convnext", 64)],
    )
    def test_gives_two_logits(self, name: str, size: int) -> None:
        """At the size asked for, architectures of fixed input size too."""
        module = create_module(name, image_size_px=size).eval()

        assert module(torch.zeros(3, 3, size, size)).shape == (3, 2)

    def test_the_reference_network(self) -> None:
        module = create_module("efficientnet_b4", image_size_px=64, drop_path_rate=0.2).eval()

        assert module(torch.zeros(1, 3, 64, 64)).shape == (1, 2)
        assert sum(p.numel() for p in module.parameters()) == pytest.approx(17.55e6, rel=0.01)

    @pytest.mark.parametrize(
        ("name", "key"), [("test_efficientnet", "drop_rate"), ("test_vit", "drop_path_rate")]
    )
    def test_drops_what_was_asked_for(self, name: str, key: str) -> None:
        """In training mode, and only there."""
        module = create_module(name, image_size_px=64, **{key: 0.5})  # type: ignore[arg-type]
        images = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
        module.train()
        for layer in module.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        torch.manual_seed(0)

        assert not module(images).equal(module(images))
        assert module.eval()(images).equal(module(images))

    @pytest.mark.parametrize(("name", "key"), [("vgg11", "drop_path_rate")])
    def test_what_the_architecture_lacks(self, name: str, key: str) -> None:
        with pytest.raises(ConfigError, match=f"model.{key} is 0.1, but {name} has no") as caught:
            create_module(name, image_size_px=64, **{key: 0.1})  # type: ignore[arg-type]

        assert f"--set model.{key}=0" in (caught.value.hint or "")


class TestFreezing:
    @pytest.mark.parametrize(
        "name", ["test_resnet", "test_efficientnet", "test_vit", "deit_tiny_distilled_patch16_224"]
    )
    def test_leaves_the_last_layer_alone_trainable(self, name: str) -> None:
        module = create_module(name, image_size_px=32)
        freeze_backbone(module, frozen=True)
        trainable = {n for n, p in module.named_parameters() if p.requires_grad}

        assert trainable
        assert all(n.split(".")[0] in {"fc", "classifier", "head", "head_dist"} for n in trainable)
        freeze_backbone(module, frozen=False)
        assert all(p.requires_grad for p in module.parameters())
        assert all(m.training for m in module.modules())

    def test_keeps_batch_norm_statistics_and_drops_nothing(self) -> None:
        module = create_module(
            "test_efficientnet", image_size_px=64, drop_rate=0.5, drop_path_rate=0.5
        )
        before = {key: tensor.clone() for key, tensor in module.state_dict().items()}
        freeze_backbone(module, frozen=True)
        images = torch.randn(4, 3, 64, 64)
        outputs = [module(images) for _ in range(2)]

        assert outputs[0].equal(outputs[1])
        assert all(module.state_dict()[key].equal(before[key]) for key in before)
        freeze_backbone(module, frozen=False)
        module(images)
        assert not module.state_dict()["bn1.running_mean"].equal(before["bn1.running_mean"])

    def test_finds_both_of_two_last_layers(self) -> None:
        module = create_module("deit_tiny_distilled_patch16_224", image_size_px=32)

        assert sum(p.numel() for p in last_layer(module).parameters()) == 2 * (192 * 2 + 2)
