"""What the suite says of a detector, and how one that goes by file formats is found out.

The detectors compute something of the pixels that the loader gives them. Pictures of both classes
are of the same kind, so that nothing but their files tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score
from torch import Tensor

from dfx.data.file_format import find_file_format
from dfx.data.index import ListedImage, SplitIndex, check_images, list_split
from dfx.data.loading import ImageChange, ImageDataset, ImageLoader
from dfx.evaluation.inference import Scores
from dfx.evaluation.intervals import wilson_interval
from dfx.evaluation.robustness import SUITE, SUITE_VERSION, Condition, library_versions
from dfx.records import Confusion
from dfx.records.robustness import ConditionResult, Robustness
from dfx.services.robustness import check_formats, measure_robustness

Statistic = Callable[[Tensor], NDArray[np.float64]]

SIDE = 48
IMAGES = 16
"""Of each class."""


def blockiness(images: Tensor) -> NDArray[np.float64]:
    """How much rougher pictures are across the borders of blocks of 8 than elsewhere; 2 if not."""
    grey = images.double().mean(1)
    total = torch.zeros(len(grey), dtype=torch.float64)
    for lines in (grey, grey.transpose(1, 2)):
        rough = lines.diff(n=3, dim=2).abs().mean(1)
        border = (torch.arange(rough.shape[1]) + 1) % 8 == 7
        total += rough[:, border].mean(1) / rough[:, ~border].mean(1)
    return total.numpy()


def brightness(images: Tensor) -> NDArray[np.float64]:
    return images.double().mean((1, 2, 3)).numpy()


def draw(folder: Path, *, quality: int | None, glow: int = 0) -> SplitIndex:
    """Real pictures as PNG, deepfakes as JPEG of a quality, or as PNG too.

    Args:
        glow: By how much deepfakes are brighter.
    """
    for label, name in enumerate(("real", "deepfake")):
        (folder / "val" / name).mkdir(parents=True)
        for number in range(IMAGES):
            rng = np.random.default_rng([label, number])
            shapes = gaussian_filter(rng.normal(size=(SIDE, SIDE, 3)), (2.5, 2.5, 0))
            shapes = (shapes - shapes.mean()) / shapes.std() * 35 + 110 + rng.normal() * 4
            grain = rng.normal(size=(SIDE, SIDE, 1)) * 2
            samples = (shapes + grain + glow * label).clip(0, 255).astype(np.uint8)
            path = folder / "val" / name / f"{number:02d}"
            if label and quality:
                Image.fromarray(samples).save(path.with_suffix(".jpg"), quality=quality)
            else:
                Image.fromarray(samples).save(path.with_suffix(".png"))
    images = list_split(folder, "val", limit=None)
    return check_images("val", images, memory=None, fail_on_bad=True, progress=lambda *_: None)


class Detector:
    """Gives log odds of a deepfake that rise with a statistic, and notes what it was asked for."""

    def __init__(
        self, index: SplitIndex, statistic: Statistic, *, middle: float, slope: float
    ) -> None:
        self.index, self.statistic, self.middle, self.slope = index, statistic, middle, slope
        self.asked: list[str] = []

    def score(self, condition: Condition | None, change: ImageChange | None) -> tuple[Scores, int]:
        if condition:
            self.asked.append(condition.name)
        dataset = ImageDataset(self.index.images, image_size_px=SIDE, change=change, tolerant=True)
        labels, logits, indices, failed = [], [], [], 0
        with ImageLoader(dataset, batch_size=32, workers=0, pin_memory=False) as loader:
            for batch in loader.batches():
                values = (self.statistic(batch.images) - self.middle) * self.slope
                logits.append(np.stack([np.zeros_like(values), values], 1).astype(np.float32))
                labels.append(batch.labels.numpy())
                indices.append(batch.indices.numpy())
                failed += len(batch.failed)
        joined = Scores(np.concatenate(labels), np.concatenate(logits), np.concatenate(indices))
        return joined, failed

    def measure(self, *, threshold: float = 0.5, temperature: float = 1.0) -> Robustness:
        clean, _ = self.score(None, None)
        return measure_robustness(
            self.index, clean, threshold=threshold, temperature=temperature, score=self.score
        )


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """Goes by brightness, in which the classes differ and overlap."""
    index = draw(tmp_path_factory.mktemp("set"), quality=None, glow=5)
    return Detector(index, brightness, middle=112, slope=0.2)


def by_name(robustness: Robustness) -> dict[str, ConditionResult]:
    return {result.name: result for result in robustness.results}


class TestFormats:
    def test_a_detector_of_the_format_is_unmasked(self, tmp_path: Path) -> None:
        """It seems to be perfect; saved anew, both classes are the same to it."""
        index = draw(tmp_path, quality=90)
        found = Detector(index, blockiness, middle=2.2, slope=10).measure()
        results, check = by_name(found), found.format_check

        assert found.clean.auc == 1
        assert check.formats == {"real": {"PNG": IMAGES}, "deepfake": {"JPEG": IMAGES}}
        assert check.auc_change is not None and check.auc_change < -0.3
        assert check.p is not None and check.p < 0.001
        assert results["resaved"].auc == pytest.approx(1 + check.auc_change)

    def test_a_detector_of_the_content_is_not(self, tmp_path: Path) -> None:
        index = draw(tmp_path, quality=90, glow=8)
        found = Detector(index, brightness, middle=113, slope=0.2).measure()
        check = found.format_check

        assert found.clean.auc is not None and found.clean.auc > 0.8
        assert check.auc_change == pytest.approx(0, abs=0.02)
        assert check.p is not None and check.p > 0.05

    def test_stronger_compression_of_one_class_still_shows(self, tmp_path: Path) -> None:
        """The limit of the check: JPEG 90 does not hide that a picture was JPEG 60 before."""
        index = draw(tmp_path, quality=60)
        found = Detector(index, blockiness, middle=2.2, slope=10).measure()

        assert by_name(found)["resaved"].auc == 1
        assert (found.format_check.auc_change, found.format_check.p) == (0, 1)

    def test_images_that_failed_are_left_out_of_both(self, tmp_path: Path) -> None:
        index = draw(tmp_path, quality=None)
        rng = np.random.default_rng(3)
        every = np.arange(2 * IMAGES)
        labels = (every >= IMAGES).astype(np.int64)
        margins = rng.normal(labels * 2.0, 1.5, (2, 2 * IMAGES)).astype(np.float32)
        # The images without which the AUC would be another.
        before, after = (
            Scores(labels[kept], np.stack([0 * m[kept], m[kept]], 1), every[kept])
            for m, kept in zip(margins, (every != 3, every % 7 != 0), strict=True)
        )
        both = (every != 3) & (every % 7 != 0)
        aucs = [roc_auc_score(labels[both], m[both]) for m in margins]
        found = check_formats(index, before, after, temperature=2.0)

        assert found.auc_change == pytest.approx(aucs[1] - aucs[0])
        assert found.formats["real"] == {"PNG": IMAGES - 1}

    @pytest.mark.parametrize(
        ("suffix", "name"),
        [
            *(("jpg", "JPEG"), ("png", "PNG"), ("webp", "WebP"), ("gif", "GIF"), ("bmp", "BMP")),
            *(("tif", "TIFF"), ("ppm", "other")),
        ],
    )
    def test_formats_are_told_by_the_files_content(
        self, suffix: str, name: str, tmp_path: Path
    ) -> None:
        path = tmp_path / f"picture.{suffix}"
        Image.new("RGB", (8, 8)).save(path)

        assert find_file_format(path.rename(tmp_path / "picture.png")) == name

    def test_formats_of_odd_files(self, tmp_path: Path) -> None:
        (tmp_path / "empty").touch()
        (tmp_path / "avif").write_bytes(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miaf")

        assert find_file_format(tmp_path / "missing") is None
        assert find_file_format(tmp_path / "empty") == "other"
        assert find_file_format(tmp_path / "avif") == "AVIF"


class TestResults:
    def test_are_one_for_each_condition_and_twins_are_scored_once(self, detector: Detector) -> None:
        detector.asked.clear()
        found = detector.measure()
        results = by_name(found)
        names = [condition.name for condition in SUITE]

        assert [result.name for result in found.results] == ["clean", *names]
        assert sorted(detector.asked) == sorted(name for name in names if name != "resaved")
        twin = replace(
            results["jpeg-90"], name="resaved", family="resaved", title="re-saved as JPEG 90"
        )
        assert results["resaved"] == twin
        assert found.clean.level is None
        assert (found.version, found.libraries) == (SUITE_VERSION, library_versions())

    def test_are_of_calibrated_probabilities_at_the_shipped_threshold(
        self, detector: Detector
    ) -> None:
        """Computed again from the pixels of the images that the change gives."""
        found = detector.measure(threshold=0.45, temperature=1.7)
        result = by_name(found)["contrast-1.3"]
        condition = next(c for c in SUITE if c.name == "contrast-1.3")
        truth, called, margins = [], [], []
        for image, sha256 in zip(detector.index.images, detector.index.sha256, strict=True):
            changed = condition.apply(Image.open(image.path).convert("RGB"), key=sha256)
            margin = (np.asarray(changed, np.float64).mean() - 112) * 0.2
            truth.append(image.label)
            margins.append(margin)
            called.append(1 / (1 + np.exp(-margin / 1.7)) >= 0.45)
        pairs = list(zip(truth, called, strict=True))
        cells = Confusion(
            tn=pairs.count((0, False)),
            fp=pairs.count((0, True)),
            fn=pairs.count((1, False)),
            tp=pairs.count((1, True)),
        )
        right = cells.tn + cells.tp

        assert min(cells.tn, cells.fp, cells.fn, cells.tp) > 0
        assert (found.threshold, found.temperature) == (0.45, 1.7)
        assert result.confusion == cells
        assert result.accuracy == right / (2 * IMAGES)
        assert (result.accuracy_low, result.accuracy_high) == wilson_interval(right, 2 * IMAGES)
        assert (result.tpr, result.fpr) == (cells.tp / IMAGES, cells.fp / IMAGES)
        assert result.auc == pytest.approx(roc_auc_score(truth, margins))
        assert result.auc_low is not None and result.auc_high is not None
        assert 0 <= result.auc_low < result.auc < result.auc_high <= 1
        assert result.failed == 0

    def test_failed_images_are_counted_where_they_failed(
        self, detector: Detector, tmp_path: Path
    ) -> None:
        long = tmp_path / "long.png"
        Image.new("RGB", (16_384, 1), (30, 30, 30)).save(long)
        index = replace(
            detector.index,
            images=(*detector.index.images, ListedImage("real/long.png", long, 0, 1, 1)),
            sha256=(*detector.index.sha256, "0" * 64),
        )
        results = by_name(Detector(index, brightness, middle=112, slope=0.2).measure())

        assert {name for name, r in results.items() if r.failed} == {"webp-80", "webp-50"}
        assert results["webp-80"].failed == 1
        without = by_name(detector.measure())
        assert results["webp-80"].confusion == without["webp-80"].confusion
        for name, same in (("webp-80", without), ("jpeg-50", results)):
            result, clean = results[name], same["clean"]
            assert (result.clean_accuracy, result.clean_auc) == (clean.accuracy, clean.auc)
        assert results["clean"].accuracy != without["clean"].accuracy

    def measure_few(self, index: SplitIndex, labels: list[int], margins: list[float]) -> Robustness:
        """Of a detector that says the same whatever is done, except that WebP fails."""
        scores = Scores(
            np.array(labels),
            np.array([[0, margin] for margin in margins], np.float32),
            np.arange(len(labels)),
        )
        none = Scores(scores.labels[:0], scores.logits[:0], scores.indices[:0])

        def score(condition: Condition, change: ImageChange) -> tuple[Scores, int]:
            return (none, len(labels)) if condition.family == "webp" else (scores, 0)

        few = replace(index, images=index.images[: len(labels)], sha256=index.sha256[: len(labels)])
        return measure_robustness(few, scores, threshold=0.5, temperature=1.0, score=score)

    def test_where_no_image_is_left_all_is_undefined(self, detector: Detector) -> None:
        result = by_name(self.measure_few(detector.index, [0, 1], [-1, 1]))["webp-50"]

        assert result.confusion == Confusion(0, 0, 0, 0)
        assert (result.accuracy, result.accuracy_low, result.tpr, result.fpr) == (None,) * 4
        assert (result.auc, result.failed) == (None, 2)

    def test_with_one_class_there_is_no_auc(self, detector: Detector) -> None:
        found = self.measure_few(detector.index, [0, 0, 0], [-1, 1, -2])

        assert (found.clean.auc, found.clean.auc_low, found.clean.tpr) == (None, None, None)
        assert found.clean.fpr == pytest.approx(1 / 3)
        assert (found.format_check.auc_change, found.format_check.p) == (None, None)
        assert found.format_check.formats == {"real": {"PNG": 3}, "deepfake": {}}

    @pytest.mark.parametrize(
        ("labels", "margins"), [([0, 0, 1, 1], [-2, -1, 1, 2]), ([0, 0, 1], [-2, 1, 0.5])]
    )
    def test_an_auc_whose_variance_is_not_seen_has_no_interval(
        self, detector: Detector, labels: list[int], margins: list[float]
    ) -> None:
        """Faultless on four images is not faultless for certain; nor is one deepfake a sample."""
        clean = self.measure_few(detector.index, labels, margins).clean

        assert clean.auc is not None
        assert (clean.auc_low, clean.auc_high) == (None, None)

    def test_can_be_stored(self, detector: Detector) -> None:
        """As the store keeps an evaluation's details."""
        from pydantic import TypeAdapter

        adapter = TypeAdapter(Robustness)
        found = detector.measure()

        assert adapter.validate_json(adapter.dump_json(found)) == found
