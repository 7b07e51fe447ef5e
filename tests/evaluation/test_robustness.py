"""The suite: what its version stands for, and that a change depends on nothing but the image."""

from __future__ import annotations

import hashlib
import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import PIL
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from dfx.data.index import ListedImage
from dfx.data.loading import ImageChange, ImageDataset, ImageLoader
from dfx.evaluation.robustness import (
    RESAVED,
    RESAVED_TWIN,
    SUITE,
    Condition,
    ConditionChange,
    library_versions,
    suite_parameters,
)

BY_NAME = {condition.name: condition for condition in SUITE}
DIGEST_1 = "804030b85e5271ca33d4e02489dff729c90d0da5097437bd710ea98a8131f4a0"

KEYS = tuple(hashlib.sha256(bytes([number])).hexdigest() for number in range(7))


def picture(seed: int = 0, *, side: int = 64) -> Image.Image:
    """Smooth shapes under a little grain."""
    rng = np.random.default_rng(seed)
    shapes = gaussian_filter(rng.normal(size=(side, side, 3)), (3, 3, 0))
    samples = shapes / shapes.std() * 40 + 128 + rng.normal(size=shapes.shape) * 4
    return Image.fromarray(samples.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[ListedImage, ...]:
    folder = tmp_path_factory.mktemp("pictures")
    listed = []
    for number in range(len(KEYS)):
        path = folder / f"{number}.png"
        picture(number, side=20 + number).save(path)
        listed.append(ListedImage(f"real/{path.name}", path, number % 2, 1, 1))
    return tuple(listed)


def test_is_what_was_promised() -> None:
    levels: dict[str, list[float]] = {}
    for condition in SUITE:
        levels.setdefault(condition.family, []).append(condition.level)

    assert levels == {
        "jpeg": [95, 90, 80, 70, 60, 50, 30],
        "webp": [80, 50],
        "blur": [0.5, 1, 2, 3],
        "resize": [0.75, 0.5, 0.25],
        "noise": [2, 5, 10],
        "brightness": [0.7, 1.3],
        "contrast": [0.7, 1.3],
        "resaved": [90],
    }
    assert len(BY_NAME) == len({condition.title for condition in SUITE}) == len(SUITE)


def test_version_1_stays_what_it_is() -> None:
    """Whoever changes the suite raises its version, and only then writes a new digest here."""
    text = json.dumps(suite_parameters(), sort_keys=True, separators=(",", ":"), allow_nan=False)

    assert suite_parameters()["version"] == 1
    assert hashlib.sha256(text.encode()).hexdigest() == DIGEST_1


def test_noise_of_version_1_stays_what_it_is() -> None:
    """Key and generator; numpy could change its normal numbers only with a notice."""
    grey = Image.new("RGB", (3, 1), (128, 128, 128))
    found = np.asarray(BY_NAME["noise-10"].apply(grey, key=KEYS[0]))

    assert found.ravel().tolist() == [132, 139, 138, 129, 127, 130, 121, 118, 107]


@pytest.mark.parametrize("family", ["jpeg", "webp", "blur", "resize", "noise"])
def test_stronger_is_further_from_the_image(family: str) -> None:
    """By the mean square error of several pictures, as the peak signal-to-noise ratio has it."""
    errors = []
    for condition in (c for c in SUITE if c.family == family):
        differences = [
            np.asarray(picture(i), np.float64)
            - np.asarray(condition.apply(picture(i), key=KEYS[i]))
            for i in range(4)
        ]
        errors.append(np.square(differences).mean())

    assert len(errors) > 1
    assert errors[0] > 0
    assert all(weaker < stronger for weaker, stronger in pairwise(errors))


def test_noise_is_a_function_of_condition_and_key_and_nothing_else_is_of_the_key() -> None:
    for condition in SUITE:
        first, again, other = (
            condition.apply(picture(), key=key).tobytes() for key in (KEYS[0], KEYS[0], KEYS[1])
        )

        assert first == again
        assert (first != other) == (condition.family == "noise")

    weak, strong = (
        np.asarray(BY_NAME[name].apply(picture(), key=KEYS[0]), np.float64) - np.asarray(picture())
        for name in ("noise-5", "noise-10")
    )
    assert abs(np.corrcoef(weak.ravel(), strong.ravel())[0, 1]) < 0.05


def test_saved_anew_is_jpeg_90() -> None:
    """So that one scoring does for both."""
    found = [c.apply(picture(), key=KEYS[0]).tobytes() for c in (RESAVED, RESAVED_TWIN)]

    assert found[0] == found[1]
    assert RESAVED.level == RESAVED_TWIN.level


@pytest.mark.parametrize("size", [(1, 1), (3, 500), (500, 3)])
def test_takes_the_smallest_images(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, (10, 120, 240))

    for condition in SUITE:
        assert condition.apply(image, key=KEYS[0]).size == size


def test_an_unknown_family_is_an_error() -> None:
    with pytest.raises(ValueError, match="unknown family 'fog'"):
        Condition("fog-1", "fog", 1, "fog").apply(picture(), key="")


class TestThroughTheLoader:
    def load(
        self,
        images: tuple[ListedImage, ...],
        change: ImageChange,
        *,
        workers: int = 0,
        batch_size: int = 4,
    ) -> tuple[dict[str, bytes], list[tuple[int, str]]]:
        dataset = ImageDataset(images, image_size_px=24, change=change, tolerant=True)
        found: dict[str, bytes] = {}
        failed: list[tuple[int, str]] = []
        with ImageLoader(
            dataset, batch_size=batch_size, workers=workers, pin_memory=False
        ) as loader:
            for batch in loader.batches():
                failed += batch.failed
                for index, pixels in zip(batch.indices, batch.images, strict=True):
                    found[images[index].name] = pixels.numpy().tobytes()
        return found, failed

    @pytest.mark.parametrize("name", ["noise-5", "webp-50"])
    def test_pixels_depend_on_neither_workers_nor_batches_nor_order(
        self, name: str, images: tuple[ListedImage, ...]
    ) -> None:
        condition = BY_NAME[name]
        expected, _ = self.load(images, ConditionChange(condition, KEYS))
        backwards = ConditionChange(condition, KEYS[::-1])

        assert len(expected) == len(set(expected.values())) == len(KEYS)
        assert expected == self.load(images, ConditionChange(condition, KEYS), workers=3)[0]
        assert expected == self.load(images[::-1], backwards, workers=1, batch_size=2)[0]

    def test_can_be_sent_to_a_worker(self, images: tuple[ListedImage, ...]) -> None:
        """Where processes are not forked, as on macOS."""
        change = ConditionChange(BY_NAME["noise-10"], KEYS)
        sent = pickle.loads(pickle.dumps(change))

        assert sent == change
        assert sent(picture(), 2).tobytes() == change(picture(), 2).tobytes()

    @pytest.mark.parametrize("workers", [0, 1])
    def test_what_a_codec_cannot_take_is_left_out_and_named(
        self, workers: int, images: tuple[ListedImage, ...], tmp_path: Path
    ) -> None:
        path = tmp_path / "long.png"
        Image.new("RGB", (16_384, 1)).save(path)
        more = (images[0], ListedImage("real/long.png", path, 0, 1, 1), images[1])
        change = ConditionChange(BY_NAME["webp-80"], KEYS)
        found, failed = self.load(more, change, workers=workers)

        assert set(found) == {images[0].name, images[1].name}
        assert failed == [(1, "16384 × 1 pixels, where WEBP allows 16,383 a side")]


def test_versions_of_what_changes_the_images() -> None:
    found = library_versions()

    assert found["Pillow"] == PIL.__version__
    assert found["numpy"] == np.__version__
    assert len(found) == 4
    assert found["libwebp"][0].isdigit()
    assert next(found[name] for name in found if name.startswith("libjpeg"))[0].isdigit()
