"""Labelled folders of small drawn images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DrawSplit = Callable[..., Path]


@pytest.fixture
def draw_split() -> DrawSplit:
    """Draws a split of distinct images: `draw_split(root, "train", real=3, fake=2)`."""

    def draw(root: Path, split: str = "train", **classes: int) -> Path:
        for name, count in classes.items():
            folder = root / split / name
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(count):
                rng = np.random.default_rng([number, *f"{split}/{name[-4:]}".encode()])
                samples = rng.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(samples).save(folder / f"{number}.png")
        return root

    return draw
