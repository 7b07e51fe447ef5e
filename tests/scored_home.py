"""A home with a small trained run that is sometimes wrong, and its data with a test split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dfx.records import Run
from dfx.services.configure import configure
from dfx.services.train import start_run

COUNTS = {"train": 16, "val": 24, "test": 20}
"""Images of each class and split."""


def draw_faces(folder: Path, counts: Mapping[str, int] = COUNTS) -> Path:
    """Real images are noise; of five deepfakes four have stripes. They lie in `a` and `b`."""
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        for class_name in ("real", "deepfake"):
            for number in range(count):
                pixels = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
                place = folder / split / class_name
                if class_name == "deepfake":
                    place /= "ab"[number % 2]
                    if number % 5:
                        pixels[:, ::2] //= 2
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels).save(place / f"{number:02d}.png")
    return folder


def train_run(folder: Path, **settings: Any) -> Run:
    """Trains `small/1` on `folder/faces`, which is drawn, and keeps it in `folder/runs`."""
    draw_faces(folder / "faces")
    chosen = {
        "data.root": str(folder / "faces"),
        "data.batch_size": 8,
        "data.image_size": 32,
        "data.workers": 0,
        "evaluate.threshold": "balanced",
        "model.name": "test_efficientnet",
        "model.pretrained": False,
        "optim.lr": 3e-3,
        "train.device": "cpu",
        "train.epochs": 3,
        "train.threads": torch.get_num_threads(),
        **{key.replace("__", "."): value for key, value in settings.items()},
    }
    configuration = configure(
        "small",
        file=None,
        settings=[f"{key}={_typed(value)}" for key, value in chosen.items()],
        flags={},
    )
    return start_run(configuration, home=folder / "runs", notify=lambda _: None)


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
