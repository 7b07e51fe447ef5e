"""Each change of pixels against what it is said to be, computed another way."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.ndimage import gaussian_filter

from dfx.data.degradation import (
    add_noise,
    blur,
    change_brightness,
    change_contrast,
    compress_jpeg,
    compress_webp,
    resize_there_and_back,
)
from dfx.errors import ImageError

Change = Callable[[Image.Image], Image.Image]

CHANGES: dict[str, Change] = {
    "jpeg": lambda image: compress_jpeg(image, 50),
    "webp": lambda image: compress_webp(image, 50),
    "blur": lambda image: blur(image, 3),
    "resize": lambda image: resize_there_and_back(image, 0.25),
    "noise": lambda image: add_noise(image, 10, np.random.default_rng(0)),
    "brightness": lambda image: change_brightness(image, 0.7),
    "contrast": lambda image: change_contrast(image, 1.3),
}

LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Table K.1 of the JPEG standard, ITU-T T.81."""


def noise(height: int, width: int, *, grey: bool = False) -> Image.Image:
    """Of full range, so that no error can hide."""
    rng = np.random.default_rng([height, width])
    samples = rng.integers(0, 256, (height, width, 1 if grey else 3), dtype=np.uint8)
    return Image.fromarray(np.broadcast_to(samples, (height, width, 3)).copy())


def soft(height: int, width: int) -> Image.Image:
    """Smooth shapes, well within the range."""
    rng = np.random.default_rng([width, height])
    samples = gaussian_filter(rng.normal(size=(height, width, 3)), (2, 2, 0))
    return Image.fromarray((samples / samples.std() * 30 + 128).clip(0, 255).astype(np.uint8))


def values(image: Image.Image) -> NDArray[np.float64]:
    return np.asarray(image, dtype=np.float64)


def rms(difference: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.square(difference).mean()))


@pytest.mark.parametrize("name", CHANGES)
@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3), (17, 33)])
def test_images_of_any_size_keep_it(name: str, size: tuple[int, int]) -> None:
    image = noise(*size)
    before = image.tobytes()
    found = CHANGES[name](image)

    assert (found.mode, found.size) == ("RGB", image.size)
    assert image.tobytes() == before


class TestJpeg:
    @pytest.mark.parametrize("quality", [30, 50, 80])
    def test_coefficients_lie_on_the_grid_of_the_standard(self, quality: int) -> None:
        """Only a real codec of that quality puts them there; rounding pixels moves them by 0.29."""
        scale = 5000 / quality if quality < 50 else 200 - 2 * quality
        steps = np.clip((np.array(LUMINANCE) * scale + 50) // 100, 1, 255)
        grey = soft(64, 64).convert("L").convert("RGB")
        residuals = []
        for image in (grey, compress_jpeg(grey, quality)):
            blocks = values(image)[..., 0].reshape(8, 8, 8, 8).transpose(0, 2, 1, 3) - 128
            coefficients = dctn(blocks, axes=(2, 3), norm="ortho")
            residual = coefficients - steps * np.round(coefficients / steps)
            residuals.append(rms(residual[np.abs(coefficients) > steps / 2]))

        assert residuals[0] > 1
        assert residuals[1] < 0.35

    @pytest.mark.parametrize("quality", [30, 90, 100])
    def test_is_what_pillow_writes_by_default(self, quality: int) -> None:
        """Which most files on the web were written by, or as."""
        image, file = noise(33, 47), io.BytesIO()
        image.save(file, "JPEG", quality=quality)

        assert np.array_equal(values(compress_jpeg(image, quality)), values(Image.open(file)))

    def test_colour_has_half_the_resolution(self) -> None:
        """Columns of red and cyan, alike in luma, lose their colour, which 4:4:4 would keep."""
        columns = np.zeros((64, 64, 3), np.uint8)
        columns[:, ::2], columns[:, 1::2] = (200, 60, 60), (60, 118, 118)
        found = values(compress_jpeg(Image.fromarray(columns), 95))[8:-8, 8:-8]

        assert np.abs(found[..., 0] - found[..., 1]).mean() < 50

    def test_what_the_codec_cannot_take_is_an_error(
        self, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert compress_jpeg(Image.new("RGB", (65_500, 1)), 90).size == (65_500, 1)
        with pytest.raises(ImageError, match=r"^65501 × 1 pixels, where JPEG allows 65,500 a"):
            compress_jpeg(Image.new("RGB", (65_501, 1)), 90)
        assert capfd.readouterr() == ("", "")


class TestWebp:
    @pytest.mark.parametrize("quality", [50, 80])
    def test_is_what_pillow_writes_by_default(self, quality: int) -> None:
        image, file = noise(33, 47), io.BytesIO()
        image.save(file, "WEBP", quality=quality)
        found = values(compress_webp(image, quality))

        assert np.array_equal(found, values(Image.open(file)))
        assert rms(found - values(image)) > 5

    def test_a_side_that_is_too_long_is_an_error(self) -> None:
        assert compress_webp(Image.new("RGB", (1, 16_383)), 80).size == (1, 16_383)
        with pytest.raises(ImageError, match=r"^1 × 16384 pixels, where WEBP allows 16,383 a"):
            compress_webp(Image.new("RGB", (1, 16_384)), 80)


@pytest.mark.parametrize("name", ["jpeg", "webp"])
def test_metadata_has_no_part_in_it(name: str) -> None:
    """A comment or profile that is too long for the new file would be an error of the image."""
    bare, laden = noise(16, 16), noise(16, 16)
    laden.info = {"comment": b"x" * 70_000, "icc_profile": b"y" * 70_000, "exif": b"z" * 70_000}
    found = CHANGES[name](laden)

    assert found.tobytes() == CHANGES[name](bare).tobytes()
    assert {"comment", "icc_profile", "exif"}.isdisjoint(found.info)
    assert len(laden.info) == 3


class TestBlur:
    @pytest.mark.parametrize(("sigma", "error"), [(0.5, 1.25), (1, 1.0), (2, 0.7), (3, 0.6)])
    def test_is_a_gaussian_within_the_stated_error(self, sigma: float, error: float) -> None:
        """Of noise of full range, the worst case; the blur itself changes it by 30 to 73."""
        image = noise(96, 96)
        expected = gaussian_filter(values(image), (sigma, sigma, 0), mode="nearest", truncate=8)
        inside = slice(int(4 * sigma) + 2, -int(4 * sigma) - 2)
        found = (values(blur(image, sigma)) - expected)[inside, inside]

        assert rms(found) < error
        assert np.abs(found).max() < 5

    def test_has_the_variance_it_is_told(self) -> None:
        """Told by the profile of a step, whose slope is the kernel."""
        step = np.zeros((1, 200, 3), np.uint8)
        step[:, 100:] = 255
        for sigma in (1, 2, 3):
            kernel = np.diff(values(blur(Image.fromarray(step), sigma))[0, :, 0]) / 255
            places = np.arange(199) - 99

            assert kernel.sum() == pytest.approx(1)
            assert (kernel * places**2).sum() == pytest.approx(sigma**2, rel=0.05)


class TestResize:
    @pytest.mark.parametrize("scale", [0.75, 0.5, 0.25])
    def test_is_bilinear_and_antialiased_there_and_back(self, scale: float) -> None:
        """As torch has it without rounding; Pillow rounds after each of four passes."""
        image = noise(40, 56)
        pixels = torch.from_numpy(values(image)).permute(2, 0, 1)[None]
        small = (round(40 * scale), round(56 * scale))
        for size in (small, (40, 56)):
            pixels = torch.nn.functional.interpolate(
                pixels, size, mode="bilinear", antialias=True, align_corners=False
            )
        difference = (
            values(resize_there_and_back(image, scale)) - pixels[0].permute(1, 2, 0).numpy()
        )

        assert np.abs(difference).max() <= 2
        assert rms(difference) < 0.6


class TestNoise:
    def test_is_normal_and_independent(self) -> None:
        grey = Image.new("RGB", (200, 200), (128, 128, 128))
        added = values(add_noise(grey, 5, np.random.default_rng(1))) - 128
        channels = added.reshape(-1, 3)

        # Rounding adds a variance of 1/12. The bounds are five standard errors.
        assert added.var() == pytest.approx(25 + 1 / 12, rel=5 * np.sqrt(2 / added.size))
        assert abs(added.mean()) < 5 * 5 / np.sqrt(added.size)
        assert (np.abs(np.corrcoef(channels.T) - np.eye(3)) < 5 / 200).all()
        assert (added**4).mean() / added.var() ** 2 == pytest.approx(3, rel=0.05)

    def test_is_cut_off_and_never_wraps(self) -> None:
        for level in (0, 255):
            flat = Image.new("RGB", (64, 64), (level,) * 3)
            found = values(add_noise(flat, 10, np.random.default_rng(2)))

            assert np.abs(found - level).max() < 60
            assert 0.4 < (found == level).mean() < 0.6


@pytest.mark.parametrize("factor", [0.7, 1.3])
class TestLight:
    """Of a product that is a whole number float32 may fall short, and loses one then."""

    def test_brightness_scales_and_cuts_off(self, factor: float) -> None:
        image = noise(20, 20)
        expected = np.minimum(values(image) * factor, 255)

        self.check_cut(values(change_brightness(image, factor)), expected)

    def test_contrast_scales_the_distance_from_the_mean_grey(self, factor: float) -> None:
        image = noise(20, 20)
        mean = np.floor(values(image.convert("L")).mean() + 0.5)
        expected = np.clip(mean + (values(image) - mean) * factor, 0, 255)

        self.check_cut(values(change_contrast(image, factor)), expected)

    def check_cut(self, found: NDArray[np.float64], expected: NDArray[np.float64]) -> None:
        assert np.all((found == np.floor(expected - 1e-4)) | (found == np.floor(expected + 1e-4)))
