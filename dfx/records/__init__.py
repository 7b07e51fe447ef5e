"""The frozen values that travel between rooms.

Here are the words of the design: runs, attempts, epochs, checkpoints, evaluations. What is asked of
them and answered has modules of its own: `prediction`, `leaderboard`, `differences`, `history`,
`inventory` of files, `condition` of the record, `findings` of an examination, `evaluation` in full
with its `robustness` and `report`, the `model_card` of exported weights, `settings` with their
sources. What a running training tells the one who watches is in `dfx.messages`. Ids that only
storage needs stay in `dfx.tracking`; arrays and tensors in `dfx.evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:  # `dfx --help` needs the words, and not pydantic
    from dfx.config import ExperimentConfig
    from dfx.records.evaluation import EvaluationDetail, TestUse

REAL = 0
DEEPFAKE = 1
CLASS_NAMES = ("real", "deepfake")
"""Class names by label, as stored in weights files."""

LABELS = ("Real", "Deepfake")
"""Class names by label, as shown to a person."""

Split = Literal["train", "val", "test"]
CheckpointKind = Literal["last", "best"]
Origin = Literal["training", "evaluate"]


class Status(StrEnum):
    """How a run stands. `LOST` is never stored: it is derived when a run is read."""

    RUNNING = "running"
    COMPLETED = "completed"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """What tells one process from every other, across hosts, reboots and reused ids.

    Attributes:
        host: Name of the machine.
        boot: What changes with each boot and each container: boot id and process id namespace.
        pid: Process id.
        started: The process's start time as the system gives it, opaque.
    """

    host: str
    boot: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One process working on a run. Every resume adds one.

    Attributes:
        id: Identity in the store; every write to the run names it.
        number: 1 for the start, 2 for the first resume, and so on.
        settings: The machine and plan values it ran with, by dotted key.
        environment: Code revision, packages, hardware and command line.
        start_step: Optimiser steps that were already done.
        ended_at: None while it runs, and for ever where its process was killed.
        outcome: How it ended; None as above, but `LOST` once another attempt has taken over.
        message: Why it failed, else None.
    """

    id: int
    number: int
    process: ProcessIdentity
    settings: Mapping[str, Any]
    environment: Mapping[str, Any]
    start_step: int
    started_at: datetime
    heartbeat_at: datetime
    ended_at: datetime | None
    outcome: Status | None
    message: str | None


@dataclass(frozen=True, slots=True)
class SplitSummary:
    """What a run knows of one split of its data.

    Attributes:
        split: Which one.
        digest: SHA-256 of relative paths, sizes and classes.
        content_digest: SHA-256 of relative paths, classes and content digests.
        real: Images of class real that are used.
        deepfake: Images of class deepfake that are used.
        skipped: Relative path and reason of each unreadable image left out.
    """

    split: Split
    digest: str
    content_digest: str
    real: int
    deepfake: int
    skipped: tuple[tuple[str, str], ...] = ()

    @property
    def images(self) -> int:
        """Images that are used."""
        return self.real + self.deepfake


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a decoded RGB image becomes the network's input; stored in every weights file.

    The whole image is resized (bicubic, antialiased), scaled to [0, 1] and normalised per channel.

    Attributes:
        image_size_px: Height and width of the input.
        mean: Of red, green and blue, after scaling to [0, 1].
        std: As above.
    """

    image_size_px: int
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class EpochRecord:
    """One finished epoch.

    Attributes:
        epoch: Counted from 1.
        step: Optimiser steps done at its end, from the start of the run.
        train_loss: Mean loss over the training images as optimised, augmentation on.
        train_accuracy: Share of training images classified rightly, augmentation on.
        val_loss: Mean cross-entropy over the validation images, in nats.
        val_accuracy: Share of validation images classified rightly at threshold 0.5.
        val_auc: Area under the ROC curve; None where a class is missing.
        val_f1: F1 of deepfake at threshold 0.5; None where undefined.
        lr: Learning rate in effect at the epoch's last step.
        seconds: Time spent on it, over all attempts.
        images_per_second: Training images by seconds of the training phase.
        attempt: Number of the attempt that finished it.
    """

    epoch: int
    step: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    val_auc: float | None
    val_f1: float | None
    lr: float
    seconds: float
    images_per_second: float
    attempt: int
    finished_at: datetime


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A checkpoint that lies safely on disk.

    Attributes:
        epoch: Of *best*, the epoch the weights come from; of *last*, the epoch it goes on with.
        step: Optimiser steps done.
        path: Relative to the home, with forward slashes.
        bytes: Size.
        sha256: Digest of the file, with the algorithm as prefix.
    """

    kind: CheckpointKind
    epoch: int
    step: int
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Confusion:
    """Counts of a binary classifier; the positive class is deepfake."""

    tn: int
    fp: int
    fn: int
    tp: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One scoring of one checkpoint on one split of one data set.

    Attributes:
        epoch: Epoch of the checkpoint.
        dataset_digest: Digest of the split, as in `SplitSummary`.
        threshold: p_deepfake from which an image was called a deepfake.
        precision: Of deepfake; None where undefined.
        recall: Of deepfake; None where undefined.
        f1: Of deepfake; None where undefined.
        auc: None where a class is missing.
        average_precision: None where a class is missing.
        loss: Mean cross-entropy, nats.
        predictions: Path of the per-image predictions, relative to the home.
        origin: Whether training made it when the epoch ended, or `dfx evaluate` later.
        dataset: What the data set is called; None of training's, which is the run's own.
        folder: Of its report, relative to the home; None of training's.
        test_use: Which use of a test split by this run it is, from 1; None of other splits.
        detail: Readings with intervals and all else; None of training's.
    """

    epoch: int
    split: Split
    dataset_digest: str
    threshold: float
    accuracy: float
    precision: float | None
    recall: float | None
    f1: float | None
    auc: float | None
    average_precision: float | None
    loss: float
    confusion: Confusion
    predictions: str | None
    created_at: datetime
    origin: Origin = "training"
    dataset: str | None = None
    folder: str | None = None
    test_use: int | None = None
    detail: EvaluationDetail | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One training of an experiment, as the store knows it.

    Attributes:
        id: Short id, unique in its store.
        uuid: Identity that holds everywhere.
        number: Within its experiment, from 1, never reused.
        status: As derived now, so possibly `LOST`.
        recipe_digest: As `ExperimentConfig.recipe_digest` gave it when the run was made.
        directory: Folder of its files, relative to the home, with forward slashes.
        home: The home its files are in, as an absolute path on the host that made it.
        weights: Provenance of the initial weights: source, tag or path, digest.
        data: The splits it trains and validates on; empty until they have been read.
        best_epoch: Epoch whose weights are kept as best; None before the first.
        seconds: Time over all attempts.
        message: Why it stopped early or failed, else None.
        host: Name of the machine that made it.
        tags: Words that a person has given it, sorted.
        note: What a person has written about it, else None.
    """

    id: int
    uuid: str
    experiment: str
    number: int
    status: Status
    config: ExperimentConfig
    recipe_digest: str
    directory: str
    home: str
    weights: Mapping[str, Any]
    data: tuple[SplitSummary, ...]
    best_epoch: int | None
    created_at: datetime
    seconds: float
    message: str | None
    host: str
    tags: tuple[str, ...] = ()
    note: str | None = None

    @property
    def name(self) -> str:
        """The reference `experiment/number`."""
        return f"{self.experiment}/{self.number}"

    def find_split(self, split: Split) -> SplitSummary | None:
        """The summary of one split, or None where the run has not read it."""
        return next((summary for summary in self.data if summary.split == split), None)


@dataclass(frozen=True, slots=True)
class RunDetail:
    """A run with everything that hangs on it.

    Attributes:
        evaluations: Those that stand, training's own and those made by hand, oldest first.
        test_uses: Every use of a test split, in order; also those of which nothing came.
    """

    run: Run
    epochs: tuple[EpochRecord, ...]
    attempts: tuple[Attempt, ...]
    checkpoints: tuple[CheckpointFile, ...]
    evaluations: tuple[Evaluation, ...]
    test_uses: tuple[TestUse, ...] = ()

    def find_report(self, epoch: int | None) -> Evaluation | None:
        """The validation report that training made of an epoch, or None where there is none."""
        own = (each for each in self.evaluations if each.origin == "training")
        return next((each for each in own if each.epoch == epoch), None)


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One line of the leaderboard: a run at its best epoch.

    The field names are those of `dfx compare --format json`. Values of the best epoch are None
    before the first epoch has ended. The 95 % interval is Wilson's. Training values were taken
    while the weights were still changing, with augmentation on.

    Attributes:
        train_digest: Of the images it was trained on, as in `SplitSummary`.
        directory: Folder of its files, relative to the home.
        predictions: Path of its per-image validation predictions, relative to the home.
    """

    run: str
    id: int
    experiment: str
    number: int
    uuid: str
    status: Status
    epochs: int
    best_epoch: int | None
    val_accuracy: float | None
    val_accuracy_low: float | None
    val_accuracy_high: float | None
    val_loss: float | None
    val_auc: float | None
    val_f1: float | None
    seconds: float
    validation_digest: str | None
    validation_images: int | None
    created_at: datetime
    val_precision: float | None = None
    val_recall: float | None = None
    val_average_precision: float | None = None
    train_loss: float | None = None
    train_accuracy: float | None = None
    recipe_digest: str | None = None
    train_digest: str | None = None
    directory: str = ""
    predictions: str | None = None
    message: str | None = None
    tags: tuple[str, ...] = ()
    note: str | None = None


class Standing(NamedTuple):
    """What ranking needs of a run, and no more: ten thousand are ranked at a time.

    A tuple, since of these there are as many as runs, and it is made in a third of the time.

    Attributes:
        id: Of the run.
        validation_digest: None where it never got as far as reading its images.
        score: The metric at its best epoch; None before the first epoch has ended.
        loss: Validation loss at that epoch, which decides a tie.
    """

    id: int
    validation_digest: str | None
    score: float | None
    loss: float | None
