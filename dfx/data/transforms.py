"""From a decoded image to the network's input, with augmentation for training.

`prepare` and `normalise` are the whole preprocessing of evaluation and prediction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from dfx.data.degradation import (
    add_noise,
    blur,
    change_brightness,
    change_contrast,
    compress_jpeg,
    resize_there_and_back,
)
from dfx.records import Preprocessing


def prepare(image: Image.Image, image_size_px: int) -> Tensor:
    """Resizes the whole image (bicubic, antialiased).

    Returns:
        uint8 [3, h, w], h and w being `image_size_px`.
    """
    if image.size != (image_size_px, image_size_px):
        image = image.resize((image_size_px, image_size_px), Image.Resampling.BICUBIC)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def normalise(images: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Scales to [0, 1] and normalises per channel, on the device the images are on.

    Args:
        images: uint8 [b, 3, h, w].
        preprocessing: The mean and the standard deviation.

    Returns:
        float32 [b, 3, h, w].
    """
    mean = device_constant(preprocessing.mean, images.device).view(3, 1, 1)
    std = device_constant(preprocessing.std, images.device).view(3, 1, 1)
    return images.float().div_(255).sub_(mean).div_(std)


@lru_cache(maxsize=64)
def device_constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Some numbers as float32 [n] on a device, copied there once: each copy would wait for it."""
    with torch.inference_mode(mode=False):
        return torch.tensor(values, device=device)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Random changes to a training image; the fields are those of `AugmentConfig`.

    JPEG, blur, resizing and noise work on the decoded image, as a platform would (Wang et al.,
    "CNN-generated images are surprisingly easy to spot… for now", CVPR 2020); the rest on the
    resized one. Every draw happens whether or not it is used, so that turning one change on leaves
    the others as they were.
    """

    horizontal_flip: float
    rotation_degrees: float
    brightness: float
    contrast: float
    jpeg: float
    blur: float
    resize: float
    noise: float

    def degrade(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Blur, resizing, noise and JPEG compression of a decoded image."""
        blurred, sigma = rng.random(), rng.uniform(0, 3)
        resized, scale = rng.random(), rng.uniform(0.25, 1)
        noisy, strength, noise_key = rng.random(), rng.uniform(0, 10), rng.integers(2**63)
        compressed, quality = rng.random(), int(rng.integers(30, 101))
        if blurred < self.blur:
            image = blur(image, sigma)
        if resized < self.resize:
            image = resize_there_and_back(image, scale)
        if noisy < self.noise:
            image = add_noise(image, strength, np.random.default_rng(noise_key))
        if compressed < self.jpeg:
            image = compress_jpeg(image, quality)
        return image

    def distort(self, image: Image.Image, rng: np.random.Generator) -> Image.Image:
        """Flip, rotation, brightness and contrast of a resized image."""
        flip = rng.random()
        angle = rng.uniform(-self.rotation_degrees, self.rotation_degrees)
        brightness = rng.uniform(1 - self.brightness, 1 + self.brightness)
        contrast = rng.uniform(1 - self.contrast, 1 + self.contrast)
        if flip < self.horizontal_flip:
            image = ImageOps.mirror(image)
        if self.rotation_degrees:
            image = image.rotate(angle, Image.Resampling.BILINEAR)
        if self.brightness:
            image = change_brightness(image, brightness)
        if self.contrast:
            image = change_contrast(image, contrast)
        return image

    def apply(self, image: Image.Image, rng: np.random.Generator, image_size_px: int) -> Tensor:
        """All of it.

        Returns:
            uint8 [3, h, w], h and w being `image_size_px`.
        """
        image = self.degrade(image, rng)
        size = (image_size_px, image_size_px)
        if image.size != size:
            image = image.resize(size, Image.Resampling.BICUBIC)
        return prepare(self.distort(image, rng), image_size_px)
