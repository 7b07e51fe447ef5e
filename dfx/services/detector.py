"""A detector: weights on a device that judge images, for the command line and for Python."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn

from dfx.data.decode import Decoded
from dfx.data.transforms import prepare
from dfx.data.unlike import find_unlike
from dfx.errors import ConfigError, DeviceError, ImageError
from dfx.evaluation.inference import forward, probabilities
from dfx.evaluation.precision import Precision, resolve_inference_precision
from dfx.messages import Notice
from dfx.models.compilation import compile_for_inference
from dfx.models.device import resolve_device
from dfx.models.folding import fold_batch_norms
from dfx.models.memory import is_out_of_memory
from dfx.models.pace import fastest_batch_size
from dfx.models.weights import Weights, load_weights
from dfx.records import DEEPFAKE, LABELS, REAL
from dfx.records.prediction import UNCERTAIN, Prediction
from dfx.services.image_inputs import ImageInput, is_pipe, list_inputs, read_input

EVEN = 0.5
"""The threshold that nobody needs to be told."""


class _Started(NamedTuple):
    """An image that is being read."""

    path: str | None  # None of pixels
    result: Future[_Judged | ImageError]


class _Judged(NamedTuple):
    """An image that was read: its pixels as the network gets them, and what is known of it."""

    pixels: Tensor  # uint8 [3, h, w]
    width: int
    height: int
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Detector:
    """Weights on a device, ready to judge.

    Attributes:
        weights: What the file says: preprocessing, threshold, calibration, whose they are.
        module: The network, on the device, in evaluation mode.
        precision: Number format of the forward pass.
        batch_size: Images at a time.
        compiled: Whether the network is compiled.
        obstacle: Why it is not, though it was asked for; else None.
        origin: Which weights these are and why, for the person.
    """

    weights: Weights = field(repr=False)
    module: nn.Module = field(repr=False)
    device: torch.device
    precision: Precision
    batch_size: int
    compiled: bool
    obstacle: str | None
    origin: str

    @property
    def introduction(self) -> str:
        """Which weights judge, and why these, in a line."""
        return f"Using {self.weights.run}, epoch {self.weights.epoch}: {self.origin}"

    def introduce(self) -> Iterator[Notice]:
        """What a person should read before the first verdict."""
        yield Notice(self.introduction)
        if self.weights.threshold != EVEN:
            yield Notice(f"Threshold: p_deepfake {self.weights.threshold:.4g}, fitted in training")
        if self.precision != "float32":
            yield Notice(f"Computing in {self.precision}; float32 rounds less, and is slower")
        if self.weights.training_images is None:
            yield Notice("These weights do not tell what training images are like: few warnings")
        if self.obstacle:
            yield Notice(f"not compiled: {self.obstacle}", "warning")

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        compiled: bool = False,
    ) -> Self:
        """Loads a weights file, executing nothing that is in it.

        Args:
            path: A weights file of dfx, such as the `best-….pt` of a run.
            device: auto, cuda, cuda:N, mps or cpu.
            precision: float32, bfloat16, float16, or auto: the fastest that the device has in
                hardware.
            batch_size: Images at a time; where None, as many as are fastest there.
            compiled: Whether to compile the network first: about a minute at the start, for
                thousands of images.

        Raises:
            WeightsError: Where the file cannot be used.
            ConfigError: For a precision or a batch size that cannot be.
            DeviceError: Where the device is not there, or has too little memory.
        """
        weights = load_weights(Path(path))
        origin = os.fspath(path)
        return cls._prepare(weights, origin, device, precision, batch_size, compiled=compiled)

    @classmethod
    def load_run(
        cls,
        reference: str = "best",
        *,
        home: str | os.PathLike[str] | None = None,
        device: str = "auto",
        precision: str = "auto",
        batch_size: int | None = None,
        compiled: bool = False,
    ) -> Self:
        """Loads the best weights of a run; the other arguments are those of `load`.

        Args:
            reference: Which run; the bare name of an experiment means its best.
            home: The folder with the database; where None, found as the command line does.

        Raises:
            NotFoundError: Where there is no such run, or it has no weights yet.
            StoreError: Where its files are not as they were written.
        """
        # Whoever names a file needs no database, and shall not wait for it to be imported.
        from dfx.services.best_weights import find_best_weights  # noqa: PLC0415  # as said
        from dfx.services.home import find_home, open_store  # noqa: PLC0415  # as said

        with open_store(find_home(None if home is None else Path(home)), create=False) as store:
            best = find_best_weights(store, reference)
        origin = best.reason or "as asked for"
        return cls._prepare(best.load(), origin, device, precision, batch_size, compiled=compiled)

    @classmethod
    def _prepare(
        cls,
        weights: Weights,
        origin: str,
        device: str,
        precision: str,
        batch_size: int | None,
        *,
        compiled: bool,
    ) -> Self:
        if batch_size is not None and batch_size < 1:
            raise ConfigError(f"the batch size is {batch_size}; expected at least 1")
        place = resolve_device(device)
        number_format = resolve_inference_precision(precision, place)
        size = weights.preprocessing.image_size_px
        images = batch_size or fastest_batch_size(place, number_format, size)
        module = weights.build()
        if number_format != "float32":
            # Which rounds otherwise, as that format does; in float32 predictions stay what
            # evaluation says.
            module = fold_batch_norms(module, weights.preprocessing)
        module = module.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        obstacle = None
        if compiled:
            with _explaining_memory(place, images):
                batch = torch.zeros(images, 3, size, size, dtype=torch.uint8, device=place)
            obstacle = compile_for_inference(
                module,
                lambda: forward(
                    module, batch, preprocessing=weights.preprocessing, precision=number_format
                ),
            )
        return cls(
            weights=weights,
            module=module,
            device=place,
            precision=number_format,
            batch_size=images,
            compiled=compiled and obstacle is None,
            obstacle=obstacle,
            origin=origin,
        )

    def predict(
        self, images: ImageInput | Iterable[ImageInput], *, uncertain: float = 0.0
    ) -> list[Prediction]:
        """Judges images, in batches.

        Args:
            images: Paths, PIL images or arrays, also mixed; or a single one of these.
            uncertain: Where p_deepfake is at most so far from the threshold, the label is
                `Uncertain`; 0 always gives one of the two.

        Returns:
            A record for each image, in their order; one with an error for each that cannot be read.

        Raises:
            TypeError: For something that is no image.
            ValueError: For an array of another shape or type, or an `uncertain` outside [0, 1].
        """
        return list(self.stream(images, uncertain=uncertain))

    def stream(
        self, images: ImageInput | Iterable[ImageInput], *, uncertain: float = 0.0
    ) -> Iterator[Prediction]:
        """Judges images one batch after the other, without end if need be; otherwise as `predict`.

        The next batch is read while the network works on the one before.
        """
        if not 0 <= uncertain <= 1:
            raise ValueError(f"uncertain is {uncertain}; expected a distance from 0 to 1")
        # As many as can be at work: each may hold an image of a hundred million pixels.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            started = (self._start(pool, image) for image in list_inputs(images))
            waiting: list[list[_Started]] = []
            try:
                while batch := list(islice(started, self.batch_size)):
                    waiting.append(batch)
                    if len(waiting) > 1:
                        yield from self._judge(waiting.pop(0), uncertain)
                while waiting:
                    yield from self._judge(waiting.pop(0), uncertain)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def refuse(self, path: str | os.PathLike[str], error: str) -> Prediction:
        """The record of an image that is not to be had.

        Args:
            path: Of the image.
            error: Why.
        """
        return self._prediction(os.fspath(path), error=error)

    def _start(self, pool: ThreadPoolExecutor, source: ImageInput) -> _Started:
        """Begins to read an image in another thread, as far as it can be left alone there."""
        path = os.fspath(source) if isinstance(source, str | os.PathLike) else None
        if path is not None and not is_pipe(path):
            return _Started(path, pool.submit(lambda: self._finish(read_input(source))))
        # Pixels may be changed, or their file closed, as soon as whoever gave them is asked for
        # more; and a thread that waits for a pipe's writer could not be interrupted.
        return _Started(path, pool.submit(self._finish, read_input(source)))

    def _finish(self, read: Decoded | ImageError) -> _Judged | ImageError:
        if isinstance(read, ImageError):
            return read
        weights = self.weights
        width, height = read.image.size
        warnings = find_unlike(
            width,
            height,
            read.jpeg_quality,
            image_size_px=weights.preprocessing.image_size_px,
            profile=weights.training_images,
            jpeg_augmented=weights.config.get("augment.jpeg", 0) > 0,
        )
        pixels = prepare(read.image, weights.preprocessing.image_size_px)
        return _Judged(pixels, width, height, warnings)

    def _judge(self, batch: Sequence[_Started], uncertain: float) -> Iterator[Prediction]:
        results = [started.result.result() for started in batch]
        good = [result.pixels for result in results if isinstance(result, _Judged)]
        scores = iter(self._score(good) if good else ())
        for (path, _), result in zip(batch, results, strict=True):
            if isinstance(result, ImageError):
                # The name that comes first is how `Path` writes it.
                name = "image" if path is None else str(Path(path))
                yield self._prediction(path, error=result.message.removeprefix(f"{name}: "))
            elif not np.isfinite(p_deepfake := next(scores)):
                hint = "" if self.precision == "float32" else "; try the precision float32"
                yield self._prediction(path, error=f"the network's output is not finite{hint}")
            else:
                yield self._prediction(path, result, p_deepfake, uncertain)

    @torch.inference_mode()
    def _score(self, pixels: list[Tensor]) -> list[float]:
        with _explaining_memory(self.device, self.batch_size):
            # Channels last, as the pixels are, and as the network will have them.
            batch = torch.stack([each.permute(1, 2, 0) for each in pixels]).permute(0, 3, 1, 2)
            if self.compiled:
                # Another number of images would be compiled for anew.
                padding = batch.new_zeros(self.batch_size - len(pixels), *batch.shape[1:])
                batch = torch.cat([batch, padding])
            logits = forward(
                self.module,
                batch.to(self.device),
                preprocessing=self.weights.preprocessing,
                precision=self.precision,
            )[: len(pixels)]
            scores = probabilities(logits.cpu().numpy(), self.weights.temperature)
        return [float(score) for score in scores]

    def _prediction(
        self,
        path: str | None,
        read: _Judged | None = None,
        p_deepfake: float | None = None,
        uncertain: float = 0.0,
        *,
        error: str | None = None,
    ) -> Prediction:
        weights = self.weights
        label = probability = None
        if p_deepfake is not None:
            is_deepfake = p_deepfake >= weights.threshold
            label = LABELS[DEEPFAKE if is_deepfake else REAL]
            probability = p_deepfake if is_deepfake else 1 - p_deepfake
            if uncertain and abs(p_deepfake - weights.threshold) <= uncertain:
                label, probability = UNCERTAIN, None
        return Prediction(
            path=path,
            label=label,
            probability=probability,
            p_deepfake=p_deepfake,
            threshold=weights.threshold,
            run=weights.run,
            epoch=weights.epoch,
            error=error,
            width=read and read.width,
            height=read and read.height,
            warnings=read.warnings if read else (),
        )


@contextmanager
def _explaining_memory(device: torch.device, batch_size: int) -> Iterator[None]:
    """Says in words that there is too little memory.

    Raises:
        DeviceError: In place of what torch raises then.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        other = "" if device.type == "cpu" else ", or the processor"
        raise DeviceError(
            f"{device} has too little memory for {batch_size} images at a time",
            hint=f"take a smaller batch size{other}",
        ) from None
