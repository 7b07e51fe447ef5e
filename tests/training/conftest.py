"""Loaders over the images that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from dfx.data.index import ListedImage, list_split

from .loop_samples import (
    Loaders,
    open_loader,
)


@pytest.fixture(scope="module")
def listed(faces: Path) -> tuple[tuple[ListedImage, ...], tuple[ListedImage, ...]]:
    """32 images to train on and 16 to validate on."""
    return list_split(faces, "train", limit=None), list_split(faces, "val", limit=None)


@pytest.fixture
def loaders(
    listed: tuple[tuple[ListedImage, ...], tuple[ListedImage, ...]],
) -> Loaders:
    return open_loader(listed[0]), open_loader(listed[1])
