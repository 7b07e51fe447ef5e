"""Training throughput of dfx's own step against the loop as it is commonly written.

Both train the same network on the same batches, in turns within one process, so that the ratio
holds on a noisy machine. The plain loop keeps images in the default memory format; dfx's step is
channels-last and does everything else a run does (tally, scaler, per-step seed, learning rate).

    python benchmarks/training_step.py --arch efficientnet_b4 --image-size 128 --batch-size 16
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import timm
import torch
from torch.nn.functional import cross_entropy

from dfx.data.loading import Batch
from dfx.data.transforms import normalise
from dfx.evaluation.precision import resolve_precision
from dfx.models.device import describe_device, resolve_device
from dfx.models.network import create_module
from dfx.records import Preprocessing
from dfx.training.loop import Recipe, train_step
from dfx.training.schedule import LearningRate
from dfx.training.state import TrainingState


def main() -> None:
    """Prints images per second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", default="efficientnet_b4")
    parser.add_argument("--image-size", type=int, default=128)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    options = parser.parse_args()
    device = resolve_device(options.device)
    size, count = options.image_size, options.batch_size
    images = torch.randint(0, 256, (count, 3, size, size), dtype=torch.uint8)
    batch = Batch(images, torch.arange(count) % 2, torch.arange(count))
    loops = {
        "plain": _plain(options.arch, size, batch, device),
        "dfx": _dfx(options.arch, size, batch, device),
    }
    rates: dict[str, list[float]] = {name: [] for name in loops}
    for round_number in range(options.rounds + 1):
        for name, step in loops.items():
            began = time.perf_counter()
            for _ in range(options.steps):
                step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if round_number:  # the first round warms up
                rates[name].append(options.steps * count / (time.perf_counter() - began))
    print(f"{describe_device(device)}, Python {platform.python_version()},")
    print(f"torch {torch.__version__}, timm {timm.__version__}; {options.arch}, {size} px")
    for name, values in rates.items():
        print(f"{name:<6}{statistics.median(values):8.2f} images/s")
    ratios = [d / p for d, p in zip(rates["dfx"], rates["plain"], strict=True)]
    print(f"ratio {statistics.median(ratios):8.2f}  ({min(ratios):.2f} to {max(ratios):.2f})")


def _plain(arch: str, size: int, batch: Batch, device: torch.device) -> Callable[[], None]:
    model = create_module(arch, image_size_px=size).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=1e-5)
    precision = resolve_precision("auto", device)
    dtype = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(precision)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "float16")

    def step() -> None:
        inputs = normalise(batch.images.to(device), Preprocessing(size))
        optimizer.zero_grad()
        with torch.autocast(device.type, dtype=dtype, enabled=dtype is not None):
            loss = cross_entropy(model(inputs), batch.labels.to(device))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()

    return step


def _dfx(arch: str, size: int, batch: Batch, device: torch.device) -> Callable[[], None]:
    precision = resolve_precision("auto", device)
    state = TrainingState(
        create_module(arch, image_size_px=size).train(),
        device=device,
        precision=precision,
        weight_decay=1e-5,
        ema_decay=0,
    )
    recipe = Recipe(
        epochs=1,
        seed=0,
        precision=precision,
        preprocessing=Preprocessing(size),
        learning_rate=LearningRate(1e-4, "constant", 1, 1, 0, 1, 1),
        select_by="accuracy",
        patience=0,
        min_delta=0,
        freeze_epochs=0,
        accumulate=1,
        clip_grad_norm=0,
        label_smoothing=0,
        class_weights=(1.0, 1.0),
        snapshot_seconds=1e9,
    )

    def step() -> None:
        train_step(state, [batch], recipe, sizes=[len(batch.labels)])
        state.step += 1

    return step


if __name__ == "__main__":
    main()
