"""What is written for timm is, loaded by timm, the same network, and tells all that dfx knows."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
import timm
import torch
from safetensors import safe_open

from dfx.errors import ConfigError, WeightsError
from dfx.models.account import describe_weights
from dfx.models.safetensors_folder import (
    check_folder,
    load_folder,
    require_folders,
    write_folder,
)
from dfx.models.weights import Weights

sys.path.insert(0, str(Path(__file__).parent))

from portable_samples import MEAN, STD, make_weights


@pytest.fixture(scope="module")
def weights() -> Weights:
    return make_weights()


@pytest.fixture
def folder(tmp_path: Path, weights: Weights) -> Path:
    write_folder(weights, tmp_path)
    return tmp_path


def test_timm_makes_the_same_network_of_it(folder: Path, weights: Weights) -> None:
    """By its own words, to the bit; the names of the classes are those of the outputs."""
    images = torch.randn(2, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    module = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()

    assert module(images).equal(weights.build()(images))
    assert module.pretrained_cfg["label_names"] == ["real", "deepfake"]
    assert check_folder(weights, load_folder(folder)) == 0


def test_an_architecture_of_fixed_size_is_built_for_its_own(tmp_path: Path) -> None:
    weights = make_weights("test_vit", 64)
    write_folder(weights, tmp_path)
    module = load_folder(tmp_path)

    assert module.patch_embed.img_size == (64, 64)  # type: ignore[union-attr]
    assert check_folder(weights, module) == 0


def test_configuration_has_what_timm_asks_for(folder: Path, weights: Weights) -> None:
    """The keys of timm's own files, and those of dfx apart from them."""
    config = json.loads((folder / "config.json").read_text())

    assert config.pop("dfx") == {"format": "dfx-safetensors", **describe_weights(weights)}
    assert config == {
        "architecture": "test_efficientnet",
        "num_classes": 2,
        "num_features": 256,
        "global_pool": "avg",
        "label_names": ["real", "deepfake"],
        "pretrained_cfg": {
            "custom_load": False,
            "input_size": [3, 40, 40],
            "fixed_input_size": False,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "squash",
            "mean": list(MEAN),
            "std": list(STD),
            "num_classes": 2,
            "pool_size": None,
            "first_conv": "conv_stem",
            "classifier": "classifier",
        },
    }


def test_timm_can_give_it_other_outputs(folder: Path) -> None:
    """As somebody does who goes on training it."""
    module = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=5)

    assert module(torch.zeros(1, 3, 40, 40)).shape == (1, 5)


def test_others_may_read_the_tensors(folder: Path) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    with safe_open(folder / "model.safetensors", "pt") as file:
        metadata = file.metadata()

    assert modes["model.safetensors"] == modes["config.json"]
    assert metadata == {"format": "pt"}


def test_tensors_that_share_their_memory_are_written_each(tmp_path: Path, weights: Weights) -> None:
    """The format refuses them as they are."""
    state = dict(weights.state)
    name = "blocks.0.0.bn1.weight"
    state["blocks.0.0.bn1.bias"] = state[name] = torch.ones_like(state[name])
    shared = make_weights(state=state)
    write_folder(shared, tmp_path)

    assert check_folder(shared, load_folder(tmp_path)) == 0


def test_other_tensors_are_noticed(folder: Path, weights: Weights) -> None:
    changed = {**weights.state, "classifier.bias": weights.state["classifier.bias"] + 1e-3}
    with pytest.raises(WeightsError, match=r"its logits are off by 0\.001; expected at most 1e-06"):
        check_folder(make_weights(state=changed), load_folder(folder))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_what_timm_cannot_load_is_refused(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"not this")
    with pytest.raises(WeightsError, match=f"timm {timm.__version__} does not load what was"):
        load_folder(folder)


@pytest.mark.parametrize(("version", "knows"), [("1.0.15", False), ("1.0.16rc1", True)])
def test_timm_must_know_such_folders(
    version: str, *, knows: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timm, "__version__", version)
    if knows:
        require_folders()
        return
    with pytest.raises(ConfigError, match=r"needs timm 1\.0\.16 or newer.* is timm 1\.0\.15") as e:
        require_folders()

    assert e.value.hint == "pip install 'timm>=1.0.16'"
