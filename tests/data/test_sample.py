"""The demo's images: what is promised of the set, and that only the faces give its classes away."""

import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dfx.data.sample import (
    IMAGE_SIZE_PX,
    MIN_IMAGES,
    RECORD_NAME,
    jpeg_of_picture,
    split_counts,
    write_sample,
)
from dfx.errors import DataError
from dfx.records import CLASS_NAMES, DEEPFAKE, REAL, Split

SPLITS: tuple[Split, ...] = ("train", "val", "test")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The set of the demo's size."""
    folder = tmp_path_factory.mktemp("sample") / "demo"
    write_sample(folder, images=1000, seed=1)
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample") / "small"
    write_sample(folder, images=MIN_IMAGES, seed=5)
    return folder


class TestWhatIsWritten:
    def test_counts(self, demo: Path) -> None:
        """A thousand images are 350, 75 and 75 of each class, and nothing else but the record."""
        counts = {
            f"{split}/{name}": len(list((demo / split / name).glob("*.jpg")))
            for split in SPLITS
            for name in CLASS_NAMES
        }

        assert counts == {
            f"{split}/{name}": count
            for split, count in zip(SPLITS, (350, 75, 75), strict=True)
            for name in CLASS_NAMES
        }
        assert len(contents(demo)) == 1001

    @pytest.mark.parametrize("images", [20, 22, 26, 100, 998, 1000, 1002])
    def test_every_image_is_in_a_split(self, images: int) -> None:
        """Whatever the rounding, both classes add up to the number asked for, val equals test."""
        counts = split_counts(images)

        assert 2 * sum(counts.values()) == images
        assert counts["val"] == counts["test"] >= 2
        assert abs(100 * counts["val"] - 15 * (images // 2)) <= 50

    @pytest.mark.parametrize("images", [-2, 0, 2, 18, 21, 1001])
    def test_impossible_numbers(self, images: int, tmp_path: Path) -> None:
        """Odd numbers and too few are refused with a number that works, and nothing is written."""
        with pytest.raises(DataError, match=f"{images} images") as refusal:
            write_sample(tmp_path / "set", images=images, seed=1)

        assert refusal.value.hint is not None
        suggested = int("".join(c for c in refusal.value.hint if c.isdigit()))
        assert split_counts(suggested)
        assert not (tmp_path / "set").exists()

    def test_same_seed_same_bytes(self, small: Path, tmp_path: Path) -> None:
        """The same number and seed give the same files, byte for byte."""
        write_sample(tmp_path, images=MIN_IMAGES, seed=5)

        assert contents(tmp_path) == contents(small)

    def test_no_two_alike(self, demo: Path, small: Path) -> None:
        """No image occurs twice, in another split, in the other class or from another seed."""
        images = [*demo.rglob("*.jpg"), *small.rglob("*.jpg")]

        assert len({sha256(path.read_bytes()).digest() for path in images}) == len(images)

    def test_no_picture_behind_two_images(self) -> None:
        """A deepfake is not made from a real image of the set: they differ outside the face too."""
        real, fake = (jpeg_of_picture(1, "val", label, 0) for label in (REAL, DEEPFAKE))

        assert np.abs(_corner(real) - _corner(fake)).max() > 10

    def test_image_depends_on_nothing_else(self, demo: Path) -> None:
        """An image follows from seed, split, class and number alone, whatever the set's size."""
        for split in SPLITS:
            for label, name in enumerate(CLASS_NAMES):
                expected = (demo / split / name / "0003.jpg").read_bytes()

                assert jpeg_of_picture(1, split, label, 3) == expected

    def test_progress(self, tmp_path: Path) -> None:
        """Progress is told once for each image written, up to the number to be written."""
        told: list[tuple[int, int]] = []
        report = write_sample(
            tmp_path, images=20, seed=2, progress=lambda done, total: told.append((done, total))
        )

        assert told == [(k, 20) for k in range(1, 21)]
        assert report.written == 20
        assert report.per_class == {"train": 6, "val": 2, "test": 2}


def _corner(jpeg: bytes) -> NDArray[np.float64]:
    return np.asarray(Image.open(io.BytesIO(jpeg)), np.float64)[:16, :16]


class TestFolder:
    def test_complete_set_stays(self, small: Path) -> None:
        """A complete set is found, not written again."""
        before = {path: path.stat().st_mtime_ns for path in small.rglob("*")}
        report = write_sample(small, images=MIN_IMAGES, seed=5)

        assert report.written == 0
        assert {path: path.stat().st_mtime_ns for path in small.rglob("*")} == before

    def test_partial_set_is_completed(self, small: Path, tmp_path: Path) -> None:
        """Missing and half-written images are written again, the others are left alone."""
        write_sample(tmp_path, images=MIN_IMAGES, seed=5)
        (tmp_path / "train/real/0001.jpg").unlink()
        (tmp_path / "val/deepfake/0000.jpg").write_bytes(b"")
        torn = tmp_path / "test/real/0001.jpg"
        torn.write_bytes(torn.read_bytes()[:700])
        report = write_sample(tmp_path, images=MIN_IMAGES, seed=5)

        assert report.written == 3
        assert contents(tmp_path) == contents(small)

    def test_interrupted_set_is_completed(self, small: Path, tmp_path: Path) -> None:
        """What an interruption leaves behind is taken up by the next call."""

        def interrupt(*_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_sample(tmp_path, images=MIN_IMAGES, seed=5, progress=interrupt)
        left = len(list(tmp_path.rglob("*.jpg")))
        report = write_sample(tmp_path, images=MIN_IMAGES, seed=5)

        assert 0 < left < MIN_IMAGES
        assert report.written == MIN_IMAGES - left
        assert contents(tmp_path) == contents(small)

    @pytest.mark.parametrize(("images", "seed"), [(22, 5), (20, 6)])
    def test_another_set(self, small: Path, images: int, seed: int) -> None:
        """A folder with another set is refused and left as it is."""
        before = contents(small)
        with pytest.raises(DataError, match="another sample set"):
            write_sample(small, images=images, seed=seed)

        assert contents(small) == before

    def test_foreign_folder(self, tmp_path: Path) -> None:
        """A folder with somebody's own images is refused, named, and left as it is."""
        own = tmp_path / "train" / "real" / "0000.jpg"
        own.parent.mkdir(parents=True)
        own.write_bytes(b"mine")
        with pytest.raises(DataError, match=r"train/real/0000\.jpg"):
            write_sample(tmp_path, images=20, seed=1)

        assert contents(tmp_path) == {"train/real/0000.jpg": b"mine"}

    def test_stranger_in_the_set(self, tmp_path: Path) -> None:
        """A set to which a file was added is no longer this set."""
        write_sample(tmp_path, images=20, seed=1)
        (tmp_path / "train/real/9999.jpg").write_bytes(b"mine")
        with pytest.raises(DataError, match=r"train/real/9999\.jpg"):
            write_sample(tmp_path, images=20, seed=1)

    def test_foreign_record(self, tmp_path: Path) -> None:
        """A `sample.json` of another origin is refused."""
        (tmp_path / RECORD_NAME).write_text(json.dumps(["mine"]))
        with pytest.raises(DataError, match="not the record"):
            write_sample(tmp_path, images=20, seed=1)

    def test_hidden_files_do_not_matter(self, tmp_path: Path) -> None:
        """Hidden files, as file managers leave them, are passed over."""
        (tmp_path / ".DS_Store").write_bytes(b"")

        assert write_sample(tmp_path, images=20, seed=1).written == 20

    def test_file_in_place_of_the_folder(self, tmp_path: Path) -> None:
        """A file is not a folder."""
        (tmp_path / "set").write_bytes(b"")
        with pytest.raises(DataError, match="not a folder"):
            write_sample(tmp_path / "set", images=20, seed=1)


class TestHonesty:
    """Only faces may tell the classes apart; without a signal these AUCs scatter by about 0.02."""

    def test_headers_are_equal(self, demo: Path) -> None:
        """All files share size in pixels, mode, and every header byte up to the image data."""
        headers = set()
        for path in demo.rglob("*.jpg"):
            content = path.read_bytes()
            with Image.open(path) as image:
                assert (image.size, image.mode) == ((IMAGE_SIZE_PX, IMAGE_SIZE_PX), "RGB")
            headers.add(content[: content.index(b"\xff\xda")])

        assert len(headers) == 1
        assert b"Exif" not in headers.pop()

    def test_file_size(self, demo: Path) -> None:
        """The size of the file does not give the class away."""
        sizes, labels = _table(demo, lambda path: np.array([path.stat().st_size], np.float64))

        assert _highest_auc(sizes, labels) < 0.6
        assert abs(roc_auc_score(labels, sizes[:, 0]) - 0.5) < 0.1

    def test_thumbnails(self, demo: Path) -> None:
        """Thumbnails of 8 by 8 pixels do not give the class away."""
        thumbnails, labels = _table(demo, _thumbnail)

        assert _highest_auc(thumbnails, labels) < 0.6

    def test_colour_statistics(self, demo: Path) -> None:
        """Mean and spread of the colours do not give the class away, even beside the size."""
        statistics, labels = _table(demo, _statistics)

        assert _highest_auc(statistics, labels) < 0.6


def _table(
    demo: Path, features: Callable[[Path], NDArray[np.float64]]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    paths = sorted(demo.rglob("*.jpg"))
    labels = np.array([CLASS_NAMES.index(path.parent.name) for path in paths])
    return np.stack([features(path) for path in paths]), labels


def _thumbnail(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as image:
        return np.asarray(image.resize((8, 8), Image.Resampling.BOX), np.float64).ravel()


def _statistics(path: Path) -> NDArray[np.float64]:
    with Image.open(path) as image:
        pixels = np.asarray(image, np.float64).reshape(-1, 3)
    return np.array([*pixels.mean(axis=0), *pixels.std(axis=0), path.stat().st_size])


def _highest_auc(features: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """The best any of three classifiers does, cross-validated over all images."""
    classifiers = (
        make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)),
        RandomForestClassifier(100, min_samples_leaf=3, random_state=0),
        GradientBoostingClassifier(subsample=0.5, max_features="sqrt", random_state=0),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = [
        cross_val_predict(each, features, labels, cv=folds, method="predict_proba")[:, DEEPFAKE]
        for each in classifiers
    ]
    return max(float(roc_auc_score(labels, score)) for score in scores)
