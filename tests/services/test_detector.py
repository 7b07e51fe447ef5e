"""A detector judges paths, PIL images and arrays alike, in order, as evaluation does."""

from __future__ import annotations

import itertools
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pinned import PINNED, WEIGHTS, draw

import dfx
from dfx import Detector, Prediction
from dfx.errors import ConfigError, DeviceError
from dfx.models.weights import dump_weights, load_weights


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Five files, of which no two have the same score."""
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        Image.fromarray(draw(number)).save(path)
    return paths


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load(WEIGHTS, device="cpu", precision="float32", batch_size=2)


def scores(predictions: list[Prediction]) -> list[float]:
    return [prediction.p_deepfake or 0.0 for prediction in predictions]


def test_probabilities_are_pinned(detector: Detector, images: list[Path]) -> None:
    """A fixed file says the same of fixed images on every machine, and with every later dfx."""
    assert scores(detector.predict(images)) == pytest.approx(PINNED, abs=1e-4)


class TestInputs:
    def test_paths_pictures_and_arrays_are_the_same(
        self, detector: Detector, images: list[Path]
    ) -> None:
        opened = [Image.open(path) for path in images]
        arrays = [draw(number) for number in range(5)]
        expected = scores(detector.predict(images))

        assert scores(detector.predict(map(str, images))) == expected
        assert scores(detector.predict(opened)) == expected
        assert scores(detector.predict(arrays)) == expected
        assert scores(detector.predict(np.stack(arrays))) == expected
        assert (
            scores(detector.predict([images[0], opened[1], arrays[2], images[3]])) == expected[:4]
        )

    def test_one_alone_is_one_record(self, detector: Detector, images: list[Path]) -> None:
        for image in (images[3], str(images[3]), draw(3), Image.fromarray(draw(3))):
            (prediction,) = detector.predict(image)

            assert prediction.p_deepfake == pytest.approx(PINNED[3], abs=1e-4)

    def test_what_is_known_of_an_image(self, detector: Detector, images: list[Path]) -> None:
        (of_path,) = detector.predict(images[4])
        (of_array,) = detector.predict(draw(4, size=(20, 90)))

        assert (of_path.path, of_path.width, of_path.height) == (str(images[4]), 40, 40)
        assert (of_path.run, of_path.epoch, of_path.error) == ("small/1", 1, None)
        assert (of_array.path, of_array.width, of_array.height) == (None, 90, 20)
        assert of_path.warnings == ()
        assert "smaller than the model's input of 32 × 32" in of_array.warnings[0]

    def test_grey_and_transparent_arrays(self, detector: Detector) -> None:
        grey = draw(0)[:, :, 0]
        clear = np.dstack([draw(0), np.zeros((40, 40), np.uint8)])
        white = np.full((40, 40, 3), 255, np.uint8)

        assert detector.predict(grey) == detector.predict(grey[:, :, None])
        assert detector.predict(grey) == detector.predict(np.dstack([grey] * 3))
        assert detector.predict(clear) == detector.predict(white)

    @pytest.mark.parametrize(
        ("image", "words"),
        [
            (np.zeros((4, 4, 3), np.float32), r"float32 \[4, 4, 3\]; expected uint8 \[h, w\]"),
            (np.zeros((3, 40, 40), np.uint8), r"uint8 \[3, 40, 40\]; expected"),
            (np.zeros(7, np.uint8), r"uint8 \[7\]; expected"),
            (np.zeros((0, 4, 3), np.uint8), "has no pixels"),
        ],
    )
    def test_arrays_that_are_no_image(
        self, detector: Detector, image: NDArray[Any], words: str
    ) -> None:
        with pytest.raises(ValueError, match=words):
            detector.predict(image)

    def test_other_things(self, detector: Detector) -> None:
        with pytest.raises(TypeError, match="a path, a PIL image or an array, not int"):
            detector.predict([3])  # type: ignore[list-item]  # what is tested

    def test_one_that_cannot_be_read_is_a_record(
        self, detector: Detector, images: list[Path], tmp_path: Path
    ) -> None:
        (tmp_path / "text.png").write_text("no image")
        bad = [tmp_path / "text.png", tmp_path / "none.png"]
        found = detector.predict([images[0], *bad, images[1]])

        assert [each.path for each in found] == [str(p) for p in (images[0], *bad, images[1])]
        assert [each.error for each in found] == [
            None,
            "not an image",
            "No such file or directory",
            None,
        ]
        assert [each.label is None for each in found] == [False, True, True, False]
        assert scores([found[0], found[3]]) == pytest.approx(PINNED[:2], abs=1e-4)

    def test_an_error_does_not_repeat_the_path_however_it_is_written(
        self, detector: Detector
    ) -> None:
        (found,) = detector.predict("./gone//none.png")

        assert (found.path, found.error) == ("./gone//none.png", "No such file or directory")


class TestStream:
    def test_a_batch_is_out_before_the_next_but_one_is_asked_for(
        self, detector: Detector, images: list[Path]
    ) -> None:
        asked: list[int] = []

        def endless() -> Iterator[Path]:
            for number in itertools.count():
                asked.append(number)
                yield images[number % 5]

        stream = detector.stream(endless())
        first = [next(stream) for _ in range(2)]

        assert scores(first) == pytest.approx(PINNED[:2], abs=1e-4)
        assert len(asked) == 2 * detector.batch_size
        stream.close()

    def test_pixels_are_those_of_the_moment_they_were_given(
        self, detector: Detector, images: list[Path]
    ) -> None:
        """The next frame may lie in the same array, and a file be closed after its `yield`."""

        def frames() -> Iterator[NDArray[np.uint8]]:
            frame = np.empty((40, 40, 3), np.uint8)
            for number in range(5):
                frame[:] = draw(number)
                yield frame

        def files() -> Iterator[Image.Image]:
            for path in images:
                with Image.open(path) as opened:
                    yield opened

        assert scores(list(detector.stream(frames()))) == pytest.approx(PINNED, abs=1e-4)
        assert scores(list(detector.stream(files()))) == pytest.approx(PINNED, abs=1e-4)

    def test_a_pipe_without_a_writer_can_be_left(self, detector: Detector, tmp_path: Path) -> None:
        """What waits for it is the caller's own thread, which a signal interrupts."""
        os.mkfifo(tmp_path / "pipe")
        script = (
            "import sys; from dfx import Detector\n"
            "detector = Detector.load(sys.argv[1], device='cpu')\n"
            "print('ready', flush=True)\n"
            "detector.predict(sys.argv[2])\n"
        )
        command = [sys.executable, "-c", script, str(WEIGHTS), str(tmp_path / "pipe")]
        with subprocess.Popen(command, stdout=PIPE, stderr=DEVNULL, text=True) as process:
            assert process.stdout and process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            finally:
                process.kill()

        assert process.returncode == -signal.SIGINT

    @pytest.mark.parametrize("batch_size", [1, 3, 7])
    def test_order_and_scores_are_those_of_any_batch_size(
        self, batch_size: int, detector: Detector, images: list[Path]
    ) -> None:
        other = replace(detector, batch_size=batch_size)

        assert scores(other.predict(images)) == pytest.approx(PINNED, abs=1e-4)


class TestLabels:
    def test_threshold_decides_and_the_probability_is_the_labels(
        self, detector: Detector, images: list[Path]
    ) -> None:
        """The file's threshold is 0.546."""
        found = detector.predict(images)

        assert [p.label for p in found] == ["Real", "Real", "Deepfake", "Deepfake", "Deepfake"]
        assert found[0].probability == 1 - (found[0].p_deepfake or 0)
        assert found[4].probability == found[4].p_deepfake
        assert {p.threshold for p in found} == {detector.weights.threshold}

    def test_uncertain_is_near_the_threshold(self, detector: Detector, images: list[Path]) -> None:
        found = detector.predict(images, uncertain=0.2)

        assert [p.label for p in found] == [
            "Real",
            "Uncertain",
            "Uncertain",
            "Deepfake",
            "Deepfake",
        ]
        assert [p.probability is None for p in found] == [False, True, True, False, False]
        assert scores(found) == pytest.approx(PINNED, abs=1e-4)

    @pytest.mark.parametrize("uncertain", [-0.1, 1.1, float("nan")])
    def test_uncertain_is_a_distance(self, detector: Detector, uncertain: float) -> None:
        with pytest.raises(ValueError, match="expected a distance from 0 to 1"):
            detector.predict([], uncertain=uncertain)


class TestNumbers:
    def test_bfloat16_is_computed_in_and_says_nearly_the_same(
        self, detector: Detector, images: list[Path]
    ) -> None:
        rough = Detector.load(WEIGHTS, device="cpu", precision="bfloat16")
        change = np.abs(np.subtract(scores(rough.predict(images)), PINNED))

        assert rough.precision == "bfloat16"
        assert 1e-4 < change.max() < 0.02
        assert [p.label for p in rough.predict(images)] == [
            p.label for p in detector.predict(images)
        ]

    def test_outputs_that_are_no_numbers_are_an_error(
        self, images: list[Path], tmp_path: Path
    ) -> None:
        weights = load_weights(WEIGHTS)
        broken = {key: value * torch.inf for key, value in weights.state.items()}
        (tmp_path / "w.pt").write_bytes(dump_weights(replace(weights, state=broken)))
        (found,) = Detector.load(tmp_path / "w.pt", device="cpu").predict(images[0])

        assert found.label is None
        assert "not finite" in (found.error or "")

    @pytest.mark.skipif(not shutil.which("g++"), reason="needs a C++ compiler")
    def test_compiled_says_the_same_whatever_is_left_for_the_last_batch(
        self, images: list[Path]
    ) -> None:
        compiled = Detector.load(
            WEIGHTS, device="cpu", precision="float32", batch_size=2, compiled=True
        )

        assert compiled.compiled and compiled.obstacle is None
        assert logging.getLogger("torch._dynamo").level != logging.CRITICAL
        assert scores(compiled.predict(images)) == pytest.approx(PINNED, abs=1e-4)

    def test_where_nothing_compiles_it_says_why_and_judges(
        self, images: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("no compiler here\nand more")

        monkeypatch.setattr("torch._inductor.compile_fx.compile_fx", fail)
        plain = Detector.load(WEIGHTS, device="cpu", precision="float32", compiled=True)

        assert not plain.compiled
        assert "no compiler here" in (plain.obstacle or "")
        assert scores(plain.predict(images)) == pytest.approx(PINNED, abs=1e-4)

    @pytest.mark.parametrize("words", ["DefaultCPUAllocator: can't allocate memory", "not memory"])
    def test_too_little_memory_is_said_in_words(
        self, words: str, images: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError(words)

        detector = Detector.load(WEIGHTS, device="cpu", precision="float32", batch_size=9)
        monkeypatch.setattr(type(detector.module), "forward", fail)
        expected = RuntimeError if words == "not memory" else DeviceError

        with pytest.raises(expected) as caught:
            detector.predict(images)
        if expected is DeviceError:
            assert "cpu has too little memory for 9 images at a time" in str(caught.value)

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ({"batch_size": 0}, "batch size is 0; expected at least 1"),
            ({"precision": "half"}, "precision is 'half'; expected auto"),
            ({"device": "gpu"}, "'gpu'; expected auto, cuda"),
        ],
    )
    def test_settings_that_cannot_be(self, settings: dict[str, Any], words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            Detector.load(WEIGHTS, **settings)


def test_what_a_person_should_know_first(detector: Detector) -> None:
    """The file is of a version that did not look at its training images."""
    rough = Detector.load(WEIGHTS, device="cpu", precision="bfloat16")

    assert [notice.text for notice in detector.introduce()] == [
        f"Using small/1, epoch 1: {WEIGHTS}",
        "Threshold: p_deepfake 0.5459, fitted in training",
        "These weights do not tell what training images are like: few warnings",
    ]
    assert "Computing in bfloat16" in "\n".join(notice.text for notice in rough.introduce())


def test_a_detector_shows_itself_in_a_line(detector: Detector) -> None:
    assert "precision='float32'" in repr(detector)
    assert len(repr(detector)) < 400


def test_package_gives_what_the_readme_names() -> None:
    assert set(dfx.__all__) == {"Detector", "Prediction", "__version__"}
    assert all(getattr(dfx, name) for name in dfx.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = dfx.Nothing
