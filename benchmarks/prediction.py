"""Prediction by dfx against the loops that people write, and the time to the first verdict.

All judge the same images by the same weights, a process each, in turns of a hundred images, so that
the ratios hold on a noisy machine. *plain* is the loop everyone writes: PIL, one image at a time,
float32, eager. *by hand* is a loop in batches with the settings that dfx chose: channels-last, the
number format, the batch size. Start-up is `dfx predict` of one image against a process that imports
torch and timm, builds the network and loads its weights.

    python benchmarks/prediction.py FOLDER --weights best.pt --image-size 380
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from itertools import cycle, islice
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import timm
import torch
from PIL import Image
from torchvision import transforms

from dfx import Detector
from dfx.cli.app import set_up_threads
from dfx.config import ExperimentConfig
from dfx.models.device import describe_device, resolve_device
from dfx.models.network import create_module
from dfx.models.pace import flush_denormals
from dfx.models.weights import Weights, dump_weights, load_weights
from dfx.records import DEEPFAKE, Preprocessing

_TURN = 100
_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_LOAD = """
import sys, torch, timm
content = torch.load(sys.argv[1], weights_only=True)
model = timm.create_model(content["architecture"], num_classes=2)
model.load_state_dict(content["state"])
model.eval()
"""

Judge = Callable[[Sequence[Path]], list[float]]
Ask = Callable[[Sequence[Path]], tuple[float, list[float]]]


def main() -> None:
    """Prints images per second, ratios, differences of probability, and start-up times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with images, at any depth")
    parser.add_argument("--weights", type=Path, help="default: EfficientNet-B4 with random weights")
    parser.add_argument("--image-size", type=int, help="default: that of the weights, or 380")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--starts", type=int, default=7)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.rglob("*") if path.is_file())
    paths = list(islice(cycle(paths[:: max(1, len(paths) // options.count)]), options.count))
    weights = _take_weights(options.weights, options.image_size)
    print(f"{describe_device(resolve_device(options.device))}, Python {platform.python_version()},")
    print(f"torch {torch.__version__}, timm {timm.__version__}; {weights.architecture},")
    print(f"{weights.preprocessing.image_size_px} px; {len(paths)} images of {options.folder}\n")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "weights.pt"
        file.write_bytes(dump_weights(weights))
        _compare_speed(file, options.device, paths, weights.threshold)
        if options.starts:
            _compare_starts(file, paths[0], options.device, options.starts)


def _take_weights(file: Path | None, image_size_px: int | None) -> Weights:
    if file is None:
        torch.manual_seed(0)
        size = image_size_px or 380
        name = "efficientnet_b4.ra2_in1k"
        return Weights(
            architecture=name,
            preprocessing=Preprocessing(size),
            state=create_module(name, image_size_px=size).state_dict(),
            threshold=0.5,
            temperature=1.0,
            run="random/1",
            run_uuid="",
            epoch=0,
            step=0,
            precision="float32",
            metrics={},
            config=ExperimentConfig().flat(),
        )
    weights = load_weights(file)
    if image_size_px:
        weights = replace(weights, preprocessing=Preprocessing(image_size_px))
    return weights


def _compare_speed(file: Path, device: str, paths: Sequence[Path], threshold: float) -> None:
    rates: dict[str, list[float]] = {name: [] for name in _LOOPS}
    scores: dict[str, list[float]] = {name: [] for name in _LOOPS}
    with ExitStack() as stack:
        loops = {name: stack.enter_context(_process(name, file, device)) for name in _LOOPS}
        for ask in loops.values():  # warms up
            ask(paths[:64])
        for start in range(0, len(paths), _TURN):
            turn = paths[start : start + _TURN]
            for name, ask in loops.items():
                seconds, found = ask(turn)
                scores[name] += found
                rates[name].append(len(turn) / seconds)
    for name, values in rates.items():
        line = f"{name:<14}{statistics.median(values):8.2f} images/s"
        for other in ("plain", "by hand"):
            ratios = [a / b for a, b in zip(values, rates[other], strict=True)]
            line += f"   {statistics.median(ratios):5.2f} × {other}"
            line += f" ({min(ratios):.2f} to {max(ratios):.2f})"
        print(line)
    print()
    plain = np.array(scores["plain"])
    for name in ("dfx", "dfx, compiled"):
        change = np.abs(np.array(scores[name]) - plain)
        flips = np.count_nonzero((np.array(scores[name]) >= threshold) != (plain >= threshold))
        print(
            f"{name}: p_deepfake differs from plain by {change.mean():.5f} on average,"
            f" {np.quantile(change, 0.99):.5f} at the 99th percentile, {change.max():.5f} at most;"
            f" {flips} of {len(plain)} verdicts differ"
        )
    print(f"p_deepfake of plain: {np.array2string(np.quantile(plain, [0, 0.25, 0.5, 0.75, 1]))}\n")


@contextmanager
def _process(name: str, file: Path, device: str) -> Iterator[Ask]:
    """A loop in a process of its own, which does nothing unless it is asked."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_serve, args=(name, file, device, theirs)
    )
    before = dict(os.environ)
    if name.startswith("dfx"):
        set_up_threads(["dfx", "predict"])
    process.start()
    os.environ.clear()
    os.environ.update(before)

    def ask(paths: Sequence[Path]) -> tuple[float, list[float]]:
        ours.send(paths)
        answer: tuple[float, list[float]] = ours.recv()
        return answer

    try:
        yield ask
    finally:
        ours.send(None)
        process.join()


def _serve(name: str, file: Path, device: str, connection: Connection) -> None:
    judge = _LOOPS[name](file, device)
    while paths := connection.recv():
        began = time.perf_counter()
        scores = judge(paths)
        connection.send((time.perf_counter() - began, scores))


def _read(paths: Sequence[Path], settings: Preprocessing) -> torch.Tensor:
    transform = transforms.Compose(
        [
            transforms.Resize(
                (settings.image_size_px, settings.image_size_px),
                interpolation=transforms.InterpolationMode.BICUBIC,
            ),
            transforms.ToTensor(),
            transforms.Normalize(settings.mean, settings.std),
        ]
    )
    return torch.stack([transform(Image.open(path).convert("RGB")) for path in paths])


def _p_deepfake(logits: torch.Tensor, weights: Weights) -> list[float]:
    shares = torch.softmax(logits.float() / weights.temperature, dim=1)
    found: list[float] = shares[:, DEEPFAKE].tolist()
    return found


def _plain(file: Path, device: str) -> Judge:
    weights, place = load_weights(file), resolve_device(device)
    module = weights.build().to(place)

    def judge(paths: Sequence[Path]) -> list[float]:
        found = []
        with torch.no_grad():
            for path in paths:
                found += _p_deepfake(
                    module(_read([path], weights.preprocessing).to(place)), weights
                )
        return found

    return judge


def _by_hand(file: Path, device: str) -> Judge:
    detector = Detector.load(file, device=device)  # for the settings that it chooses
    weights, place, size = detector.weights, detector.device, detector.batch_size
    module = weights.build().to(place, memory_format=torch.channels_last)
    dtype = _DTYPES.get(detector.precision)

    def judge(paths: Sequence[Path]) -> list[float]:
        found = []
        context = torch.autocast(place.type, dtype) if dtype else nullcontext()
        with torch.inference_mode(), context:
            for start in range(0, len(paths), size):
                images = _read(paths[start : start + size], weights.preprocessing)
                images = images.to(place, memory_format=torch.channels_last)
                found += _p_deepfake(module(images), weights)
        return found

    return judge


def _dfx(file: Path, device: str, *, compiled: bool = False) -> Judge:
    flush_denormals()
    detector = Detector.load(file, device=device, compiled=compiled)
    if detector.obstacle:
        print(f"not compiled: {detector.obstacle}")
    return lambda paths: [each.p_deepfake or 0.0 for each in detector.predict(paths)]


def _dfx_compiled(file: Path, device: str) -> Judge:
    return _dfx(file, device, compiled=True)


_LOOPS = {"plain": _plain, "by hand": _by_hand, "dfx": _dfx, "dfx, compiled": _dfx_compiled}


def _compare_starts(file: Path, image: Path, device: str, starts: int) -> None:
    commands = {
        "import, build, load": [sys.executable, "-c", _LOAD, str(file)],
        "dfx predict, one image": [
            *(sys.executable, "-m", "dfx", "predict", "--weights", str(file), str(image)),
            *("--device", device),
        ],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(starts + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            if number:  # the first ones find nothing in the system's memory
                seconds[name].append(time.perf_counter() - began)
    for name, values in seconds.items():
        print(f"{name:<24}{statistics.median(values):6.2f} s")
    ratios = [b / a for a, b in zip(*seconds.values(), strict=True)]
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
