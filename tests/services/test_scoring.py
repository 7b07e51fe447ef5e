"""Scores are the same however they are computed, and no more than scores is kept."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scored_home import draw_faces

from dfx.data.index import ListedImage, list_split
from dfx.errors import ImageError, WeightsError
from dfx.messages import Counting
from dfx.models.network import create_module
from dfx.records import Preprocessing
from dfx.services.scoring import Scorer

SIZE = 32


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[ListedImage, ...]:
    root = draw_faces(tmp_path_factory.mktemp("scored"), {"val": 40})
    return list_split(root, "val", limit=None)


@pytest.fixture(scope="module")
def module() -> Iterator[torch.nn.Module]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield create_module("test_efficientnet", image_size_px=SIZE).eval()


def build(module: torch.nn.Module, *, batch_size: int = 8, workers: int = 0) -> Scorer:
    return Scorer(
        module=module,
        device=torch.device("cpu"),
        preprocessing=Preprocessing(SIZE),
        precision="float32",
        batch_size=batch_size,
        workers=workers,
    )


def ignore(_: Counting) -> None:
    pass


@pytest.mark.parametrize(("batch_size", "workers"), [(1, 0), (7, 2), (80, 1)])
def test_batches_and_workers_change_no_probability(
    module: torch.nn.Module, images: tuple[ListedImage, ...], batch_size: int, workers: int
) -> None:
    """By more than 1e-5, in float32."""
    scores, _ = build(module).score(images, text="", notify=ignore)
    others, _ = build(module, batch_size=batch_size, workers=workers).score(
        images, text="", notify=ignore
    )

    assert np.array_equal(scores.indices, others.indices)
    assert np.abs(scores.p_deepfake() - others.p_deepfake()).max() < 1e-5
    assert np.ptp(scores.p_deepfake()) > 1e-3  # there is something to be told apart


@pytest.mark.parametrize("workers", [0, 2])
def test_unreadable_images_are_named_and_the_others_scored(
    module: torch.nn.Module, images: tuple[ListedImage, ...], tmp_path: Path, workers: int
) -> None:
    """Also a whole batch of them, and one that only a change cannot take."""
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    listed = [images[0], *[ListedImage("real/x.png", broken, 0, 8, 0)] * 3, *images[1:4]]

    def refuse(image: Image.Image, place: int) -> Image.Image:
        if place == 5:
            raise ImageError("too large for the codec")
        return image

    scores, failed = build(module, batch_size=2, workers=workers).score(
        listed, text="", notify=ignore, change=refuse
    )

    assert scores.indices.tolist() == [0, 4, 6]
    assert len(scores.logits) == 3
    assert dict(failed)[5] == "too large for the codec"
    assert {place: reason for place, reason in failed if place < 5} == dict.fromkeys(
        (1, 2, 3), "not an image"
    )


def test_no_more_is_kept_than_the_scores(
    module: torch.nn.Module, images: tuple[ListedImage, ...]
) -> None:
    """What tensors hold while scoring grows by what the scores take, not by the images."""
    most: dict[int, int] = {}

    def measure(count: int) -> None:
        def look(_: Counting) -> None:
            gc.collect()
            # Those of a compiler that another test has used have no memory.
            kinds = {torch.Tensor, torch.nn.Parameter}
            tensors = [each for each in gc.get_objects() if type(each) in kinds]
            tensors = [each for each in tensors if each.layout is torch.strided]
            held = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
            most[count] = max(most.get(count, 0), sum(held.values()))

        scorer = build(module, batch_size=4)
        list_of = (images * (count // len(images) + 1))[:count]
        # Told at the end always, whatever the time between.
        scorer.score(list_of, text="", notify=look)

    for count in (8, 80, 400):
        measure(count)
    one_image = 3 * SIZE * SIZE

    assert most[400] - most[80] < 320 * one_image / 10
    assert most[400] - most[80] <= 5 * (most[80] - most[8]) + 4 * one_image


def test_numbers_that_are_not_finite_are_no_scores(images: tuple[ListedImage, ...]) -> None:
    module = create_module("test_efficientnet", image_size_px=SIZE).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.fill_(float("nan"))

    with pytest.raises(WeightsError, match=r"80 of 80 images are not finite"):
        build(module).score(images, text="", notify=ignore)


def test_progress_ends_with_all_images(
    module: torch.nn.Module, images: tuple[ListedImage, ...]
) -> None:
    told: list[Counting] = []
    build(module).score(images, text="Scoring", notify=told.append)

    assert told[-1] == Counting("Scoring", 80, 80)
