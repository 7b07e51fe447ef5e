"""One weights file says the same from the command line, from Python and as ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from pinned import PINNED, WEIGHTS, draw

from dfx import Detector

from .conftest import Command


def test_all_ways_give_the_pinned_probabilities(dfx: Command, folder: Path) -> None:
    """To 1e-4, though each reads, prepares and computes by itself."""
    paths = [f"{number}.png" for number in range(len(PINNED))]
    for number, path in enumerate(paths):
        Image.fromarray(draw(number)).save(path)
    told = ("--device", "cpu", "--precision", "float32", "--format", "json")
    by_command = dfx("predict", *paths, "--weights", WEIGHTS, *told).json()
    by_python = Detector.load(WEIGHTS, device="cpu", precision="float32").predict(paths)
    exported = dfx("export", WEIGHTS, "detector.onnx", "--to", "onnx")
    session = onnxruntime.InferenceSession("detector.onnx")
    about = session.get_modelmeta().custom_metadata_map
    size = int(about["image_size_px"])
    pictures = [Image.open(path).resize((size, size), Image.Resampling.BICUBIC) for path in paths]
    pixels = np.stack([np.asarray(picture, np.float32) / 255 for picture in pictures])
    mean, std = (np.float32(json.loads(about[name])) for name in ("mean", "std"))
    images = ((pixels - mean) / std).transpose(0, 3, 1, 2)
    (by_onnx,) = session.run(["p_deepfake"], {"images": images})

    assert exported.code == 0, exported.stderr
    assert [row["p_deepfake"] for row in by_command] == pytest.approx(PINNED, abs=1e-4)
    assert [each.p_deepfake for each in by_python] == pytest.approx(PINNED, abs=1e-4)
    assert by_onnx.tolist() == pytest.approx(PINNED, abs=1e-4)
