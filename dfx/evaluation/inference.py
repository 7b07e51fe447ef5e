"""Scoring: from batches of images to logits and probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dfx.data.transforms import normalise
from dfx.evaluation.precision import Precision, autocast
from dfx.records import DEEPFAKE, Preprocessing


@dataclass(frozen=True, slots=True)
class Scores:
    """What a network said about some images.

    Attributes:
        labels: int64 [n], 0 real, 1 deepfake.
        logits: float32 [n, 2], uncalibrated.
        indices: int64 [n], positions in the index they were read from.
    """

    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    indices: NDArray[np.int64]

    def p_deepfake(self, temperature: float = 1.0) -> NDArray[np.float64]:
        """Probabilities float64 [n], in [0, 1]."""
        return probabilities(self.logits, temperature)


def forward(
    module: nn.Module,
    images: Tensor,
    *,
    preprocessing: Preprocessing,
    precision: Precision,
) -> Tensor:
    """Logits of a batch.

    Args:
        module: The network, on the images' device.
        images: uint8 [b, 3, h, w].
        preprocessing: As stored with the weights.
        precision: Number format of the forward pass.

    Returns:
        float32 [b, 2].
    """
    inputs = normalise(images, preprocessing).contiguous(memory_format=torch.channels_last)
    with autocast(precision, images.device):
        logits: Tensor = module(inputs)
    return logits.float()


def probabilities(logits: NDArray[np.float32], temperature: float = 1.0) -> NDArray[np.float64]:
    """p_deepfake of logits.

    Args:
        logits: [n, 2].
        temperature: What they are divided by first.

    Returns:
        float64 [n], in [0, 1].
    """
    margins = (logits[:, DEEPFAKE].astype(np.float64) - logits[:, 1 - DEEPFAKE]) / temperature
    # The two branches keep exp() from overflowing.
    decay = np.exp(-np.abs(margins))
    result: NDArray[np.float64] = np.where(margins >= 0, 1, decay) / (1 + decay)
    return result
