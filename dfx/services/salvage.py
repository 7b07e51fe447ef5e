"""What the files of one run tell of it, where the database does not.

Its newest *last* checkpoint that can be read is the witness; see `dfx.services.testimony`. Its
other files are taken as far as they belong to what that one says.
"""

from __future__ import annotations

import csv
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from dfx.config import ExperimentConfig, load_config
from dfx.digests import hash_file
from dfx.errors import DfxError, WeightsError
from dfx.models.weights import Weights, load_weights
from dfx.records import CheckpointFile, EpochRecord, Evaluation, Status
from dfx.records.condition import FoundAttempt, FoundRun, Observation
from dfx.services.configure import check_name
from dfx.services.found_evaluations import find_by_hand
from dfx.services.patches import find_patch
from dfx.services.run_files import CHECKPOINT_NAME
from dfx.services.scores import score_again
from dfx.services.testimony import (
    describe_early_stop,
    read_attempts,
    read_epochs,
    read_evaluations,
    read_splits,
    read_test_uses,
    read_time,
)
from dfx.services.train import attempt_settings
from dfx.training.checkpoint import read_checkpoint
from dfx.training.selection import Selection

_NO_TESTIMONY = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(csv.Error, RecursionError),
)
"""What is raised where a file of the right kind says something else than expected."""

_NOT_WHOLE = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError)
"""What `zipfile` raises where bytes of an archive are not those that were written."""


@dataclass(frozen=True, slots=True)
class _File:
    """A checkpoint by its name: who wrote it, and when in the run."""

    path: Path
    kind: str
    epoch: int
    step: int
    attempt: int


@dataclass(frozen=True, slots=True)
class _Witness:
    """The *last* checkpoint that is believed, and what it says."""

    file: _File
    about: Mapping[str, Any]
    config: ExperimentConfig
    epochs: tuple[EpochRecord, ...]
    attempts: Mapping[int, FoundAttempt]
    selection: Selection
    epoch: int
    written_at: datetime


_REPLACE = "remove it, or put it back from a backup and adopt again"


class Salvage:
    """One run's folder.

    Attributes:
        passed_over: What is there and could not be used, as far as it was read.
    """

    def __init__(self, home: Path, directory: str) -> None:
        self.passed_over: list[Observation] = []
        self._home = home
        self._directory = directory

    def read(self) -> FoundRun | None:
        """All that the files tell; None where no *last* checkpoint can be read."""
        files = list(self._list_files())
        lasts = sorted(
            (file for file in files if file.kind == "last"),
            key=lambda file: (file.attempt, file.epoch, file.step),
            reverse=True,
        )
        witness: _Witness | None = None
        kept: list[tuple[CheckpointFile, int]] = []
        for file in lasts:
            read = self._attempt(file.path, partial(self._hear, file))
            if read is None:
                continue
            spoken, described = read
            if witness is None:
                witness = spoken
            elif not self._belongs(file, spoken, witness):
                continue
            kept.append((described, file.attempt))
        if witness is None:
            return None
        kept += self._read_bests(files, witness)
        # As training records them: the best weights of an epoch before the state after it.
        kept.sort(key=lambda each: (each[1], each[0].step, each[0].kind == "last", each[0].epoch))
        return self._conclude(witness, kept)

    def _list_files(self) -> Iterator[_File]:
        for path in sorted((self._home / self._directory / "checkpoints").glob("*.pt")):
            named = CHECKPOINT_NAME.fullmatch(path.name)
            if named is None:
                self._pass_over(path, "its name is not that of a checkpoint")
                continue
            yield _File(
                path,
                named["kind"],
                int(named["epoch"]),
                int(named["step"] or 0),
                int(named["attempt"]),
            )

    def _attempt(self, path: Path, read: Callable[[], Any]) -> Any:
        """What reading a file gives; None, and a finding, where it is not whole."""
        try:
            _check_whole(path)
            return read()
        except DfxError as error:
            self._pass_over(path, error.message)
        except FileNotFoundError:  # a run that is at work prunes them
            self._pass_over(path, "it was removed while it was read", hint=None)
        except OSError as error:
            hint = "see that it can be read, then adopt again"
            self._pass_over(path, f"it cannot be read: {error.strerror or error}", hint=hint)
        except _NO_TESTIMONY as error:
            self._pass_over(path, f"it says something else than expected: {error!r}")
        return None

    def _pass_over(self, path: Path, reason: str, *, hint: str | None = _REPLACE) -> None:
        name = path.relative_to(self._home).as_posix()
        self.passed_over.append(
            Observation("passed over", None, name, reason.removeprefix(f"{path}: "), hint, False)
        )

    def _belongs(self, file: _File, spoken: _Witness, witness: _Witness) -> bool:
        """Whether an older checkpoint is of the same run, and the newest went on from it."""
        if spoken.about["run"]["uuid"] != witness.about["run"]["uuid"]:
            self._pass_over(file.path, "it belongs to another run than the newest one here")
            return False
        later = [a for number, a in witness.attempts.items() if number > file.attempt]
        starts = [attempt.start_step for attempt in later]
        if file.step > min([*starts, witness.file.step]):
            self._pass_over(file.path, "a later attempt went back behind it")
            return False
        return True

    def _hear(self, file: _File) -> tuple[_Witness, CheckpointFile]:
        return _listen(file), self._describe(file)

    def _weigh(self, file: _File) -> tuple[Weights, CheckpointFile]:
        return load_weights(file.path), self._describe(file)

    def _describe(self, file: _File) -> CheckpointFile:
        return CheckpointFile(
            kind="last" if file.kind == "last" else "best",
            epoch=file.epoch,
            step=file.step,
            path=file.path.relative_to(self._home).as_posix(),
            bytes=file.path.stat().st_size,
            sha256=hash_file(file.path),
        )

    def _read_bests(
        self, files: Sequence[_File], witness: _Witness
    ) -> Iterator[tuple[CheckpointFile, int]]:
        finished = {record.epoch: record.attempt for record in witness.epochs}
        for file in files:
            if file.kind != "best" or finished.get(file.epoch) != file.attempt:
                continue
            read = self._attempt(file.path, partial(self._weigh, file))
            if read is None:
                continue
            weights, described = read
            if weights.run_uuid != witness.about["run"]["uuid"]:
                self._pass_over(file.path, "it belongs to another run than the newest one here")
                continue
            yield replace(described, step=weights.step), file.attempt

    def _conclude(
        self, witness: _Witness, checkpoints: Sequence[tuple[CheckpointFile, int]]
    ) -> FoundRun:
        about, run = witness.about, witness.about["run"]
        gaps = []
        status, message = _find_outcome(witness)
        evaluations, lost = self._find_evaluations(witness)
        gaps += [*lost, *self._find_lost_patches(witness)]
        best = [file.epoch for file, _ in checkpoints if file.kind == "best"]
        best_epoch = witness.selection.best_epoch
        if best_epoch not in best and best_epoch is not None:
            gaps.append(f"the best weights, of epoch {best_epoch}: no whole file of them is there")
            best_epoch = max(best, default=None)
        if witness.attempts:
            gaps.append(
                "what was recorded after its newest checkpoint"
                f" ({witness.written_at:%Y-%m-%d %H:%M:%S} UTC): tags, notes,"
                " uses of a test split of which nothing came;"
                " and the name that it was given with `dfx rename`"
            )
        else:
            gaps.append(
                "tags, notes, uses of a test split of which nothing came,"
                " the name that it was given with `dfx rename`, its attempts'"
                " processes and environments, and when they began and ended: an earlier dfx has"
                " written its files"
            )
        begun = run if "config" in run else about
        config = load_config(begun["config"], begun["config_version"])
        return FoundRun(
            uuid=run["uuid"],
            experiment=run["experiment"],
            number=run["number"],
            directory=self._directory,
            created_at=read_time(run["created_at"]),
            config=config,
            recipe_digest=run.get("recipe_digest", config.recipe_digest()),
            weights=about["weights"],
            splits=read_splits(about),
            attempts=_find_attempts(witness, {a for _, a in checkpoints}, status, message),
            epochs=witness.epochs,
            checkpoints=tuple(checkpoints),
            evaluations=tuple(evaluations),
            best_epoch=best_epoch,
            status=status,
            message=message,
            tags=tuple(run.get("tags", ())),
            note=run.get("note"),
            gaps=tuple(gaps),
            by_hand=find_by_hand(self._home, self._directory, about, self._pass_over),
            test_uses=read_test_uses(about),
        )

    def _find_lost_patches(self, witness: _Witness) -> Iterator[str]:
        for number, attempt in sorted(witness.attempts.items()):
            digest = (attempt.environment.get("code") or {}).get("patch")
            if digest and find_patch(self._home, digest) is None:
                yield f"the uncommitted changes of attempt {number}: no whole patch is there"

    def _find_evaluations(self, witness: _Witness) -> tuple[list[Evaluation], list[str]]:
        """Training's own that the witness tells of, or else those whose scores are there.

        Returns:
            And what is lost of them, in words.
        """
        told = read_evaluations(witness.about)
        if told is not None:
            told = tuple(each for each in told if each.origin == "training")
            kept = [self._without_lost_scores(each) for each in told]
            pairs = zip(told, kept, strict=True)
            lost = [str(t.epoch) for t, k in pairs if t.predictions and not k.predictions]
            where = f"epoch{'s' if len(lost) > 1 else ''} {', '.join(lost)}"
            return kept, [f"the predictions of {where}: no file is there"] if lost else []
        found = []
        digest = next((s.digest for s in read_splits(witness.about) if s.split == "val"), "")
        for record in witness.epochs:
            name = f"{self._directory}/val-e{record.epoch:04d}-a{record.attempt}.csv"
            if (self._home / name).is_file():
                score = self._attempt_scores(name, record.epoch, digest)
                found += [score] if score else []
        best = witness.selection.best_epoch
        is_lost = best is not None and all(each.epoch != best for each in found)
        return found, [f"the evaluation of epoch {best}: no scores are there"] if is_lost else []

    def _without_lost_scores(self, evaluation: Evaluation) -> Evaluation:
        if evaluation.predictions is None:
            return evaluation
        # They are named where they were written, and lie where the folder is now.
        name = f"{self._directory}/{PurePosixPath(evaluation.predictions).name}"
        return replace(evaluation, predictions=name if (self._home / name).is_file() else None)

    def _attempt_scores(self, name: str, epoch: int, digest: str) -> Evaluation | None:
        try:
            return score_again(self._home / name, name, epoch, digest)
        except (*_NO_TESTIMONY, OSError) as error:
            self._pass_over(self._home / name, f"it holds no scores: {error!r}")
            return None


def _check_whole(path: Path) -> None:
    """Accepts a file of torch whose parts are what was written, which torch itself does not check.

    Raises:
        WeightsError: Naming what is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except FileNotFoundError:
        raise
    except (*_NOT_WHOLE, ValueError, OSError) as error:
        raise WeightsError(f"it is not whole: {error}") from None
    if damaged:
        raise WeightsError(f"it is damaged in {damaged}")


def _listen(file: _File) -> _Witness:
    """Reads a *last* checkpoint.

    Raises:
        DfxError: Where it cannot be read.
        ValueError: Or another of `_NO_TESTIMONY`, where it says something else than expected.
    """
    content = read_checkpoint(file.path)
    about = content["about"]
    check_name(about["run"]["experiment"])
    position = (content["position"]["epoch"], content["position"]["step"])
    if position != (file.epoch, file.step):
        raise ValueError(f"it is of epoch {position[0]}, step {position[1]}")
    attempts = read_attempts(about)
    if attempts and max(attempts) != file.attempt:
        raise ValueError(f"it was written by attempt {max(attempts)}")
    return _Witness(
        file=file,
        about=about,
        config=load_config(about["config"], about["config_version"]),
        epochs=read_epochs(about),
        attempts=attempts,
        selection=Selection(**content["selection"]),
        epoch=position[0],
        written_at=(
            read_time(about["written_at"])
            if "written_at" in about
            else datetime.fromtimestamp(file.path.stat().st_mtime, UTC)
        ),
    )


def _find_outcome(witness: _Witness) -> tuple[Status, str | None]:
    """How the run stands after its newest checkpoint, as far as that can be told."""
    train, finished = witness.config.train, witness.epoch - 1
    if finished >= train.epochs:
        return Status.COMPLETED, None
    is_between_epochs = bool(witness.epochs) and witness.epochs[-1].step == witness.file.step
    if is_between_epochs and witness.selection.is_exhausted(train.early_stopping_patience):
        waited = witness.selection.waited
        return Status.COMPLETED, describe_early_stop(witness.config, finished, waited=waited)
    return Status.INTERRUPTED, None


def _find_attempts(
    witness: _Witness, writers: set[int], status: Status, message: str | None
) -> tuple[FoundAttempt, ...]:
    """Those that the witness tells of, or that epochs and files name; the last ended as the run."""
    newest = witness.file.attempt
    numbers = {newest, *writers, *witness.attempts, *(e.attempt for e in witness.epochs)}
    found = [
        witness.attempts.get(number) or _guess_attempt(witness, number)
        for number in sorted(numbers)
    ]
    last = found[-1]
    until = max(witness.written_at, last.started_at)
    found[-1] = replace(last, heartbeat_at=until, ended_at=until, outcome=status, message=message)
    return tuple(found)


def _guess_attempt(witness: _Witness, number: int) -> FoundAttempt:
    """What epochs tell of an attempt that is nowhere described."""
    own = [record for record in witness.epochs if record.attempt == number]
    before = [record for record in witness.epochs if record.attempt < number]
    created = read_time(witness.about["run"]["created_at"])
    started = before[-1].finished_at if before else created
    return FoundAttempt(
        number=number,
        process=None,
        settings=attempt_settings(witness.config),
        environment={},
        start_step=before[-1].step if before else 0,
        started_at=started,
        heartbeat_at=own[-1].finished_at if own else started,
        ended_at=None,
        outcome=Status.LOST,
        message=None,
    )
