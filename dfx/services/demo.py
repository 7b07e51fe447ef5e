"""The demo: the main job from images to verdicts, in a folder of its own, without a download."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dfx.data.sample import write_sample
from dfx.errors import NotFoundError
from dfx.messages import Counting, Message, Notice, RunFinished
from dfx.records import Evaluation, Status
from dfx.records.leaderboard import Leaderboard
from dfx.records.prediction import Prediction
from dfx.services.compare import compare_runs
from dfx.services.configure import configure, find_file
from dfx.services.detector import Detector
from dfx.services.home import open_store
from dfx.services.resume import resume_run
from dfx.services.show import show_run
from dfx.services.train import start_run

DEVICE = "cpu"
"""What is shown must not hang on the state of a driver, and takes minutes at the most."""

IMAGES = 1000
SEED = 1

EXPERIMENTS: dict[str, dict[str, Any]] = {
    "demo-b4": {},
    "demo-small": {"model.name": "resnet10t", "optim.lr": 1e-3, "train.epochs": 8},
}
"""What each experiment changes in `experiments/demo.toml`."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo has to show.

    Attributes:
        leaderboard: Of the demo's runs.
        winner: Name of the best run.
        evaluation: Its validation report.
        origin: Which weights the predictions were made with, and why.
        predictions: On images of the test split, which no training has seen.
        data: The folder of the images.
        home: The home of the runs.
    """

    leaderboard: Leaderboard
    winner: str
    evaluation: Evaluation
    origin: str
    predictions: list[Prediction]
    data: Path
    home: Path


def run_demo(folder: Path, notify: Callable[[Message], None]) -> DemoResult:
    """Writes the images, trains both experiments, and judges a few images with the winner.

    What an earlier demo left there is used: images and completed runs as they are, an interrupted
    run from where it stopped.

    Args:
        folder: Made where it does not exist.
        notify: Told of everything that happens.
    """
    data, home = folder / "dataset", folder / "runs"

    def count(done: int, total: int) -> None:
        notify(Counting("Drawing portraits", done, total))

    report = write_sample(data, images=IMAGES, seed=SEED, progress=count)
    done = f"{report.written} written" if report.written else "found as they were"
    notify(Notice(f"{IMAGES} drawn portraits in {data}, half of them with a blended face: {done}"))
    for experiment, changes in EXPERIMENTS.items():
        _train(experiment, changes, data, home, notify)
    leaderboard = compare_runs(home)
    winner = leaderboard.groups[0].ranked[0].summary
    shown = show_run(winner.run, home)
    evaluation = shown.detail.find_report(winner.best_epoch)
    if evaluation is None:
        raise NotFoundError(
            f"{winner.run} has no validation report",
            hint=f"remove its files in {home}, or name another folder",
        )
    detector = Detector.load_run(home=home, device=DEVICE)
    images = [
        image
        for class_name in ("real", "deepfake")
        for image in sorted((data / "test" / class_name).iterdir())[:3]
    ]
    return DemoResult(
        leaderboard=leaderboard,
        winner=winner.run,
        evaluation=evaluation,
        origin=detector.introduction,
        predictions=detector.predict(images),
        data=data,
        home=home,
    )


def _train(
    experiment: str,
    changes: dict[str, Any],
    data: Path,
    home: Path,
    notify: Callable[[Message], None],
) -> None:
    """Trains an experiment, unless that was done before."""

    def without_report(message: Message) -> None:
        if not isinstance(message, RunFinished):
            notify(message)

    with open_store(home, create=True) as store:
        before = [run for run in store.list_summaries() if run.experiment == experiment]
    if before and before[-1].status is Status.COMPLETED:
        notify(Notice(f"{before[-1].run} was trained before and is used as it is"))
    elif before:
        resume_run(before[-1].run, epochs=None, settings=[], home=home, notify=without_report)
    else:
        values = {"data.root": str(data), "train.device": DEVICE, **changes}
        flags = {key: ("dfx demo", value) for key, value in values.items()}
        configuration = configure(experiment, file=find_file("demo"), flags=flags)
        start_run(configuration, home=home, notify=without_report)
