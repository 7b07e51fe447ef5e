"""The weights a run starts from: exactly those asked for, or an error with the ways on."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from dfx.errors import ConfigError, WeightsError
from dfx.models.initial import Network, build_network

WriteWeights = Callable[..., Path]


def build(name: str = "test_resnet", **options: Any) -> Network:
    settings = {
        "image_size_px": 64,
        "drop_rate": 0.0,
        "drop_path_rate": 0.0,
        "pretrained": False,
        "weights_file": None,
        "seed": 5,
        **options,
    }
    return build_network(name, **settings)


def digest(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


class TestRandom:
    def test_the_seed_decides_the_weights(self) -> None:
        states = [build(seed=seed).module.state_dict() for seed in (1, 1, 2)]

        assert all(states[0][key].equal(states[1][key]) for key in states[0])
        assert not states[0]["fc.weight"].equal(states[2]["fc.weight"])

    def test_says_so(self) -> None:
        network = build()

        assert network.weights == {"source": "random"}
        assert network.module.training
        assert network.module.fc.weight.shape[0] == 2  # type: ignore[union-attr, index]


class TestWeightsFile:
    @pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors"])
    def test_an_imagenet_file_is_adapted(
        self, name: str, write_weights: WriteWeights, imagenet_state: dict[str, Tensor]
    ) -> None:
        """All but the last layer is the file's, to the bit; the last layer is drawn by the seed."""
        path = write_weights(name)
        network = build(weights_file=str(path))
        state = network.module.state_dict()

        assert all(
            state[key].equal(imagenet_state[key]) for key in state if not key.startswith("fc.")
        )
        assert state["fc.weight"].shape == (2, imagenet_state["fc.weight"].shape[1])
        assert state["fc.weight"].equal(
            build(weights_file=str(path)).module.state_dict()["fc.weight"]
        )
        assert network.weights == {
            "source": "file",
            "path": str(path),
            "sha256": digest(path),
            "last_layer": "random",
        }

    @pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "state"])
    def test_wrapped_ones_are_unwrapped(
        self, key: str, tmp_path: Path, imagenet_state: dict[str, Tensor]
    ) -> None:
        path = tmp_path / "w.pth"
        torch.save({key: imagenet_state, "epoch": 7}, path)
        state = build(weights_file=str(path)).module.state_dict()

        assert state["bn1.weight"].equal(imagenet_state["bn1.weight"])
        assert state["layer1.0.conv1.weight"].equal(imagenet_state["layer1.0.conv1.weight"])

    def test_two_outputs_are_kept(self, write_weights: WriteWeights) -> None:
        before = build(seed=1).module.state_dict()
        network = build(seed=2, weights_file=str(write_weights("w.pth", dict(before))))
        after = network.module.state_dict()

        assert all(before[key].equal(after[key]) for key in before)
        assert network.weights["last_layer"] == "loaded"

    def test_parallel_ones_lose_their_prefix(
        self, write_weights: WriteWeights, imagenet_state: dict[str, Tensor]
    ) -> None:
        prefixed = {f"module.{key}": tensor for key, tensor in imagenet_state.items()}
        state = build(weights_file=str(write_weights("w.pth", prefixed))).module.state_dict()

        assert state["bn1.weight"].equal(imagenet_state["bn1.weight"])

    def test_of_a_network_with_two_last_layers(self, write_weights: WriteWeights) -> None:
        """Distilled transformers average two; both are replaced."""
        import timm

        name = "deit_tiny_distilled_patch16_224"
        torch.manual_seed(1)
        published = dict(timm.create_model(name, img_size=32).state_dict())
        path = write_weights("w.pth", published)
        network = build(name, image_size_px=32, weights_file=str(path))
        state = network.module.state_dict()

        assert network.weights["last_layer"] == "random"
        assert state["head.weight"].shape[0] == state["head_dist.weight"].shape[0] == 2
        assert state["blocks.0.attn.qkv.weight"].equal(published["blocks.0.attn.qkv.weight"])

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    def test_of_another_architecture(self, name: str, write_weights: WriteWeights) -> None:
        path = write_weights(name)

        with pytest.raises(
            WeightsError, match="does not hold weights of test_vit: lacks"
        ) as caught:
            build("test_vit", weights_file=str(path))

        assert str(path) in str(caught.value)
        assert "--arch" in (caught.value.hint or "")

    def test_with_a_tensor_of_another_shape(
        self, write_weights: WriteWeights, imagenet_state: dict[str, Tensor]
    ) -> None:
        path = write_weights("w.pth", {**imagenet_state, "bn1.weight": torch.zeros(3)})

        with pytest.raises(WeightsError, match=r"bn1\.weight is \[3\] instead of \[\d+\]"):
            build(weights_file=str(path))

    def test_with_a_tensor_missing_or_too_many(
        self, write_weights: WriteWeights, imagenet_state: dict[str, Tensor]
    ) -> None:
        """Never loaded in part."""
        state = {key: tensor for key, tensor in imagenet_state.items() if key != "bn1.weight"}
        path = write_weights("w.pth", {**state, "extra": torch.zeros(1)})

        with pytest.raises(WeightsError, match=r"lacks bn1\.weight; has extra \(1 missing, 1 unk"):
            build(weights_file=str(path))


class Malicious:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


class TestBadWeightsFiles:
    @pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.safetensors", "w"])
    @pytest.mark.parametrize(
        "content", [b"", b"just text\n" * 50, b"PK\3\4 no archive", b"\x80\x04.", bytes(500)]
    )
    def test_are_refused_in_words(self, name: str, content: bytes, tmp_path: Path) -> None:
        path = tmp_path / name
        path.write_bytes(content)

        with pytest.raises(WeightsError, match="cannot be read as") as caught:
            build(weights_file=str(path))

        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        assert "weights_only=False" not in f"{caught.value} {caught.value.hint}"

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    def test_missing(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match="does not exist"):
            build(weights_file=str(tmp_path / name))

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    def test_a_folder(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).mkdir()

        with pytest.raises(WeightsError, match=name):
            build(weights_file=str(tmp_path / name))

    @pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
    def test_truncated(self, name: str, write_weights: WriteWeights) -> None:
        path = write_weights(name)
        path.write_bytes(path.read_bytes()[:-1000])

        with pytest.raises(WeightsError, match=name):
            build(weights_file=str(path))

    @pytest.mark.parametrize("legacy", [False, True])
    def test_one_that_would_run_code_does_not(self, legacy: bool, tmp_path: Path) -> None:
        """The same file does run it when loaded the unsafe way, so the test can fail."""
        path, proof = tmp_path / "w.pth", tmp_path / "proof"
        if legacy:
            path.write_bytes(pickle.dumps({"weight": Malicious(proof)}))
        else:
            torch.save({"weight": Malicious(proof)}, path)

        with pytest.raises(WeightsError, match=r"asks for|holds other things"):
            build(weights_file=str(path))

        assert not proof.exists()
        if legacy:
            pickle.loads(path.read_bytes())
        else:
            torch.load(path, weights_only=False)
        assert proof.exists()

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ([1, 2], "holds list; expected names with tensors"),
            ({}, "holds no state dict"),
            ({"epoch": 3}, "holds no state dict"),
            ({"state_dict": {}}, "holds no state dict"),
            (torch.zeros(3), "holds Tensor; expected"),
        ],
    )
    def test_without_a_state_dict(self, content: object, words: str, tmp_path: Path) -> None:
        path = tmp_path / "w.pth"
        torch.save(content, path)

        with pytest.raises(WeightsError, match=words):
            build(weights_file=str(path))


BUILD = """
import json, sys
from dfx.errors import DfxError
from dfx.models.initial import build_network
try:
    network = build_network(sys.argv[1], image_size_px=64, drop_rate=0.0, drop_path_rate=0.0,
                            pretrained=True, weights_file=None, seed=5)
except DfxError as error:
    print(json.dumps({"error": str(error), "hint": error.hint, "code": error.exit_code}))
else:
    state = network.module.state_dict()
    print(json.dumps({**network.weights, "bn1": state["bn1.weight"].tolist(),
                      "mean": float(state["layer1.0.conv1.weight"].double().mean()),
                      "outputs": len(state["fc.weight"])}))
"""


def build_elsewhere(home: Path, name: str = "test_resnet", **environment: str) -> dict[str, Any]:
    """Builds a pretrained network in a process of its own, whose hub and cache are these."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGINGFACE"))}
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", BUILD, name],
        env={**inherited, "HF_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert ended.returncode == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


class TestPublished:
    def test_are_downloaded_once(
        self, hub: Any, tmp_path: Path, imagenet_state: dict[str, Tensor]
    ) -> None:
        """By the real client; the next run finds them in its cache, with the server gone."""
        served = next(iter(hub.files.values()))
        first = build_elsewhere(tmp_path / "hf", HF_ENDPOINT=hub.url)
        asked = len(hub.asked)
        hub.stop()
        again = build_elsewhere(tmp_path / "hf", HF_ENDPOINT=hub.url)

        assert first == {
            "source": "timm",
            "timm": first["timm"],
            "architecture": "test_resnet",
            "tag": "r160_in1k",
            "hub": "timm/test_resnet.r160_in1k",
            "file": "model.safetensors",
            "sha256": "sha256:" + hashlib.sha256(served).hexdigest(),
            "bn1": imagenet_state["bn1.weight"].tolist(),
            "mean": float(imagenet_state["layer1.0.conv1.weight"].double().mean()),
            "outputs": 2,
        }
        assert asked > 0
        assert again == first

    def test_out_of_reach(self, tmp_path: Path) -> None:
        """Never a random start: the two ways on are named."""
        result = build_elsewhere(tmp_path / "hf", HF_HUB_OFFLINE="1")

        assert "published weights of test_resnet cannot be downloaded" in result["error"]
        assert "--weights FILE" in result["hint"] and "--no-pretrained" in result["hint"]
        assert result["code"] == 2 and "\n" not in result["error"]

    def test_of_a_server_that_refuses(self, hub: Any, tmp_path: Path) -> None:
        hub.files.clear()
        result = build_elsewhere(tmp_path / "hf", HF_ENDPOINT=hub.url)

        assert "published weights of test_resnet cannot be downloaded" in result["error"]
        assert "--no-pretrained" in result["hint"]

    def test_of_a_connection_that_breaks(self, hub: Any, tmp_path: Path) -> None:
        """Half a file is no file: nothing of it is taken for weights afterwards."""
        hub.cut = 100_000
        result = build_elsewhere(tmp_path / "hf", HF_ENDPOINT=hub.url)

        assert "published weights of test_resnet cannot be downloaded" in result["error"]
        assert result["code"] == 2
        assert list((tmp_path / "hf").rglob("model.safetensors")) == []

    def test_that_are_no_weights(self, hub: Any, tmp_path: Path) -> None:
        hub.files = dict.fromkeys(hub.files, b"<html>log in first</html>" * 9)
        result = build_elsewhere(tmp_path / "hf", HF_ENDPOINT=hub.url)

        assert "published weights of test_resnet were downloaded damaged" in result["error"]
        assert "model.safetensors" in result["hint"] and "--no-pretrained" in result["hint"]

    def test_of_an_architecture_that_no_hub_has(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A few come from a plain address; torch's own cache of those counts too."""
        import timm

        state = timm.create_model("gcvit_xxtiny").state_dict()
        url = str(timm.get_pretrained_cfg("gcvit_xxtiny").url)
        file = tmp_path / "checkpoints" / url.rpartition("/")[2]
        file.parent.mkdir()
        torch.save(state, file)
        monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
        network = build("gcvit_xxtiny", image_size_px=224, pretrained=True)

        assert network.weights["hub"] == url
        assert network.weights["sha256"] == digest(file)

    def test_of_an_architecture_without_any(self) -> None:
        with pytest.raises(WeightsError, match="no published weights of test_coatnet") as caught:
            build("test_coatnet", pretrained=True)

        assert "--no-pretrained" in (caught.value.hint or "")


class TestImageSize:
    def test_one_that_the_architecture_cannot_take(self) -> None:
        """Said before the images are read, not by a traceback at the first step."""
        with pytest.raises(ConfigError, match="image_size is 100, which test_vit cannot") as caught:
            build("test_vit", image_size_px=100)

        assert caught.value.hint == "its own size is 160: --set data.image_size=160"

    def test_trying_it_changes_nothing(self) -> None:
        """Neither the mode nor the batch-norm statistics."""
        network = build()

        assert network.module.training
        assert network.module.state_dict()["bn1.running_mean"].abs().sum() == 0
        assert network.module.state_dict()["bn1.num_batches_tracked"] == 0
