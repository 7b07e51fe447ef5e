"""What the conditions of the robustness suite cost, in times of decoding the image.

Every condition costs a pass over the images, which decodes them anew and scores them; this is what
comes on top for the change itself. Processor time of this process, in turns within one run.

    python benchmarks/robustness.py
"""

from __future__ import annotations

import argparse
import io
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from dfx.data.decode import decode_image
from dfx.data.transforms import prepare
from dfx.evaluation.robustness import SUITE, library_versions


def main() -> None:
    """Prints, for each condition, its time in times of decoding: median, least and most."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=512, help="pixels, height and width")
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    versions = ", ".join(f"{name} {version}" for name, version in library_versions().items())
    print(f"Python {platform.python_version()}, {versions}; {options.side} px")
    file = _draw(options.side)
    image = decode_image(file)
    works: dict[str, Callable[[], object]] = {"prepare, 380 px": lambda: prepare(image, 380)}
    works |= {c.name: lambda c=c: c.apply(image, key="0") for c in SUITE}
    decoding: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(options.rounds):
        decoding.append(_time(lambda: decode_image(file)))
        for name, work in works.items():
            times[name].append(_time(work) / decoding[-1])
    print(f"decoding a JPEG 90: {statistics.median(decoding) * 1000:.2f} ms")
    for name, ratios in times.items():
        print(f"{name}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def _draw(side: int) -> bytes:
    """A JPEG of soft shapes under grain, about as large as a photograph's."""
    rng = np.random.default_rng(0)
    shapes = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
    soft = np.asarray(shapes.filter(ImageFilter.GaussianBlur(4)), dtype=np.float64)
    samples = (soft - 128) * 4 + 128 + rng.normal(size=(side, side, 1)) * 4
    buffer = io.BytesIO()
    Image.fromarray(samples.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _time(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
