"""Batches from an index, through torch's `DataLoader`, the same whatever the number of workers."""

from __future__ import annotations

import multiprocessing
import signal
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Any, NamedTuple, Self

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dfx.data.decode import decode_image
from dfx.data.index import ListedImage
from dfx.data.randomness import cut_batches, permutation, sample_generator
from dfx.data.transforms import Augmentation, prepare
from dfx.errors import ImageError, TrainingFailed

EVALUATION_EPOCH = 0
"""Training counts from 1; this one asks for images as they are, in the order of the index."""


_PARENTS_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Batch(NamedTuple):
    """Some samples.

    Attributes:
        images: uint8 [b, 3, h, w].
        labels: int64 [b], 0 real, 1 deepfake.
        indices: int64 [b], positions in the index.
        failed: Position and reason of each image that could not be read, where that is tolerated.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor
    failed: tuple[tuple[int, str], ...] = ()


ImageChange = Callable[[Image.Image, int], Image.Image]
"""What is done to a decoded image, by its position in the index; `ImageError` if it cannot be."""


class _Failure(NamedTuple):
    """An image that is left out."""

    sample: int
    reason: str


class SampleKey(NamedTuple):
    """What decides a sample's pixels, apart from the seed."""

    epoch: int
    sample: int


class ImageDataset(Dataset[tuple[Tensor, int, int] | ImageError | _Failure]):
    """The images of an index, by epoch and position.

    A damaged image is returned as the error it is: an exception that crosses from a worker to its
    parent loses its message. Where that is tolerated, it is left out of its batch and named there.

    Args:
        images: The index's images.
        image_size_px: Height and width of the samples.
        augmentation: What is done to samples of epochs from 1 on; None does nothing.
        seed: Of the augmentation.
        change: What is done to decoded images of the evaluation, by position; None does nothing.
        tolerant: Whether an image that cannot be read, or changed, is left out.
    """

    def __init__(
        self,
        images: Sequence[ListedImage],
        *,
        image_size_px: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        change: ImageChange | None = None,
        tolerant: bool = False,
    ) -> None:
        self._paths = [str(image.path) for image in images]
        self._labels = [image.label for image in images]
        self._image_size_px = image_size_px
        self._augmentation = augmentation
        self._seed = seed
        self._change = change
        self._tolerant = tolerant

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, key: SampleKey) -> tuple[Tensor, int, int] | ImageError | _Failure:
        try:
            image = decode_image(self._paths[key.sample])
            if self._change and key.epoch == EVALUATION_EPOCH:
                image = self._change(image, key.sample)
        except ImageError as error:
            if not self._tolerant:
                return error
            return _Failure(key.sample, error.message.removeprefix(f"{self._paths[key.sample]}: "))
        if self._augmentation and key.epoch != EVALUATION_EPOCH:
            rng = sample_generator(seed=self._seed, epoch=key.epoch, index=key.sample)
            pixels = self._augmentation.apply(image, rng, self._image_size_px)
        else:
            pixels = prepare(image, self._image_size_px)
        return pixels, self._labels[key.sample], key.sample

    def collate(
        self, samples: list[tuple[Tensor, int, int] | ImageError | _Failure]
    ) -> Batch | ImageError:
        """A batch of samples, which may be none; or the first error among them."""
        size = self._image_size_px
        failed = tuple((s.sample, s.reason) for s in samples if isinstance(s, _Failure))
        read = [sample for sample in samples if not isinstance(sample, _Failure)]
        images = torch.empty(len(read), 3, size, size, dtype=torch.uint8)
        labels, indices = [], []
        for number, sample in enumerate(read):
            if isinstance(sample, ImageError):
                return sample
            images[number] = sample[0]
            labels.append(sample[1])
            indices.append(sample[2])
        return Batch(
            images,
            torch.tensor(labels, dtype=torch.int64),
            torch.tensor(indices, dtype=torch.int64),
            failed,
        )


class _Schedule:
    """A batch sampler that is told, before each pass, which samples are next."""

    def __init__(self) -> None:
        self.batches: list[list[SampleKey]] = []

    def __iter__(self) -> Iterator[list[SampleKey]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class ImageLoader:
    """Gives the batches of any epoch from any batch on; keeps its workers between passes.

    Use it as a context manager: leaving it ends the workers and never waits on one that hangs.

    Args:
        dataset: The images.
        batch_size: Samples per batch; the last batch may differ, see `cut_batches`.
        workers: Loader processes; 0 loads in this one.
        pin_memory: Whether batches are put into page-locked memory.
        seed: Of the order.
        rank: Of this process among those that share each batch.
        processes: How many share it. A batch that is smaller than that leaves some with none.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        *,
        batch_size: int,
        workers: int,
        pin_memory: bool,
        seed: int = 0,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self._dataset = dataset
        self._share = slice(rank, None, processes)
        self._batch_size = batch_size
        self._seed = seed
        self._schedule = _Schedule()
        with _without_advice():
            self._loader: DataLoader[Any] | None = DataLoader(
                dataset,
                batch_sampler=self._schedule,
                num_workers=workers,
                collate_fn=dataset.collate,
                pin_memory=pin_memory,
                worker_init_fn=_leave_signals_to_parent,
                persistent_workers=workers > 0,
            )
        self._workers: list[multiprocessing.process.BaseProcess] = []
        self._iterator: Any = None

    def plan(self, epoch: int) -> list[list[int]]:
        """The sample indices of each batch of an epoch, counted from 1, or of the evaluation.

        It is the same to all processes that share the batches.
        """
        samples = len(self._dataset)
        if epoch == EVALUATION_EPOCH:
            return cut_batches(list(range(samples)), self._batch_size)
        return cut_batches(permutation(samples, seed=self._seed, epoch=epoch), self._batch_size)

    def batches(self, epoch: int = EVALUATION_EPOCH, *, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from a position on, this process's share of each.

        Raises:
            ImageError: Where an image that could be read before cannot be read any more.
        """
        if self._loader is None:
            raise ValueError("the loader is closed")
        self._schedule.batches = [
            [SampleKey(epoch, index) for index in batch[self._share]]
            for batch in self.plan(epoch)[start:]
        ]
        before = set(multiprocessing.active_children())
        with _without_advice(), _without_signals():
            self._iterator = iter(self._loader)
        self._workers += [p for p in multiprocessing.active_children() if p not in before]
        for batch in self._iterator:
            if isinstance(batch, ImageError):
                raise batch
            yield batch

    def close(self) -> None:
        """Ends the workers."""
        if self._workers:
            # Letting go of it is not enough: an exception on its way up may hold it, and the
            # workers, unasked, would go on. Each is waited for up to five seconds. One that was
            # lost meanwhile is as good as ended, though torch would raise for it.
            with suppress(RuntimeError):
                self._iterator._shutdown_workers()  # noqa: SLF001  # torch has no public way
        for worker in self._workers:
            if worker.is_alive():
                worker.kill()
                worker.join()
        self._workers = []
        self._iterator = self._loader = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@contextmanager
def _without_advice() -> Iterator[None]:
    """Torch advises against more workers than cores; their number is the user's to choose."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        yield


@contextmanager
def _without_signals() -> Iterator[None]:
    """Worker processes that start in here are deaf to signals from their first instant on."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _PARENTS_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def explain_lost_workers(
    way_out: str = "lower data.workers or data.batch_size, then `dfx resume`",
) -> Iterator[None]:
    """Puts the end of a loader process into words.

    torch notices it at any time, not only when a batch is asked for, so this belongs around all
    that is done while a loader is at work.

    Args:
        way_out: What to do where memory has run out.

    Raises:
        TrainingFailed: Where a worker was killed, or ran out of memory.
    """
    try:
        yield
    except (RuntimeError, EOFError, ConnectionError, FileNotFoundError) as error:
        # The latter three are what becomes of the socket that tensors are handed over by.
        if isinstance(error, RuntimeError) and "DataLoader worker" not in str(error):
            raise
        raise TrainingFailed(
            f"a loader process ended: {str(error).partition(chr(10))[0] or type(error).__name__}",
            hint=f"memory, or shared memory in a container, may have run out: {way_out}",
        ) from None


def _leave_signals_to_parent(_worker: int) -> None:
    """A signal to the process group reaches the workers too; their parent decides what it means."""
    for number in _PARENTS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
