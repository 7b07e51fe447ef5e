"""What it costs to use a store of 10,000 runs of 15 epochs: starting, comparing, recording.

Commands are timed as whole processes, in turns with the imports that they are held against, so that
a ratio is one of neighbours in time. With `--peers`, MLflow and Optuna are installed into an
environment in a temporary folder, filled with the same curves, and asked for the best epoch.

    python benchmarks/store.py --peers
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
import venv
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy
import typer
from filled_store import Curve, draw_curves, fill, scan_for_winner

from dfx.config import ExperimentConfig
from dfx.records import CheckpointFile, Confusion, EpochRecord, Evaluation, SplitSummary
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

DFX = (sys.executable, "-m", "dfx")
COMPARE = (*DFX, "compare", "--limit", "20")
COMPARE_IMPORTS = (sys.executable, "-c", "import typer, rich.console, sqlalchemy.orm")
HELP_IMPORTS = (sys.executable, "-c", "import typer")
PEERS = {"mlflow": ("mlflow-skinny", "sqlalchemy", "alembic"), "optuna": ("optuna",)}
PEERS_SCRIPT = Path(__file__).with_name("peers.py")

Line = tuple[str, str, str, str]
"""What was measured, its figure, what it is held against, and the ratio or the limit."""


def main() -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peers", action="store_true", help="install and measure MLflow, Optuna")
    parser.add_argument("--peers-python", help="a Python that has them, instead of installing")
    parser.add_argument("--peer-rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{options.runs:,} runs of {options.epochs} epochs; Python {platform.python_version()},"
        f" SQLAlchemy {sqlalchemy.__version__}, typer {typer.__version__}"
    )
    with tempfile.TemporaryDirectory(prefix="dfx-store-") as name:
        folder = Path(name)
        curves = draw_curves(options.runs, options.epochs)
        fill(folder / "runs", curves)
        for command in (HELP_IMPORTS, COMPARE_IMPORTS, COMPARE):
            _output(command, folder)  # once unmeasured, so that files are in memory
        lines = [
            _against("dfx --help", (*DFX, "--help"), HELP_IMPORTS, folder, options.rounds),
            _against("dfx compare --limit 20", COMPARE, COMPARE_IMPORTS, folder, options.rounds),
            _winner(folder),
            _recording(folder / "runs", options.epochs),
        ]
        python = options.peers_python
        if options.peers and not python:
            python = _install_peers(folder)
        if python:
            for peer in PEERS:
                lines += _ask_peer(python, peer, curves, folder, options.peer_rounds)
        _print_table(lines)
    if not python:
        print("MLflow and Optuna are not installed; --peers installs them in a temporary folder")


def _against(
    name: str, command: Sequence[str], other: Sequence[str], folder: Path, rounds: int
) -> Line:
    """Times two commands in turns."""
    ours, theirs, _ = _take_turns(command, other, folder, rounds)
    return _make_line(name, ours, theirs, other)


def _take_turns(
    command: Sequence[str], other: Sequence[str], folder: Path, rounds: int
) -> tuple[list[float], list[float], str]:
    """Seconds of both, round by round, and what the first one printed."""
    ours, theirs, printed = [], [], ""
    for _ in range(rounds):
        began = time.perf_counter()
        _output(other, folder)
        between = time.perf_counter()
        printed = _output(command, folder)
        theirs.append(between - began)
        ours.append(time.perf_counter() - between)
    return ours, theirs, printed


def _make_line(
    name: str, ours: Sequence[float], theirs: Sequence[float], other: Sequence[str]
) -> Line:
    ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
    return (
        name,
        f"{1000 * statistics.median(ours):.0f} ms",
        f"{' '.join(other[2:])}: {1000 * statistics.median(theirs):.0f} ms",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
    )


def _output(command: Sequence[str], folder: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if k not in {"DFX_HOME", "DFX_DATABASE_URL"}}
    done = subprocess.run(
        command, cwd=folder, env=clean, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def _recording(home: Path, epochs: int, *, runs: int = 10) -> Line:
    """Processor time of recording an epoch that improved, into the store as it is: full."""
    costs = []
    with RunStore.open(home, create=False) as store:
        for _ in range(runs):
            run, attempt = store.create_run(
                experiment="recorded",
                config=ExperimentConfig(),
                home=home,
                uuid=str(uuid.uuid4()),
                process=this_process(),
                settings={},
                environment={},
            )
            digest = f"sha256:{0:064x}"
            store.record_data(attempt.id, [SplitSummary("val", digest, digest, 50, 50)])
            for epoch in range(1, epochs + 1):
                arguments = _make_epoch(run.directory, epoch)
                began = time.process_time()
                store.record_epoch(attempt.id, **arguments, improved=True)  # type: ignore[arg-type]
                costs.append(1000 * (time.process_time() - began))
    spread = f"{min(costs):.1f} to {max(costs):.1f}"
    figure = f"{statistics.median(costs):.1f} ms ({spread})"
    return "an epoch recorded", figure, "processor time, at most 5 ms", ""


def _make_epoch(directory: str, epoch: int) -> dict[str, object]:
    """An epoch with the two checkpoints and the evaluation that come with an improvement."""
    now = datetime.now(UTC)
    share = 0.5 + epoch / 100
    return {
        "record": EpochRecord(
            epoch=epoch,
            step=10 * epoch,
            train_loss=0.5,
            train_accuracy=share,
            val_loss=0.5,
            val_accuracy=share,
            val_auc=share,
            val_f1=share,
            lr=1e-4,
            seconds=700.0,
            images_per_second=140.0,
            attempt=1,
            finished_at=now,
        ),
        "checkpoints": [
            CheckpointFile(
                kind=kind,
                epoch=epoch,
                step=10 * epoch,
                path=f"{directory}/{kind}-{epoch}.pt",
                bytes=211_703_278,
                sha256=f"sha256:{epoch:064x}",
            )
            for kind in ("last", "best")
        ],
        "evaluation": Evaluation(
            epoch=epoch,
            split="val",
            dataset_digest=f"sha256:{0:064x}",
            threshold=0.5,
            accuracy=share,
            precision=share,
            recall=share,
            f1=share,
            auc=share,
            average_precision=share,
            loss=0.5,
            confusion=Confusion(tn=25, fp=25, fn=25, tp=25),
            predictions=f"{directory}/predictions-{epoch}.csv",
            created_at=now,
        ),
    }


def _winner(folder: Path) -> Line:
    """Holds the leader against what a plain reading of every epoch finds."""
    leader = json.loads(_output((*COMPARE, "--format", "json"), folder))["runs"][0]["run"]
    expected = scan_for_winner(folder / "runs")
    if leader != expected:
        raise SystemExit(f"compare puts {leader} first; a scan of all epochs finds {expected}")
    return "the leader", leader, "a scan of every epoch", "the same"


def _install_peers(folder: Path) -> str | None:
    environment = folder / "peers"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    packages = [package for needed in PEERS.values() for package in needed]
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", *packages],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        print(f"MLflow and Optuna cannot be installed: {done.stderr.strip().splitlines()[-1]}")
        return None
    return python


def _ask_peer(
    python: str, peer: str, curves: list[Curve], folder: Path, rounds: int
) -> Iterator[Line]:
    """Times the question that a peer recommends, and the one with the right answer."""
    values = folder / "curves.json"
    values.write_text(json.dumps([[accuracy for accuracy, _ in curve] for curve in curves]))
    script = (python, str(PEERS_SCRIPT), peer)
    number = _output((*script, "version", "-"), folder).strip()
    _output((*script, "fill", f"{peer}.db", str(values)), folder)
    right = max(accuracy for curve in curves for accuracy, _ in curve)
    for action, what in (("ask-last", "by last values"), ("ask-best", "by every epoch")):
        command = (*script, action, f"{peer}.db")
        ours, theirs, printed = _take_turns(command, COMPARE, folder, rounds)
        answer = float(printed.split()[-1])
        verdict = "the best epoch" if answer == right else f"{answer}, where {right} is the best"
        yield _make_line(f"{peer} {number} {what}: {verdict}", ours, theirs, COMPARE)


def _print_table(lines: Sequence[Line]) -> None:
    """Prints the lines in columns that are as wide as needed."""
    table = [("measured", "median", "against", "ratio (least to most)"), *lines]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    for line in table:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))


if __name__ == "__main__":
    main()
