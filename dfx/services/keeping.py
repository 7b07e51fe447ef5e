"""Keeping a run's files: checkpoints, best weights, validation predictions and `log.csv`.

File first, then row: a crash may leave a file that no row knows, never a row without its file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dfx.config import ExperimentConfig
from dfx.data.index import SplitIndex
from dfx.digests import hash_file
from dfx.errors import StoreError, WeightsError
from dfx.evaluation.calibration import fit_temperature, fit_threshold
from dfx.messages import Message, Notice
from dfx.models.weights import Weights, dump_weights
from dfx.records import (
    Attempt,
    CheckpointFile,
    CheckpointKind,
    EpochRecord,
    Evaluation,
    Preprocessing,
    Run,
)
from dfx.records.prediction import ImageProfile
from dfx.services.image_lists import dump_manifest, dump_predictions, locate_manifest
from dfx.services.run_files import CHECKPOINT_NAME, LOG_NAME, RUN_MARK, read_mark
from dfx.services.scores import UNCALIBRATED_THRESHOLD, validation_report
from dfx.services.testimony import testify, to_plain
from dfx.tracking.store import RunStore
from dfx.training.checkpoint import (
    dump_checkpoint,
    load_checkpoint,
    remove_drafts,
    write_durably,
)
from dfx.training.events import EpochScored
from dfx.training.state import TrainingState


@dataclass(frozen=True, slots=True)
class Keeper:
    """Writes what a run leaves behind, then tells the store.

    No file is touched once another attempt has taken the run over: each method raises
    `AttemptSuperseded` before it begins.

    Attributes:
        home: What stored paths are relative to.
        validation: The images that validation scores refer to.
        training_images: What the images it is trained on are like; None where none can be opened.
    """

    store: RunStore
    home: Path
    run: Run
    attempt: Attempt
    config: ExperimentConfig
    validation: SplitIndex
    training_images: ImageProfile | None

    def tidy(self) -> None:
        """Finishes what an attempt before this one was killed over: drafts, old files, the log."""
        self.store.check_attempt(self.attempt.id)
        folder = self.home / self.run.directory
        remove_drafts(folder)
        remove_drafts(folder / "checkpoints")
        self._prune()
        epochs = self.store.get_detail(self.run.id).epochs
        if epochs or (folder / LOG_NAME).exists():
            write_log(folder, epochs)

    def keep_snapshot(self, state: TrainingState) -> None:
        """Writes the state down in the middle of an epoch."""
        self.store.check_attempt(self.attempt.id)
        newest = self.store.list_checkpoints(self.run.id, kind="last")[:1]
        if newest and newest[0].path == self._path_of_last(state):
            return  # Nothing has happened since; a file that a row names is never written again.
        self.store.record_checkpoint(self.attempt.id, self._write_last(state))
        self._prune()

    def keep_epoch(self, event: EpochScored, state: TrainingState) -> EpochRecord:
        """Writes an epoch down: best weights where it improved, the state, the rows, the log.

        Returns:
            The row as it was recorded.
        """
        self.store.check_attempt(self.attempt.id)
        record = EpochRecord(
            epoch=event.epoch,
            step=event.step,
            train_loss=event.train_loss,
            train_accuracy=event.train_accuracy,
            val_loss=event.metrics.loss,
            val_accuracy=event.metrics.accuracy,
            val_auc=event.metrics.auc,
            val_f1=event.metrics.f1,
            lr=event.lr,
            seconds=event.seconds,
            images_per_second=event.images_per_second,
            attempt=self.attempt.number,
            finished_at=datetime.now(UTC),
        )
        files: list[CheckpointFile] = []
        evaluation = None
        if event.improved:
            files.append(self._write_best(event, state))
            evaluation = self._write_evaluation(event)
        files.append(self._write_last(state, finished=record, scored=evaluation))
        self.store.record_epoch(
            self.attempt.id,
            record,
            checkpoints=files,
            evaluation=evaluation,
            improved=event.improved,
        )
        self._prune()
        write_log(self.home / self.run.directory, self.store.get_detail(self.run.id).epochs)
        return record

    def _write_last(
        self,
        state: TrainingState,
        *,
        finished: EpochRecord | None = None,
        scored: Evaluation | None = None,
    ) -> CheckpointFile:
        """Writes the state; what is finished by then is told in plain values beside it."""
        about = testify(
            self.store.get_detail(self.run.id), self.config, finished=finished, scored=scored
        )
        path = self._path_of_last(state)
        data = dump_checkpoint(state.dump(), about)
        return self._write("last", state.epoch, state.step, path, data)

    def _path_of_last(self, state: TrainingState) -> str:
        """No two states of a run have the same."""
        where = f"e{state.epoch:04d}-b{state.batch:06d}-s{state.step:08d}"
        return f"{self.run.directory}/checkpoints/last-{where}-a{self.attempt.number}.pt"

    def _write_best(self, event: EpochScored, state: TrainingState) -> CheckpointFile:
        temperature = fit_temperature(event.scores)
        weights = Weights(
            architecture=self.config.model.name,
            preprocessing=Preprocessing(self.config.data.image_size),
            state=state.scored_module.state_dict(),
            threshold=fit_threshold(
                self.config.evaluate.threshold,
                event.scores.labels,
                event.scores.p_deepfake(temperature),
            ),
            temperature=temperature,
            run=self.run.name,
            run_uuid=self.run.uuid,
            epoch=event.epoch,
            step=event.step,
            precision=self.config.train.precision,
            metrics={
                "accuracy": event.metrics.accuracy,
                "precision": event.metrics.precision,
                "recall": event.metrics.recall,
                "f1": event.metrics.f1,
                "auc": event.metrics.auc,
                "average_precision": event.metrics.average_precision,
                "loss": event.metrics.loss,
            },
            config=self.config.flat(),
            training_images=self.training_images,
        )
        name = f"best-e{event.epoch:04d}-a{self.attempt.number}.pt"
        path = f"{self.run.directory}/checkpoints/{name}"
        return self._write("best", event.epoch, event.step, path, dump_weights(weights))

    def _write_evaluation(self, event: EpochScored) -> Evaluation:
        path = f"{self.run.directory}/val-e{event.epoch:04d}-a{self.attempt.number}.csv"
        table = dump_predictions(
            [self.validation.images[position].name for position in event.scores.indices],
            event.scores.labels.tolist(),
            event.scores.p_deepfake().tolist(),
            threshold=UNCALIBRATED_THRESHOLD,
        )
        write_durably(self.home / path, table)
        return validation_report(
            event.metrics,
            epoch=event.epoch,
            digest=self.validation.summarise().digest,
            predictions=path,
            created_at=datetime.now(UTC),
        )

    def _write(
        self, kind: CheckpointKind, epoch: int, step: int, path: str, data: bytes
    ) -> CheckpointFile:
        sha256 = write_durably(self.home / path, data)
        return CheckpointFile(kind, epoch, step, path, len(data), sha256)

    def _prune(self) -> None:
        """Removes files that are neither current nor the good one before."""
        files = self.store.list_checkpoints(self.run.id)
        last = [file for file in files if file.kind == "last"][:2]
        best = [file for file in files if file.kind == "best"]
        # A last checkpoint goes on with its epoch, and refers to the best one before that.
        referred = [next((b for b in best if b.epoch < kept.epoch), None) for kept in last]
        needed = {file.path for file in (*last, *referred) if file}
        removed = [file.path for file in files if file.path not in needed]
        if removed:
            self.store.forget_checkpoints(self.attempt.id, removed)
        for path in removed:
            (self.home / path).unlink(missing_ok=True)
        if last:
            self._remove_overtaken(last[0])

    def _remove_overtaken(self, newest: CheckpointFile) -> None:
        """Removes files without a row, of writers killed before it, that a later one has passed.

        Not those ahead of it: where an older copy of the database was put back, they are all that
        is left of what it has forgotten.
        """
        known = self.store.list_checkpoints(self.run.id, include_superseded=True)
        names = {file.path.rpartition("/")[2] for file in known}
        for path in (self.home / newest.path).parent.glob("*.pt"):
            found = CHECKPOINT_NAME.fullmatch(path.name)
            if found is None or path.name in names:
                continue
            epoch = int(found["epoch"])
            # The best weights of an epoch are written when it is over.
            reached = (epoch, int(found["step"])) if found["step"] else (epoch + 1, 0)
            if reached <= (newest.epoch, newest.step):
                path.unlink(missing_ok=True)


def mark_folder(home: Path, run: Run) -> None:
    """Leaves in a run's folder whose it is, before anything else is written there.

    Raises:
        StoreError: Where it is another's.
    """
    folder = home / run.directory
    found = read_mark(folder)
    if found is None:
        write_durably(folder / RUN_MARK, f"{run.uuid}\n".encode())
    elif found != run.uuid:
        raise StoreError(
            f"{folder} is not the folder of {run.name}, whose UUID is {run.uuid}:"
            f" {RUN_MARK} in it says {found or 'nothing'}",
            hint=f"put the folder of {run.name} in its place, or start a new run",
        )


def write_manifest(home: Path, index: SplitIndex) -> None:
    """Keeps the content digest of every image of a split, once per content of the split."""
    path = locate_manifest(home, index.summarise().content_digest)
    # Its row is there already: `dfx gc` looks for it again after it has put a file aside.
    if not path.exists():
        write_durably(path, dump_manifest(index))


def find_good_checkpoint(
    store: RunStore, home: Path, run: Run, notify: Callable[[Message], None]
) -> tuple[CheckpointFile, dict[str, Any]] | None:
    """The newest *last* checkpoint that is what was written, and its contents.

    One that is not is passed over with a warning that names both.

    Returns:
        None where none was ever written: the run starts from its first step.

    Raises:
        StoreError: Where there are some, and none is what was written. To start again then would
            throw away what may only be out of reach.
    """
    bad: list[str] = []
    for file in store.list_checkpoints(run.id, kind="last"):
        try:
            content = load_checkpoint(home / file.path, sha256=file.sha256)
        except WeightsError as error:
            bad.append(f"checkpoint passed over: {error.message}")
            continue
        if bad:
            text = "\n".join(bad)
            used = home / file.path
            notify(Notice(f"{text}; using the one before it instead: {used}", "warning"))
        return file, content
    for text in bad:
        notify(Notice(text, "warning"))
    if bad:
        raise StoreError(
            f"no checkpoint of {run.name} is there as it was written",
            hint=f"put its files back into {home / run.directory}, or start a new run",
        )
    return None


def warn_of_damaged_best(
    store: RunStore, home: Path, run: Run, notify: Callable[[Message], None]
) -> None:
    """Says it where the best weights so far are not what was written; training needs them not."""
    for file in store.list_checkpoints(run.id, kind="best")[:1]:
        path = home / file.path
        if not path.is_file() or hash_file(path) != file.sha256:
            notify(
                Notice(
                    f"the best weights so far, of epoch {file.epoch}, are damaged: {path}\n"
                    "they are replaced only by a better epoch; to use them, put the file back from"
                    " a copy",
                    "warning",
                )
            )


def write_log(folder: Path, epochs: Sequence[EpochRecord]) -> None:
    """Writes `log.csv` from the rows, so that the two never disagree."""
    buffer = io.StringIO()
    names = [field.name for field in fields(EpochRecord)]
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(to_plain(asdict(epoch)) for epoch in epochs)
    write_durably(folder / LOG_NAME, buffer.getvalue().encode())
