"""Everything random about the samples, as pure functions of the seed.

The order of an epoch depends on (seed, epoch), the augmentation of a sample on (seed, epoch,
index), dropout on (seed, step, process). The numbers are hashed side by side, never summed: seed 1
in epoch 2 shares nothing with seed 2 in epoch 1. Nothing about randomness needs saving.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Literal

import numpy as np

Purpose = Literal["weights", "order", "augmentation", "step"]


def derive_key(purpose: Purpose, *numbers: int) -> int:
    """A 128-bit key for one purpose and some numbers.

    Args:
        purpose: Keeps the uses apart.
        numbers: Each in [0, 2**64).

    Returns:
        An integer in [0, 2**128).
    """
    packed = struct.pack(f"<{len(numbers)}Q", *numbers)
    digest = hashlib.blake2b(packed, digest_size=16, person=purpose.encode()).digest()
    return int.from_bytes(digest, "little")


def derive_seed(purpose: Purpose, *numbers: int) -> int:
    """The same as a non-negative 63-bit integer, as `torch.manual_seed` takes it."""
    return derive_key(purpose, *numbers) >> 65


def permutation(samples: int, *, seed: int, epoch: int) -> list[int]:
    """The order in which an epoch visits its samples."""
    generator = np.random.Generator(np.random.Philox(key=derive_key("order", seed, epoch)))
    order: list[int] = generator.permutation(samples).tolist()
    return order


def sample_generator(*, seed: int, epoch: int, index: int) -> np.random.Generator:
    """The generator that one sample's augmentation in one epoch draws from."""
    return np.random.Generator(np.random.Philox(key=derive_key("augmentation", seed, epoch, index)))


def cut_batches(order: list[int], batch_size: int) -> list[list[int]]:
    """An order cut into batches.

    The last may be smaller, but a last one of a single sample joins the batch before it: batch norm
    cannot normalise one value.
    """
    batches = [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    if batch_size > 1 and len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [batches[-2] + batches[-1]]
    return batches


def count_batches(samples: int, batch_size: int) -> int:
    """How many batches `cut_batches` cuts."""
    return len(cut_batches(list(range(samples)), batch_size))
