"""What exported weights say of themselves, the same in an ONNX file and in timm's `config.json`."""

from __future__ import annotations

from typing import Any

from dfx import __version__
from dfx.models.weights import Weights
from dfx.records import CLASS_NAMES

VERSION = 1
"""Version of the layout. Raise it when a key comes, moves or changes meaning."""

RESIZE = "the whole image to image_size_px × image_size_px, bicubic, antialiased"


def describe_weights(weights: Weights) -> dict[str, Any]:
    """Plain values, enough to judge an image without dfx.

    A pixel of 0 to 255 becomes `(pixel * scale - mean) / std`; an image is a deepfake from
    `threshold` on, which p_deepfake of the logits divided by `temperature` is compared with.
    """
    preprocessing = weights.preprocessing
    return {
        "version": VERSION,
        "class_names": list(CLASS_NAMES),
        "image_size_px": preprocessing.image_size_px,
        "resize": RESIZE,
        "scale": 1 / 255,
        "mean": list(preprocessing.mean),
        "std": list(preprocessing.std),
        "threshold": weights.threshold,
        "temperature": weights.temperature,
        "run": weights.run,
        "run_uuid": weights.run_uuid,
        "epoch": weights.epoch,
        "architecture": weights.architecture,
        "dfx_version": __version__,
    }
