"""A weights file is complete, comes back as it was, and is read without running anything."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dfx.config import ExperimentConfig
from dfx.errors import WeightsError
from dfx.models.network import create_module
from dfx.models.weights import VERSION, Weights, dump_weights, load_weights, read_tensors
from dfx.records import Preprocessing
from dfx.records.prediction import ImageProfile, Span

REVISIONS = sorted((Path(__file__).parent / "revisions").glob("weights-*.pt"))


def make_weights(**changes: Any) -> Weights:
    torch.manual_seed(3)
    weights = Weights(
        architecture="test_resnet",
        preprocessing=Preprocessing(64, mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)),
        state=create_module("test_resnet", image_size_px=64).state_dict(),
        threshold=math.nextafter(0.3, 1),
        temperature=1.7,
        run="b4/2",
        run_uuid="01234567-89ab-cdef-0123-456789abcdef",
        epoch=3,
        step=120,
        precision="bfloat16",
        metrics={"accuracy": 0.9, "auc": None},
        config=ExperimentConfig().flat(),
        training_images=ImageProfile(
            images=4,
            shorter_side_px=Span(90, 256.5),
            size_px=Span(96, 256),
            aspect=Span(0.75, 1.5),
            jpeg_quality=None,
            formats={"JPEG": 3, "PNG": 1},
        ),
    )
    return replace(weights, **changes)


def write(path: Path, weights: Weights | None = None, **changes: Any) -> Path:
    """Writes a weights file, with keys of its content replaced; None takes a key out."""
    path.write_bytes(dump_weights(weights or make_weights()))
    if changes:
        content = torch.load(path, weights_only=True)
        content.update(changes)
        torch.save({key: value for key, value in content.items() if value is not None}, path)
    return path


class TestRoundTrip:
    def test_everything_comes_back(self, tmp_path: Path) -> None:
        weights = make_weights()
        found = load_weights(write(tmp_path / "w.pt", weights))

        for field in fields(Weights):
            if field.name != "state":
                assert getattr(found, field.name) == getattr(weights, field.name)
        assert list(found.state) == list(weights.state)
        assert all(found.state[key].equal(weights.state[key]) for key in weights.state)

    def test_the_network_is_ready_to_judge(self, tmp_path: Path) -> None:
        """From the file alone, in evaluation mode, to the bit."""
        torch.manual_seed(9)
        module = create_module("test_resnet", image_size_px=64)
        images = torch.randn(3, 3, 64, 64)
        module(images)
        weights = make_weights(state=module.state_dict())
        built = load_weights(write(tmp_path / "w.pt", weights)).build()

        assert not built.training
        assert built(images).equal(module.eval()(images))

    def test_names_its_classes(self, tmp_path: Path) -> None:
        content = torch.load(write(tmp_path / "w.pt"), weights_only=True)

        assert content["class_names"] == ["real", "deepfake"]
        assert content["format"] == "dfx-weights"

    @given(st.floats(1e-12, 1, exclude_max=True), st.floats(0.05, 20))
    @settings(
        max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_threshold_and_temperature_keep_every_bit(
        self, tmp_path: Path, threshold: float, temperature: float
    ) -> None:
        weights = make_weights(threshold=threshold, temperature=temperature, state={})
        found = load_weights(write(tmp_path / "w.pt", weights))

        assert (found.threshold, found.temperature) == (threshold, temperature)


class TestOlderVersions:
    @pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.name)
    def test_can_be_used(self, path: Path) -> None:
        """Each file was written by the dfx of its version."""
        weights = load_weights(path)

        assert (weights.run, weights.epoch, weights.training_images) == ("small/1", 1, None)
        assert weights.build()(torch.zeros(1, 3, 32, 32)).shape == (1, 2)

    def test_there_is_one_of_each(self) -> None:
        versions = [torch.load(path, weights_only=True)["version"] for path in REVISIONS]

        assert versions == list(range(1, VERSION))


class TestRefused:
    def test_of_a_newer_version(self, tmp_path: Path) -> None:
        path = write(tmp_path / "w.pt", version=VERSION + 1)

        with pytest.raises(WeightsError, match=f"has version {VERSION + 1}; this dfx reads") as e:
            load_weights(path)

        assert "upgrade" in (e.value.hint or "")

    @pytest.mark.parametrize("size", [0, 1, 100, 5000, -1, -500])
    def test_truncated(self, size: int, tmp_path: Path) -> None:
        path = write(tmp_path / "w.pt")
        path.write_bytes(path.read_bytes()[:size])

        with pytest.raises(WeightsError, match=f"{path} cannot be read"):
            load_weights(path)

    def test_a_state_dict_of_anybody(self, tmp_path: Path) -> None:
        torch.save({"weight": torch.zeros(1)}, tmp_path / "w.pt")

        with pytest.raises(WeightsError, match="is not a weights file of dfx") as caught:
            load_weights(tmp_path / "w.pt")

        assert "dfx run --weights" in (caught.value.hint or "")

    def test_missing(self, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=r"w\.pt' does not exist"):
            load_weights(tmp_path / "w.pt")

    @pytest.mark.parametrize(
        "changed",
        [
            {"architecture": 3},
            {"state": [1]},
            {"config": None},
            {"threshold": "0.5"},
            {"threshold": float("nan")},
            {"temperature": 0.0},
            {"temperature": None},
            {"preprocessing": {"image_size_px": 0, "mean": (0, 0, 0), "std": (1, 1, 1)}},
            {"preprocessing": {"image_size_px": 32, "mean": (0, 0), "std": (1, 1, 1)}},
            {"preprocessing": {"image_size_px": 32, "mean": (0, 0, 0), "std": (1, 0, 1)}},
        ],
        ids=str,
    )
    def test_values_that_nothing_can_be_computed_with(
        self, changed: dict[str, Any], tmp_path: Path
    ) -> None:
        write(tmp_path / "w.pt")
        content = torch.load(tmp_path / "w.pt", weights_only=True)
        torch.save({**content, **changed}, tmp_path / "w.pt")

        with pytest.raises(WeightsError, match="damaged weights file"):
            load_weights(tmp_path / "w.pt")

    @pytest.mark.parametrize(
        "key", ["version", "class_names", "threshold", "preprocessing", "state", "temperature"]
    )
    def test_incomplete(self, key: str, tmp_path: Path) -> None:
        path = write(tmp_path / "w.pt", **{key: None})

        with pytest.raises(WeightsError, match=f"damaged weights file: KeyError '{key}'"):
            load_weights(path)

    def test_with_other_classes(self, tmp_path: Path) -> None:
        """Reversed outputs would call every real image a deepfake."""
        path = write(tmp_path / "w.pt", class_names=["deepfake", "real"])

        with pytest.raises(WeightsError, match="tells deepfake from real by its outputs"):
            load_weights(path)

    def test_with_tensors_of_another_architecture(self) -> None:
        weights = make_weights(architecture="test_vit")

        with pytest.raises(WeightsError, match="weights of b4/2 do not fit timm's test_vit") as e:
            weights.build()

        assert "version of timm" in (e.value.hint or "")


SMALL = dump_weights(make_weights(state={"w": torch.arange(4.0)}))


class TestArbitraryBytes:
    @given(st.binary(max_size=200))
    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_are_an_error_in_words(self, tmp_path: Path, data: bytes) -> None:
        self.read(tmp_path, data)

    @given(st.data())
    @settings(
        max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_flipped_bits_are_an_error_in_words_or_harmless(
        self, tmp_path: Path, data: st.DataObject
    ) -> None:
        broken = bytearray(SMALL)
        for _ in range(data.draw(st.integers(1, 4))):
            broken[data.draw(st.integers(0, len(broken) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        self.read(tmp_path, bytes(broken))

    def read(self, folder: Path, data: bytes) -> None:
        path = folder / "w.pt"
        path.write_bytes(data)
        try:
            read_tensors(path)
            load_weights(path)
        except WeightsError:
            return
