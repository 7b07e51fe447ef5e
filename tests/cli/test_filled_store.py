"""The leader of a full store is the run that an independent reading of every epoch finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Command  # type: ignore[import-not-found]

# The filler is a benchmark's, and found by name.
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import filled_store
from filled_store import Curve, draw_curves, fill, scan_for_winner

BENCHMARKS = Path(filled_store.__file__).parent


def blur(curve: Curve) -> Curve:
    """The curve in so few figures that several runs share the best of them."""
    return [(min(round(accuracy, 2), 0.95), round(loss, 1)) for accuracy, loss in curve]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("blurred", [False, True], ids=["apart", "with ties"])
def test_leader_is_that_of_an_independent_scan(
    seed: int, blurred: bool, folder: Path, dfx: Command
) -> None:
    curves = draw_curves(300, 15, seed=seed)
    if blurred:
        curves = [blur(curve) for curve in curves]
        best = [max(accuracy for accuracy, _ in curve) for curve in curves[200:]]
        assert best.count(max(best)) > 1
    fill(folder / "runs", curves)
    runs = dfx("compare", "--format", "json").json()["runs"]

    assert runs[0]["run"] == scan_for_winner(folder / "runs")
    assert len(runs) == 300
    assert len({run["validation_digest"] for run in runs}) == 3


def test_benchmark_prints_its_table(tmp_path: Path) -> None:
    """With a few runs and no peers, which it says."""
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "store.py", "--runs", "9", "--epochs", "2", "--rounds", "1"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()

    assert done.returncode == 0, done.stderr
    assert [line.partition("  ")[0] for line in lines] == [
        lines[0],
        "measured",
        "dfx --help",
        "dfx compare --limit 20",
        "the leader",
        "an epoch recorded",
        lines[-1],
    ]
    assert "MLflow and Optuna are not installed" in lines[-1]
