"""What intervals cost: 2,000 resamples of 20,000 images, in passes of scikit-learn's metrics.

A pass is the metrics of one set of images, as `dfx evaluate` computes them, mostly in scikit-learn.
A bootstrap as it is commonly written takes one for each resample. The time is that of the processor
in all threads, so that neither cores nor others' work decide it.

    python benchmarks/intervals.py
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import sklearn

from dfx.evaluation.assessment import assess
from dfx.evaluation.bootstrap import RESAMPLES, bootstrap_intervals
from dfx.evaluation.delong import compare_aucs


def main() -> None:
    """Prints the seconds of a pass, of all intervals and of DeLong's test, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"Python {platform.python_version()}, numpy {np.__version__},"
        f" scikit-learn {sklearn.__version__}; {options.images:,} images, {RESAMPLES:,} resamples"
    )
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, options.images)
    distinct, other = (1 / (1 + np.exp(-rng.normal(3 * labels - 1.5, 2))) for _ in range(2))
    for name, p in (("no ties", distinct), ("100 different scores", distinct.round(2))):
        passes, intervals, tests = [], [], []
        assessment = assess(labels, p, threshold=0.5)
        for number in range(options.rounds):
            passes.append(_time(lambda p=p: assess(labels, p, threshold=0.5)))
            intervals.append(
                _time(lambda p=p, a=assessment, n=number: bootstrap_intervals(a, labels, p, seed=n))
            )
            tests.append(_time(lambda p=p: compare_aucs(labels, p, other)))
        ratios = [a / b for a, b in zip(intervals, passes, strict=True)]
        print(
            f"{name}: a pass {statistics.median(passes):.4f} s,"
            f" all intervals {statistics.median(intervals):.2f} s"
            f" ({min(intervals):.2f} to {max(intervals):.2f}),"
            f" {statistics.median(ratios):.0f} passes ({min(ratios):.0f} to {max(ratios):.0f});"
            f" DeLong {statistics.median(tests):.4f} s"
        )


def _time(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


if __name__ == "__main__":
    main()
