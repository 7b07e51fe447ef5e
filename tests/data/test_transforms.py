"""Preprocessing against the reference implementations, and each augmentation by itself."""

from __future__ import annotations

from dataclasses import fields, replace
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torchvision import transforms as reference

from dfx.data import transforms
from dfx.data.randomness import sample_generator
from dfx.data.transforms import Augmentation, normalise, prepare
from dfx.records import Preprocessing

NONE = Augmentation(
    horizontal_flip=0,
    rotation_degrees=0,
    brightness=0,
    contrast=0,
    jpeg=0,
    blur=0,
    resize=0,
    noise=0,
)
ALL = Augmentation(
    horizontal_flip=0.5,
    rotation_degrees=10,
    brightness=0.2,
    contrast=0.2,
    jpeg=0.5,
    blur=0.5,
    resize=0.5,
    noise=0.5,
)
FULLY = {
    "horizontal_flip": 1.0,
    "rotation_degrees": 30.0,
    "brightness": 0.5,
    "contrast": 0.5,
    "jpeg": 1.0,
    "blur": 1.0,
    "resize": 1.0,
    "noise": 1.0,
}


def picture(width: int = 48, height: int = 48) -> Image.Image:
    """Smooth shapes with an edge, neither symmetric nor grey."""
    y, x = np.mgrid[:height, :width]
    samples = np.stack([4 * x % 256, 5 * y % 256, np.where(x > 20, 200, 40)], axis=2)
    return Image.fromarray(samples.astype(np.uint8))


def apply(augmentation: Augmentation, index: int = 0, image: Image.Image | None = None) -> Tensor:
    rng = sample_generator(seed=0, epoch=1, index=index)
    return augmentation.apply(image or picture(), rng, 48)


class TestPrepare:
    @pytest.mark.parametrize("size", [(48, 48), (100, 60), (20, 30), (1, 1), (3, 200)])
    def test_is_torchvisions_antialiased_bicubic_resize(self, size: tuple[int, int]) -> None:
        """Of the whole image, its proportions let go."""
        image = picture(*size)
        expected = reference.Resize((48, 48), reference.InterpolationMode.BICUBIC, antialias=True)(
            image
        )

        assert prepare(image, 48).equal(reference.PILToTensor()(expected))

    def test_is_8_bit_and_channels_first(self) -> None:
        found = prepare(Image.new("RGB", (10, 10), (1, 2, 3)), 32)

        assert (found.dtype, found.shape) == (torch.uint8, (3, 32, 32))
        assert found[:, 5, 5].tolist() == [1, 2, 3]

    def test_antialiases(self) -> None:
        """A fine chequerboard becomes grey, not a coarse chequerboard."""
        board = Image.fromarray((np.indices((96, 96)).sum(0) % 2 * 255).astype(np.uint8))
        found = prepare(board.convert("RGB"), 32).float()

        assert found[:, 2:-2, 2:-2].sub(127.5).abs().max() < 20


class TestNormalise:
    def test_is_torchvisions(self) -> None:
        preprocessing = Preprocessing(48)
        images = torch.stack([prepare(picture(), 48), prepare(picture(90, 30), 48)])
        steps = reference.Compose(
            [reference.ToTensor(), reference.Normalize(preprocessing.mean, preprocessing.std)]
        )
        expected = torch.stack([steps(i.permute(1, 2, 0).numpy()) for i in images])

        assert normalise(images, preprocessing).equal(expected)

    def test_leaves_its_input_alone(self) -> None:
        images = prepare(picture(), 48).unsqueeze(0)
        before = images.clone()
        normalise(images, Preprocessing(48))

        assert images.equal(before)

    def test_of_the_defaults(self) -> None:
        black = normalise(torch.zeros(1, 3, 1, 1, dtype=torch.uint8), Preprocessing(1))

        assert black.flatten().tolist() == pytest.approx(
            [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
        )


class TestAugmentation:
    @pytest.mark.parametrize("size", [(48, 48), (90, 31)])
    def test_with_all_off_is_prepare(self, size: tuple[int, int]) -> None:
        image = picture(*size)

        for index in range(5):
            assert apply(NONE, index, image).equal(prepare(image, 48))

    @pytest.mark.parametrize("name", FULLY)
    def test_each_changes_the_pixels_by_itself(self, name: str) -> None:
        """And differs between samples, unless it is certain and has no strength."""
        augmentation = replace(NONE, **{name: FULLY[name]})
        found = [apply(augmentation, index) for index in range(3)]

        assert all(not pixels.equal(prepare(picture(), 48)) for pixels in found)
        assert found[0].equal(found[1]) == (name == "horizontal_flip")

    @pytest.mark.parametrize("name", ["horizontal_flip", "jpeg", "blur", "resize", "noise"])
    def test_probabilities_are_kept(self, name: str) -> None:
        """At 0.3, between a fifth and two fifths of 400 samples are changed (p < 1e-4 to fail)."""
        augmentation = replace(NONE, **{name: 0.3})
        plain = prepare(picture(), 48)
        changed = sum(not apply(augmentation, index).equal(plain) for index in range(400))

        assert 80 < changed < 160

    def test_a_flip_mirrors_left_and_right(self) -> None:
        found = apply(replace(NONE, horizontal_flip=1))

        assert found.equal(prepare(picture(), 48).flip(2))

    def test_rotation_stays_within_its_degrees(self) -> None:
        """A spot at the right edge's middle moves up and down, no further than the angle allows."""
        spot = Image.new("RGB", (97, 97))
        spot.paste((255, 255, 255), (88, 47, 91, 50))
        angles = []
        for index in range(60):
            rng = sample_generator(seed=0, epoch=1, index=index)
            turned = replace(NONE, rotation_degrees=10).apply(spot, rng, 97)[0].float()
            y, x = np.unravel_index(int(turned.argmax()), (97, 97))
            angles.append(np.degrees(np.arctan2(48 - y, x - 48)))

        assert min(angles) < -6 and max(angles) > 6
        assert np.abs(angles).max() < 12

    @pytest.mark.parametrize("name", ["brightness", "contrast"])
    def test_brightness_and_contrast_stay_within_their_fraction(self, name: str) -> None:
        """Brightness scales the samples; contrast scales their distance from the mean grey."""
        image = Image.new("RGB", (48, 48), (50, 50, 50))
        image.paste((150, 150, 150), (24, 0, 48, 48))
        factors = []
        for index in range(200):
            found = apply(replace(NONE, **{name: 0.2}), index, image)[0].float()
            dark, bright = found[0, 0], found[0, -1]
            factors.append(
                float(bright - dark) / 100 if name == "contrast" else float(bright) / 150
            )

        assert 0.79 < min(factors) < 0.83
        assert 1.17 < max(factors) < 1.21

    def test_noise_is_as_strong_as_said(self) -> None:
        """σ is uniform in 0 to 10, so that its mean square is 100 / 3."""
        image = Image.new("RGB", (48, 48), (128, 128, 128))
        squares = [
            float((apply(replace(NONE, noise=1), index, image).float() - 128).square().mean())
            for index in range(150)
        ]

        assert np.sqrt(max(squares)) < 10.5
        assert 26 < np.mean(squares) < 41

    @pytest.mark.parametrize(
        ("name", "place", "low", "high"),
        [
            ("jpeg", "compress_jpeg", 30, 100),
            ("blur", "blur", 0, 3),
            ("resize", "resize_there_and_back", 0.25, 1),
            ("noise", "add_noise", 0, 10),
        ],
    )
    def test_degradations_fill_their_range_and_stay_within(
        self, monkeypatch: pytest.MonkeyPatch, name: str, place: str, low: float, high: float
    ) -> None:
        """Quality, σ in pixels, scale, σ in 256ths: as their descriptions say."""
        real = attrgetter(place)(transforms)
        drawn: list[float] = []

        def note(*arguments: Any) -> Any:
            drawn.append(next(x for x in arguments if isinstance(x, float | int)))
            return real(*arguments)

        monkeypatch.setattr(f"dfx.data.transforms.{place}", note)
        augmentation = replace(NONE, **{name: 1})
        for index in range(300):
            apply(augmentation, index)
        span = high - low

        assert len(drawn) == 300
        assert low <= min(drawn) < low + 0.05 * span
        assert high - 0.05 * span < max(drawn) <= high

    @pytest.mark.parametrize("turned_on", [field.name for field in fields(Augmentation)])
    def test_turning_one_on_leaves_the_draws_of_the_others(self, turned_on: str) -> None:
        """After it, the generator stands where it would stand anyway."""
        for augmentation in (NONE, replace(NONE, **{turned_on: FULLY[turned_on]})):
            rng = sample_generator(seed=0, epoch=1, index=0)
            augmentation.apply(picture(), rng, 48)
            state = rng.bit_generator.state
            if augmentation is NONE:
                expected = state

        np.testing.assert_equal(state, expected)

    def test_a_flip_with_and_without_blur_is_of_the_same_samples(self) -> None:
        flip = replace(NONE, horizontal_flip=0.5)
        white_left = Image.new("RGB", (48, 48))
        white_left.paste((255, 255, 255), (0, 0, 20, 48))
        flipped = [
            [bool(apply(a, i, white_left)[0, 24, -1] > 100) for i in range(40)]
            for a in (flip, replace(flip, blur=1, jpeg=1, resize=1, noise=1))
        ]

        assert flipped[0] == flipped[1]
        assert 8 < sum(flipped[0]) < 32

    @given(st.integers(1, 70), st.integers(1, 70), st.integers(0, 2**32))
    @settings(max_examples=60, deadline=None)
    def test_takes_images_of_any_size(self, width: int, height: int, index: int) -> None:
        rng = sample_generator(seed=0, epoch=1, index=index)
        augmentation = replace(ALL, jpeg=1, blur=1, resize=1, noise=1)
        found = augmentation.apply(picture(width, height), rng, 32)

        assert (found.dtype, found.shape) == (torch.uint8, (3, 32, 32))
