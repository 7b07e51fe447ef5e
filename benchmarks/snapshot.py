"""What a snapshot of EfficientNet-B4 costs: bytes, seconds, and the share of a training's time.

A real state (one step done, so that the optimiser has its moments) is dumped and written durably,
as in a run. Training stands still meanwhile, so the share is the seconds by those between two
snapshots, 300 by default.

    python benchmarks/snapshot.py --folder .
"""

from __future__ import annotations

import argparse
import platform
import statistics
import tempfile
import time
from pathlib import Path

import torch

from dfx.config import TrainConfig
from dfx.models.device import describe_device, resolve_device
from dfx.models.network import create_module
from dfx.training.checkpoint import dump_checkpoint, write_durably
from dfx.training.state import TrainingState

ARCHITECTURE = "efficientnet_b4"


def main() -> None:
    """Prints bytes, the median of the seconds, and the share, without and with a moving average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--folder", type=Path, help="on the disk to write to")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    device = resolve_device(options.device)
    print(
        f"{describe_device(device)}, Python {platform.python_version()}, torch {torch.__version__}"
    )
    for ema_decay in (0.0, 0.999):
        state = _make_state(device, ema_decay)
        dumped, written = [], []
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            for number in range(options.rounds):
                began = time.perf_counter()
                data = dump_checkpoint(state.dump(), {})
                between = time.perf_counter()
                write_durably(Path(folder) / f"{number}.pt", data)
                dumped.append(between - began)
                written.append(time.perf_counter() - between)
        seconds = [a + b for a, b in zip(dumped, written, strict=True)]
        interval = 60 * TrainConfig().checkpoint_minutes
        print(
            f"{'with' if ema_decay else 'without'} a moving average: {len(data):,} bytes,"
            f" {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f};"
            f" {statistics.median(dumped):.2f} to dump, {statistics.median(written):.2f} to write),"
            f" {100 * statistics.median(seconds) / interval:.2f} % at every {interval:.0f} s"
        )


def _make_state(device: torch.device, ema_decay: float) -> TrainingState:
    state = TrainingState(
        create_module(ARCHITECTURE, image_size_px=64).train(),
        device=device,
        precision="float32",
        weight_decay=1e-5,
        ema_decay=ema_decay,
    )
    state.module(torch.randn(2, 3, 64, 64, device=device)).sum().backward()
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    return state


if __name__ == "__main__":
    main()
