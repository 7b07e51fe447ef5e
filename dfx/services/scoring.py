"""Scoring a set of images by a network: one pass in a stream, with the errors by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dfx.data.index import ListedImage
from dfx.data.loading import ImageChange, ImageDataset, ImageLoader, explain_lost_workers
from dfx.errors import WeightsError
from dfx.evaluation.inference import Scores, forward
from dfx.evaluation.precision import Precision
from dfx.messages import Counting
from dfx.records import Preprocessing

_PROGRESS_SECONDS = 0.1
_WAY_OUT = "take fewer with --workers or --batch-size"


@dataclass(frozen=True, slots=True)
class Scorer:
    """A network that scores images, and how.

    Attributes:
        module: In evaluation mode, on the device.
        precision: Number format of the forward pass.
        batch_size: Images at a time.
        workers: Loader processes; 0 loads in this one.
    """

    module: nn.Module
    device: torch.device
    preprocessing: Preprocessing
    precision: Precision
    batch_size: int
    workers: int

    def score(
        self,
        images: Sequence[ListedImage],
        *,
        text: str,
        notify: Callable[[Counting], None],
        change: ImageChange | None = None,
    ) -> tuple[Scores, tuple[tuple[int, str], ...]]:
        """Scores images in their order; of each no more is kept than its two logits.

        Args:
            images: Which.
            text: What is being done, for the person.
            notify: Told how far it is, at most ten times a second.
            change: What is done to each decoded image first.

        Returns:
            The scores of those that can be read, and position and reason of each that cannot.

        Raises:
            TrainingFailed: Where a loader process was killed.
            WeightsError: Where the network gives anything but finite numbers.
        """
        dataset = ImageDataset(
            images,
            image_size_px=self.preprocessing.image_size_px,
            change=change,
            tolerant=True,
        )
        labels, indices, logits = [], [], []
        failed: list[tuple[int, str]] = []
        done, told = 0, time.monotonic()
        with (
            explain_lost_workers(_WAY_OUT),
            ImageLoader(
                dataset,
                batch_size=self.batch_size,
                workers=self.workers,
                pin_memory=self.device.type == "cuda",
            ) as loader,
        ):
            for batch in loader.batches():
                # Copies, since a part of a batch keeps all of it, and a file of its worker open.
                labels.append(batch.labels.clone())
                indices.append(batch.indices.clone())
                if len(batch.indices):
                    logits.append(self._forward(batch.images))
                failed += batch.failed
                done += len(batch.indices) + len(batch.failed)
                if done == len(images) or time.monotonic() - told >= _PROGRESS_SECONDS:
                    notify(Counting(text, done, len(images)))
                    told = time.monotonic()
        scores = Scores(
            labels=torch.cat(labels).numpy(),
            logits=torch.cat(logits).cpu().numpy() if logits else np.empty((0, 2), np.float32),
            indices=torch.cat(indices).numpy(),
        )
        self._check(scores, images)
        return scores, tuple(failed)

    @torch.inference_mode()
    def _forward(self, images: Tensor) -> Tensor:
        return forward(
            self.module,
            images.to(self.device, non_blocking=True),
            preprocessing=self.preprocessing,
            precision=self.precision,
        )

    def _check(self, scores: Scores, images: Sequence[ListedImage]) -> None:
        bad = np.flatnonzero(~np.isfinite(scores.logits).all(axis=1))
        if len(bad):
            first = images[scores.indices[bad[0]]]
            raise WeightsError(
                f"the network's outputs for {len(bad)} of {len(scores.labels)} images are not"
                f" finite, the first of them {first.path}",
                hint=f"in {self.precision} its numbers may overflow; train with"
                " train.precision=float32",
            )
