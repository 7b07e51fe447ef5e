"""Verdicts are explained into a folder, one picture each, with sheets of them all."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dfx.data.decode import decode_image
from dfx.data.transforms import prepare
from dfx.errors import ConfigError
from dfx.evaluation.explanation import Explainer
from dfx.messages import Notice
from dfx.models.network import create_module
from dfx.models.weights import Weights
from dfx.records import DEEPFAKE, REAL, Preprocessing
from dfx.records.prediction import UNCERTAIN, Explanation, Prediction
from dfx.services.explain import PER_SHEET, ExplanationFolder

SIZE = 64


def make_weights(architecture: str = "test_efficientnet", size: int = SIZE) -> Weights:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        state = create_module(architecture, image_size_px=size).state_dict()
    return Weights(
        architecture=architecture,
        preprocessing=Preprocessing(size),
        state=state,
        threshold=0.4,
        temperature=1.0,
        run="b4/2",
        run_uuid="01234567-89ab-cdef-0123-456789abcdef",
        epoch=3,
        step=120,
        precision="bfloat16",
        metrics={},
        config={},
    )


WEIGHTS = make_weights()


def predict(path: Path, p: float | None = 0.9, **changes: Any) -> Prediction:
    label = None if p is None else ("Real", "Deepfake")[p >= WEIGHTS.threshold]
    made = Prediction(str(path), label, p, p, WEIGHTS.threshold, WEIGHTS.run, WEIGHTS.epoch)
    return replace(made, **changes)


class Pictures:
    """Renders into a small PNG file, and keeps what it was given."""

    def __init__(self) -> None:
        self.explained: list[Explanation] = []
        self.sheets: list[tuple[int | None, list[str]]] = []
        self.notices: list[Notice] = []
        buffer = io.BytesIO()
        Image.new("L", (4, 3)).save(buffer, "PNG")
        self.png = buffer.getvalue()

    def render(self, explanation: Explanation) -> bytes:
        self.explained.append(explanation)
        return self.png

    def render_sheet(self, explanations: Sequence[Explanation], *, page: int | None) -> bytes:
        names = [Path(explanation.prediction.path or "").name for explanation in explanations]
        self.sheets.append((page, names))
        return self.png

    def open(self, folder: Path, weights: Weights = WEIGHTS) -> ExplanationFolder:
        return ExplanationFolder(
            weights,
            torch.device("cpu"),
            folder,
            render=self.render,
            render_sheet=self.render_sheet,
            notify=self.notices.append,
        )


@pytest.fixture
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    paths = [folder / f"{number:02}.png" for number in range(2 * PER_SHEET + 1)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.mark.parametrize(
    ("p", "label", "explained"),
    [
        (0.9, "Deepfake", DEEPFAKE),
        (0.1, "Real", REAL),
        (0.41, UNCERTAIN, DEEPFAKE),
        (0.39, UNCERTAIN, REAL),
    ],
)
def test_verdict_is_explained_as_the_network_sees_the_image(
    p: float, label: str, explained: int, images: list[Path], pictures: Pictures, tmp_path: Path
) -> None:
    """Of an uncertain one the class on whose side of the threshold it is."""
    prediction = predict(images[0], p, label=label)
    with pictures.open(tmp_path) as folder:
        path = folder.add(prediction)
    (explanation,) = pictures.explained
    pixels = prepare(decode_image(images[0]), SIZE)
    expected = Explainer(WEIGHTS.build(), WEIGHTS.preprocessing).explain(pixels[None], [explained])

    assert path == tmp_path / "00.png.explained.png"
    assert path.is_file()
    assert explanation.prediction is prediction
    assert explanation.explained == ("Real", "Deepfake")[explained]
    torch.testing.assert_close(torch.tensor([explanation.heat]), expected)
    with Image.open(io.BytesIO(explanation.picture)) as picture:
        assert torch.from_numpy(np.array(picture)).permute(2, 0, 1).equal(pixels)


def test_caller_may_be_in_inference_mode(
    images: list[Path], pictures: Pictures, tmp_path: Path
) -> None:
    with torch.inference_mode(), pictures.open(tmp_path) as folder:
        folder.add(predict(images[0]))
    with pictures.open(tmp_path) as folder:
        folder.add(predict(images[0]))
    within, without = pictures.explained

    assert within == without


@pytest.mark.parametrize(
    ("count", "sheets"),
    [
        (1, []),
        (2, [(None, 2)]),
        (PER_SHEET, [(None, PER_SHEET)]),
        (PER_SHEET + 1, [(1, PER_SHEET), (2, 1)]),
        (2 * PER_SHEET + 1, [(1, PER_SHEET), (2, PER_SHEET), (3, 1)]),
    ],
)
def test_more_than_one_image_has_contact_sheets(
    count: int,
    sheets: list[tuple[int | None, int]],
    images: list[Path],
    pictures: Pictures,
    tmp_path: Path,
) -> None:
    with pictures.open(tmp_path) as folder:
        for image in images[:count]:
            folder.add(predict(image))
    names = ["contact-sheet.png", "contact-sheet-2.png", "contact-sheet-3.png"][: len(sheets)]

    assert [(page, len(shown)) for page, shown in pictures.sheets] == sheets
    assert [name for _, shown in pictures.sheets for name in shown] == (
        [image.name for image in images[:count]] if count > 1 else []
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        *names,
        *(f"{image.name}.explained.png" for image in images[:count]),
    }


def test_no_more_than_a_page_is_kept(
    images: list[Path], pictures: Pictures, tmp_path: Path
) -> None:
    with pictures.open(tmp_path) as folder:
        for image in images[: 2 * PER_SHEET]:
            folder.add(predict(image))
        pictures.explained.clear()
        gc.collect()
        paths = set(map(str, images))
        alive = sum(
            type(thing) is Explanation and thing.prediction.path in paths
            for thing in gc.get_objects()
        )

    assert alive == PER_SHEET


def test_what_cannot_be_read_is_passed_over(
    images: list[Path], pictures: Pictures, tmp_path: Path
) -> None:
    """Without a word where the verdict says so already; with one where the image has changed."""
    gone = tmp_path / "gone.png"
    with pictures.open(tmp_path / "out") as folder:
        assert folder.add(predict(gone, None, error="not an image")) is None
        assert pictures.notices == []
        assert folder.add(predict(gone)) is None
        (notice,) = pictures.notices
        assert folder.add(replace(predict(images[0]), path=None)) is None
        assert folder.add(predict(images[0])) is not None

    assert notice == Notice(f"not explained: {gone}: No such file or directory", "warning")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["00.png.explained.png"]


def test_a_pipe_is_not_waited_for(pictures: Pictures, tmp_path: Path) -> None:
    """Its image went to the verdict, and no other may ever come."""
    os.mkfifo(tmp_path / "pipe")
    with pictures.open(tmp_path / "out") as folder:
        assert folder.add(predict(tmp_path / "pipe")) is None

    assert [notice.text for notice in pictures.notices] == [
        f"not explained: {tmp_path / 'pipe'}: a pipe, read to its end"
    ]


def test_what_was_written_is_said_at_the_end(
    images: list[Path], pictures: Pictures, tmp_path: Path
) -> None:
    for count in (0, 1, 2, PER_SHEET + 1):
        with pictures.open(tmp_path) as folder:
            for image in images[:count]:
                folder.add(predict(image))

    assert [notice.text for notice in pictures.notices] == [
        f"Explanation: {tmp_path / '00.png.explained.png'}",
        f"Explanations: {tmp_path} (2 images, contact-sheet.png)",
        f"Explanations: {tmp_path} (25 images, contact-sheet.png to contact-sheet-2.png)",
    ]


def test_error_ends_it_and_what_was_written_stays(
    images: list[Path], pictures: Pictures, tmp_path: Path
) -> None:
    def add_two_and_stop(folder: ExplanationFolder) -> None:
        for image in images[:2]:
            folder.add(predict(image))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), pictures.open(tmp_path) as folder:
        add_two_and_stop(folder)

    assert len(list(tmp_path.iterdir())) == 2
    assert (pictures.sheets, pictures.notices) == ([], [])


def test_network_without_maps_is_refused_before_anything_is_made(
    pictures: Pictures, tmp_path: Path
) -> None:
    refused = pictures.open(tmp_path / "out", make_weights("test_vit", 160))
    with pytest.raises(ConfigError, match="cannot explain a VisionTransformer"), refused:
        pass

    assert not (tmp_path / "out").exists()


def test_missing_package_is_named_before_anything_is_computed(
    pictures: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    impossible = replace(WEIGHTS, architecture="no such network")
    with pytest.raises(ConfigError, match="'captum'"), pictures.open(tmp_path / "out", impossible):
        pass

    assert not (tmp_path / "out").exists()


def test_file_in_place_of_the_folder_is_refused_before_the_first_image(
    pictures: Pictures, tmp_path: Path
) -> None:
    (tmp_path / "out").write_bytes(b"content")
    with pytest.raises(ConfigError, match="is a file"), pictures.open(tmp_path / "out"):
        pass
