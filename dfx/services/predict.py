"""Verdicts on images, by the best weights of a run or by a weights file alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn

from dfx.data.decode import decode_image
from dfx.data.transforms import prepare
from dfx.errors import ConfigError, ImageError
from dfx.evaluation.inference import forward, probabilities
from dfx.evaluation.precision import Precision, resolve_precision
from dfx.models.device import resolve_device
from dfx.models.weights import Weights, load_weights
from dfx.records import DEEPFAKE, LABELS, REAL
from dfx.records.prediction import Prediction
from dfx.services.best_weights import find_best_weights
from dfx.services.home import find_home, open_store


@dataclass(frozen=True, slots=True)
class Detector:
    """Weights on a device, ready to judge.

    Attributes:
        origin: Which weights these are and why, for the person.
    """

    weights: Weights
    module: nn.Module
    device: torch.device
    precision: Precision
    origin: str


def load_detector(
    reference: str | None, *, weights_file: Path | None, home: Path | None, device: str
) -> Detector:
    """Loads the best weights of a run, or a weights file.

    Args:
        reference: Which run, best by default; the bare name of an experiment means its best.
        weights_file: Takes the place of a run; no home is needed then.
        home: As given on the command line.
        device: As `resolve_device` takes it.

    Raises:
        NotFoundError: Where there is no such run, or it has no weights yet.
        WeightsError: Where its file cannot be used.
    """
    if weights_file is not None and reference is not None:
        raise ConfigError(
            f"--run {reference} and --weights {weights_file} both say which weights",
            hint="name one of them",
        )
    if weights_file is None:
        with open_store(find_home(home), create=False) as store:
            best = find_best_weights(store, reference or "best")
        weights, origin = best.load(), best.reason or "as asked for"
    else:
        path, origin = weights_file, ""
        weights = load_weights(path)
    place = resolve_device(device)
    module = weights.build().to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
    named = f"Using {weights.run}, epoch {weights.epoch}: {origin or path}"
    return Detector(weights, module, place, resolve_precision("auto", place), named)


def predict(detector: Detector, images: Sequence[Path], *, batch_size: int) -> Iterator[Prediction]:
    """Judges images one batch after the other, in their order.

    The next batch is decoded while the network works on the one before.

    Yields:
        A prediction for each path; one with an error for each that cannot be read.
    """
    size = detector.weights.preprocessing.image_size_px
    with ThreadPoolExecutor() as pool:
        waiting: list[tuple[tuple[Path, ...], list[Future[Tensor | ImageError]]]] = []
        remaining = iter(images)
        while paths := tuple(islice(remaining, batch_size)):
            waiting.append((paths, [pool.submit(_read, path, size) for path in paths]))
            if len(waiting) > 1:
                yield from _judge(detector, *waiting.pop(0))
        for paths, futures in waiting:
            yield from _judge(detector, paths, futures)


def _read(path: Path, image_size_px: int) -> Tensor | ImageError:
    try:
        return prepare(decode_image(path), image_size_px)
    except ImageError as error:
        return error


@torch.inference_mode()
def _judge(
    detector: Detector, paths: Sequence[Path], futures: Sequence[Future[Tensor | ImageError]]
) -> Iterator[Prediction]:
    results = [future.result() for future in futures]
    good = [result for result in results if isinstance(result, Tensor)]
    scores: Iterator[float] = iter(())
    weights = detector.weights
    if good:
        logits = forward(
            detector.module,
            torch.stack(good).to(detector.device),
            preprocessing=weights.preprocessing,
            precision=detector.precision,
        )
        scores = iter(probabilities(logits.cpu().numpy(), weights.temperature).tolist())
    for path, result in zip(paths, results, strict=True):
        if isinstance(result, ImageError):
            error = result.message.removeprefix(f"{path}: ")
            yield _prediction(weights, path, None, error)
        else:
            yield _prediction(weights, path, next(scores), None)


def _prediction(
    weights: Weights, path: Path, p_deepfake: float | None, error: str | None
) -> Prediction:
    label = probability = None
    if p_deepfake is not None:
        is_deepfake = p_deepfake >= weights.threshold
        label = LABELS[DEEPFAKE if is_deepfake else REAL]
        probability = p_deepfake if is_deepfake else 1 - p_deepfake
    return Prediction(
        path=str(path),
        label=label,
        probability=probability,
        p_deepfake=p_deepfake,
        threshold=weights.threshold,
        run=weights.run,
        epoch=weights.epoch,
        error=error,
    )
