"""The stream of batches: one and the same, whoever loads it and wherever it begins."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from dfx.data.index import ListedImage, list_split
from dfx.data.loading import (
    EVALUATION_EPOCH,
    Batch,
    ImageDataset,
    ImageLoader,
    explain_lost_workers,
)
from dfx.data.transforms import Augmentation
from dfx.errors import ImageError, TrainingFailed

DrawSplit = Callable[..., Path]

AUGMENTATION = Augmentation(
    horizontal_flip=0.5,
    rotation_degrees=10,
    brightness=0.2,
    contrast=0.2,
    jpeg=0.3,
    blur=0.3,
    resize=0.3,
    noise=0.3,
)


@pytest.fixture
def images(tmp_path: Path, draw_split: DrawSplit) -> tuple[ListedImage, ...]:
    """Nine of each class: a last batch of four joins none, batches of 5 leave three."""
    return list_split(draw_split(tmp_path, real=9, deepfake=9), "train", limit=None)


def open_loader(
    images: tuple[ListedImage, ...],
    *,
    workers: int = 0,
    batch_size: int = 5,
    seed: int = 3,
    augmentation: Augmentation | None = AUGMENTATION,
) -> ImageLoader:
    dataset = ImageDataset(images, image_size_px=32, augmentation=augmentation, seed=seed)
    return ImageLoader(dataset, batch_size=batch_size, workers=workers, pin_memory=False, seed=seed)


def plain(batches: Iterator[Batch]) -> list[tuple[list[int], list[int], bytes]]:
    return [(b.indices.tolist(), b.labels.tolist(), b.images.numpy().tobytes()) for b in batches]


class TestStream:
    @pytest.mark.parametrize("workers", [1, 4])
    def test_does_not_depend_on_the_workers(
        self, workers: int, images: tuple[ListedImage, ...]
    ) -> None:
        """Bit for bit, over two epochs and the evaluation, with that many processes at work."""
        epochs = (1, 2, EVALUATION_EPOCH)
        with open_loader(images) as loader:
            expected = [plain(loader.batches(epoch)) for epoch in epochs]
        before = set(multiprocessing.active_children())
        with open_loader(images, workers=workers) as loader:
            actual = [plain(loader.batches(epoch)) for epoch in epochs]
            seen = set(multiprocessing.active_children()) - before

        assert actual == expected
        assert len(seen) == workers

    @pytest.mark.parametrize(("workers", "prefetch"), [(1, 1), (1, 5), (4, 1), (4, 5)])
    def test_does_not_depend_on_what_is_fetched_ahead(
        self, workers: int, prefetch: int, images: tuple[ListedImage, ...]
    ) -> None:
        """From the middle too, and after a pass that was left with batches on their way."""
        with open_loader(images) as loader:
            expected = [plain(loader.batches(2, start=start)) for start in (0, 2)]
        with open_loader(images, workers=workers) as loader:
            assert loader._loader is not None
            loader._loader.prefetch_factor = prefetch
            next(loader.batches(1))

            assert [plain(loader.batches(2, start=start)) for start in (0, 2)] == expected

    @pytest.mark.parametrize("workers", [0, 2])
    def test_from_the_middle_is_the_tail(
        self, workers: int, images: tuple[ListedImage, ...]
    ) -> None:
        with open_loader(images, workers=workers) as loader:
            whole = plain(loader.batches(2))

            assert len(whole) == 4
            for start in range(5):
                assert plain(loader.batches(2, start=start)) == whole[start:]

    def test_a_pass_that_was_left_early_does_not_show_in_the_next(
        self, images: tuple[ListedImage, ...]
    ) -> None:
        with open_loader(images, workers=2) as loader:
            expected = plain(loader.batches(2))
            left = loader.batches(1)
            next(left)
            del left

            assert plain(loader.batches(2)) == expected

    def test_is_that_of_the_plan(self, images: tuple[ListedImage, ...]) -> None:
        with open_loader(images) as loader:
            for epoch in (1, 2, EVALUATION_EPOCH):
                assert [b.indices.tolist() for b in loader.batches(epoch)] == loader.plan(epoch)

    def test_of_the_evaluation_is_the_index_as_it_is(self, images: tuple[ListedImage, ...]) -> None:
        """In order, not augmented, whatever the seed."""
        with open_loader(images) as augmented, open_loader(images, augmentation=None) as bare:
            found = list(augmented.batches())

            assert torch.cat([b.indices for b in found]).tolist() == list(range(18))
            assert plain(iter(found)) == plain(bare.batches())
            assert torch.cat([b.labels for b in found]).tolist() == [0] * 9 + [1] * 9
            assert found[0].images.dtype == torch.uint8
            assert found[0].images.shape == (5, 3, 32, 32)

    def by_sample(self, images: tuple[ListedImage, ...], epoch: int, seed: int) -> dict[int, bytes]:
        with open_loader(images, seed=seed) as loader:
            return {
                int(index): image.numpy().tobytes()
                for batch in loader.batches(epoch)
                for index, image in zip(batch.indices, batch.images, strict=True)
            }

    @pytest.mark.parametrize(("epoch", "seed"), [(2, 3), (1, 4), (3, 1)])
    def test_pixels_differ_by_epoch_and_seed(
        self, epoch: int, seed: int, images: tuple[ListedImage, ...]
    ) -> None:
        first = self.by_sample(images, 1, 3)
        other = self.by_sample(images, epoch, seed)

        assert all(first[index] != other[index] for index in range(18))

    def test_pixels_differ_by_sample(self, tmp_path: Path, images: tuple[ListedImage, ...]) -> None:
        """The same picture twice is augmented in two ways."""
        twins = (images[0], images[0])
        found = self.by_sample(twins, 1, 3)

        assert found[0] != found[1]

    def test_order_differs_by_epoch_and_seed(self, images: tuple[ListedImage, ...]) -> None:
        with open_loader(images) as loader, open_loader(images, seed=4) as other:
            plans = [loader.plan(1), loader.plan(2), other.plan(1)]

            assert len({str(plan) for plan in plans}) == 3

    def test_a_single_sample_joins_the_batch_before(self, images: tuple[ListedImage, ...]) -> None:
        with open_loader(images[:16], batch_size=5) as loader:
            assert [len(b.labels) for b in loader.batches(1)] == [5, 5, 6]
            assert [len(b.labels) for b in loader.batches()] == [5, 5, 6]


class TestBadImages:
    @pytest.mark.parametrize("workers", [0, 2])
    def test_one_that_vanished_is_named(
        self, workers: int, images: tuple[ListedImage, ...]
    ) -> None:
        """The error crosses from a worker to its parent whole."""
        with open_loader(images, workers=workers) as loader:
            plain(loader.batches(1))
            images[7].path.unlink()

            with pytest.raises(ImageError) as caught:
                plain(loader.batches(2))

        assert str(caught.value) == f"{images[7].path}: No such file or directory"

    def test_the_loader_goes_on_once_it_is_back(self, images: tuple[ListedImage, ...]) -> None:
        with open_loader(images, workers=2) as loader:
            expected = plain(loader.batches(2))
            content = images[7].path.read_bytes()
            images[7].path.write_bytes(b"no image")
            with pytest.raises(ImageError, match="not an image"):
                plain(loader.batches(2))
            images[7].path.write_bytes(content)

            assert plain(loader.batches(2)) == expected


class TestWorkers:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_survive_signals(self, number: signal.Signals, images: tuple[ListedImage, ...]) -> None:
        """Ctrl-C in a terminal reaches the whole group; only the parent decides what it means."""
        with open_loader(images) as loader:
            expected = plain(loader.batches(1))
        before = set(multiprocessing.active_children())
        with open_loader(images, workers=2) as loader:
            batches = loader.batches(1)
            first = plain(iter([next(batches)]))
            workers = [p for p in multiprocessing.active_children() if p not in before]
            for worker in workers:
                os.kill(worker.pid or 0, number)
            time.sleep(0.2)

            assert len(workers) == 2 and all(worker.is_alive() for worker in workers)
            assert first + plain(batches) == expected

    def test_closing_ends_them(self, images: tuple[ListedImage, ...]) -> None:
        before = set(multiprocessing.active_children())
        loader = open_loader(images, workers=2)
        plain(loader.batches(1))
        workers = set(multiprocessing.active_children()) - before
        loader.close()

        assert len(workers) == 2
        assert set(multiprocessing.active_children()) == before
        assert not any(worker.is_alive() for worker in workers)
        with pytest.raises(ValueError, match="the loader is closed"):
            next(loader.batches(1))

    def test_closing_twice_and_before_use_does_nothing(
        self, images: tuple[ListedImage, ...]
    ) -> None:
        loader = open_loader(images, workers=2)
        loader.close()
        loader.close()

    def test_closing_in_the_middle_of_a_pass_is_quick(
        self, images: tuple[ListedImage, ...]
    ) -> None:
        """Even where an exception on its way up still holds the pass, as a diverged run's does."""
        before = set(multiprocessing.active_children())

        def fail() -> None:
            with open_loader(images, workers=3, batch_size=2) as loader:
                batches = loader.batches(1)
                next(batches)
                raise ZeroDivisionError

        began = time.monotonic()
        with pytest.raises(ZeroDivisionError):
            fail()

        assert time.monotonic() - began < 4
        assert set(multiprocessing.active_children()) == before

    def test_closing_after_a_bad_image_is_quick(self, images: tuple[ListedImage, ...]) -> None:
        images[7].path.unlink()
        before = set(multiprocessing.active_children())
        began = time.monotonic()
        with pytest.raises(ImageError), open_loader(images, workers=3) as loader:
            plain(loader.batches(1))

        assert time.monotonic() - began < 4
        assert set(multiprocessing.active_children()) == before

    def test_one_that_hangs_does_not_keep_the_parent(
        self, tmp_path: Path, images: tuple[ListedImage, ...]
    ) -> None:
        """A worker that waits for a dead network disk, here for a pipe, is killed."""
        code = (
            "import sys; from pathlib import Path; \n"
            "from dfx.data.index import ListedImage\n"
            "from dfx.data.loading import ImageDataset, ImageLoader\n"
            "images = [ListedImage('x', Path(p), 0, 0, 0) for p in sys.argv[1:]]\n"
            "dataset = ImageDataset(images, image_size_px=32)\n"
            "with ImageLoader(dataset, batch_size=1, workers=1, pin_memory=False) as loader:\n"
            "    next(loader.batches())\n"
            "print('over')\n"
        )
        pipe = tmp_path / "pipe.png"
        os.mkfifo(pipe)
        paths = [str(images[0].path), str(pipe), str(pipe)]
        process = subprocess.Popen(
            [sys.executable, "-c", code, *paths], stdout=subprocess.PIPE, text=True
        )
        try:
            out, _ = process.communicate(timeout=40)
        finally:
            process.kill()

        assert (process.returncode, out) == (0, "over\n")

    def test_one_that_is_killed_is_an_error_in_words(self, images: tuple[ListedImage, ...]) -> None:
        """Out of memory, say. Exit code and hint are the user's way out, not a traceback."""
        before = set(multiprocessing.active_children())

        def lose_workers() -> None:
            with open_loader(images, workers=2, batch_size=2) as loader, explain_lost_workers():
                batches = loader.batches(1)
                next(batches)
                for worker in set(multiprocessing.active_children()) - before:
                    os.kill(worker.pid or 0, signal.SIGKILL)
                plain(batches)

        with pytest.raises(TrainingFailed, match=r"^a loader process ended: ") as caught:
            lose_workers()

        assert "data.workers" in (caught.value.hint or "")
        assert set(multiprocessing.active_children()) == before

    def test_other_errors_keep_their_words(self) -> None:
        with pytest.raises(RuntimeError, match=r"^something else$"), explain_lost_workers():
            raise RuntimeError("something else")
