"""Records of an imaginary home, and ways to look at what is rendered."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from dfx.config import ExperimentConfig
from dfx.records import (
    Attempt,
    CheckpointFile,
    Confusion,
    EpochRecord,
    Evaluation,
    ProcessIdentity,
    Run,
    RunDetail,
    RunSummary,
    SplitSummary,
    Status,
)
from dfx.records.boards import HeldOutBoard
from dfx.records.leaderboard import (
    ACCURACY,
    Leaderboard,
    LeaderboardGroup,
    PairedTest,
    RankedRun,
)
from dfx.records.matrix import Matrix
from dfx.records.robustness_board import RobustBoard

from .board_samples import make_held_out, make_matrix, make_robust

GOLDENS = Path(__file__).parent / "goldens"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEFAULTS = ExperimentConfig().flat()
DIGEST = "sha256:9f2c" + "0" * 60

Render = Callable[[RenderableType, int], str]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def render() -> Render:
    """Renders without colour at a width; spaces at the ends of lines are cut."""

    def render(renderable: RenderableType, width: int) -> str:
        file = io.StringIO()
        Console(file=file, width=width, color_system=None, legacy_windows=False).print(
            renderable, crop=False
        )
        return "".join(line.rstrip() + "\n" for line in file.getvalue().splitlines())

    return render


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares a text with the one that is kept; `--rewrite-goldens` keeps this one."""

    def compare(name: str, actual: str) -> None:
        file = GOLDENS / f"{name}.txt"
        if request.config.getoption("--rewrite-goldens"):
            file.write_text(actual, encoding="utf-8")

        assert file.read_text(encoding="utf-8") == actual

    return compare


def _summary(name: str, *, run_id: int, accuracy: float, half: float) -> RunSummary:
    experiment, number = name.split("/")
    return RunSummary(
        run=name,
        id=run_id,
        experiment=experiment,
        number=int(number),
        uuid=f"00000000-0000-0000-0000-{run_id:012d}",
        status=Status.COMPLETED,
        epochs=15,
        best_epoch=11,
        val_accuracy=accuracy,
        val_accuracy_low=accuracy - half,
        val_accuracy_high=accuracy + half,
        val_loss=0.0412345678,
        val_auc=0.9991,
        val_f1=0.9872,
        seconds=11520.0,
        validation_digest=DIGEST,
        validation_images=20000,
        created_at=START,
    )


@pytest.fixture
def leaderboard() -> Leaderboard:
    """Two validation sets, a lost run, one without an epoch, and one that never read its data."""
    first = _summary("b4-robust/1", run_id=3, accuracy=0.98731, half=0.0016)
    second = replace(
        _summary("b4-baseline/2", run_id=2, accuracy=0.9861, half=0.0016),
        best_epoch=9,
        val_auc=None,
        seconds=245.0,
    )
    lost = replace(
        _summary("b4-frozen/1", run_id=4, accuracy=0.979, half=0.002),
        status=Status.LOST,
        epochs=9,
        best_epoch=8,
    )
    early = replace(
        lost,
        run="b4-frozen/2",
        id=5,
        number=2,
        status=Status.RUNNING,
        epochs=0,
        best_epoch=None,
        val_accuracy=None,
        val_accuracy_low=None,
        val_accuracy_high=None,
        val_loss=None,
        val_auc=None,
        val_f1=None,
        seconds=12.34,
    )
    other = replace(second, run="small/1", id=1, validation_digest="sha256:77ab" + "0" * 60)
    unread = replace(
        early,
        run="b4-gone/1",
        id=6,
        status=Status.FAILED,
        validation_digest=None,
        validation_images=None,
    )
    common = {"augment.jpeg": 0.0, "train.freeze_epochs": 0, "train.seed": 0}
    differing: list[dict[str, Any]] = [
        {"augment.jpeg": 0.5},
        {"train.seed": 1},
        {"train.freeze_epochs": 3},
        {},
    ]
    ranked = tuple(
        RankedRun(rank if run is not early else None, run, {**DEFAULTS, **differs}, differs)
        for rank, (run, differs) in enumerate(
            zip((first, second, lost, early), differing, strict=True), 1
        )
    )
    test = PairedTest(first.run, second.run, 210, 190, 0.3417)
    alone = RankedRun(1, replace(other, validation_images=1200), DEFAULTS, {})
    nowhere = RankedRun(None, unread, DEFAULTS, {})
    groups = (
        LeaderboardGroup(
            DIGEST, 20000, (10000, 10000), ranked[:3], ranked[3:], 0, common, None, test
        ),
        LeaderboardGroup(other.validation_digest, 1200, None, (alone,), (), 17, {}, None, None),
        LeaderboardGroup(None, None, None, (), (nowhere,), 0, {}, None, None),
    )
    return Leaderboard(ACCURACY, None, groups)


@pytest.fixture
def evaluation() -> Evaluation:
    return Evaluation(
        epoch=2,
        split="val",
        dataset_digest=DIGEST,
        threshold=0.5,
        accuracy=0.9125,
        precision=0.925,
        recall=0.9024390243902439,
        f1=0.9135802469135802,
        auc=0.9731,
        average_precision=0.9688,
        loss=0.2213,
        confusion=Confusion(tn=1110, fp=90, fn=120, tp=1080),
        predictions="b4-baseline/2/predictions-val.csv",
        created_at=START + timedelta(minutes=20),
    )


@pytest.fixture
def epochs() -> tuple[EpochRecord, ...]:
    return tuple(
        EpochRecord(
            epoch=epoch,
            step=epoch * 438,
            train_loss=0.5 / epoch,
            train_accuracy=1 - 0.3 / epoch,
            val_loss=0.4 / epoch + 0.1,
            val_accuracy=0.9125 - 0.1 * abs(2 - epoch),
            val_auc=0.9731,
            val_f1=None if epoch == 1 else 0.9136,
            lr=1e-4 / epoch,
            seconds=371.5,
            images_per_second=40.25,
            attempt=1 if epoch < 3 else 2,
            finished_at=START + timedelta(minutes=7 * epoch),
        )
        for epoch in (1, 2, 3)
    )


@pytest.fixture
def detail(evaluation: Evaluation, epochs: tuple[EpochRecord, ...]) -> RunDetail:
    """A run that was killed, resumed and interrupted."""
    config = ExperimentConfig().replace(
        {"train.seed": 7, "data.root": "my faces", "model.pretrained": False}
    )
    run = Run(
        id=17,
        uuid="3f0e8f8e-0000-4000-8000-000000000017",
        experiment="b4-baseline",
        number=2,
        status=Status.INTERRUPTED,
        config=config,
        recipe_digest=config.recipe_digest(),
        directory="b4-baseline/2",
        home="/srv/faces/runs",
        weights={"source": "random", "seed": 7},
        data=(
            SplitSummary("train", "sha256:" + "1a" * 32, "sha256:" + "2b" * 32, 7000, 6998),
            SplitSummary(
                "val",
                DIGEST,
                "sha256:" + "3c" * 32,
                1200,
                1199,
                skipped=(("deepfake/[x] torn.jpg", "truncated: 120 bytes missing"),),
            ),
        ),
        best_epoch=2,
        created_at=START,
        seconds=1114.5,
        message="stopped by SIGTERM in epoch 4, step 1500",
        host="gpu-box",
    )
    killed = Attempt(
        id=31,
        number=1,
        process=ProcessIdentity("atelier", "boot-1", 4711, "100"),
        settings={"data.workers": 4, "train.epochs": 15},
        environment={"dfx": "0.1.0", "command": ["dfx", "run", "--name", "b4-baseline"]},
        start_step=0,
        started_at=START,
        heartbeat_at=START + timedelta(minutes=15),
        ended_at=None,
        outcome=None,
        message=None,
    )
    resumed = replace(
        killed,
        id=32,
        number=2,
        start_step=876,
        settings={"data.workers": 2, "train.epochs": 15},
        process=ProcessIdentity("atelier", "boot-1", 4800, "200"),
        environment={
            "dfx": "0.1.0",
            "torch": "2.6.0",
            "cuda": None,
            "command": ["dfx", "resume"],
            "packages": {f"package-{i}": "1.0" for i in range(20)},
            "code": {"revision": "0123abcd", "patch": None},
        },
        started_at=START + timedelta(minutes=16),
        ended_at=START + timedelta(minutes=24),
        outcome=Status.INTERRUPTED,
        message="SIGTERM",
    )
    return RunDetail(
        run=run,
        epochs=epochs,
        attempts=(killed, resumed),
        checkpoints=(
            CheckpointFile(
                "last", 4, 1500, "b4-baseline/2/last-s1500.pt", 211_400_000, "sha256:aa"
            ),
            CheckpointFile("best", 2, 876, "b4-baseline/2/best-e2.pt", 70_500_000, "sha256:bb"),
        ),
        evaluations=(evaluation,),
    )


@pytest.fixture
def empty_detail(detail: RunDetail) -> RunDetail:
    """A run of which there is nothing yet but its row."""
    run = replace(
        detail.run,
        data=(),
        weights={},
        best_epoch=None,
        seconds=0.0,
        message=None,
        status=Status.RUNNING,
    )
    return RunDetail(run=run, epochs=(), attempts=(), checkpoints=(), evaluations=())


@pytest.fixture
def held_out(leaderboard: Leaderboard) -> HeldOutBoard:
    """Two test sets, one with a run that has seen some of it."""
    return make_held_out(leaderboard)


@pytest.fixture
def matrix(leaderboard: Leaderboard) -> Matrix:
    """Three runs on four sets."""
    return make_matrix(leaderboard)


@pytest.fixture
def robust(leaderboard: Leaderboard) -> RobustBoard:
    """Two runs under all families of changes."""
    return make_robust(leaderboard)
