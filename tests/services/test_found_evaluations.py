"""What is read of evaluations by hand from their folders."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from by_hand_samples import make_evaluation_by_hand

from dfx.records import Evaluation
from dfx.services import testimony
from dfx.services.evaluation_files import dump_evaluation
from dfx.services.found_evaluations import find_by_hand
from dfx.tracking.store import RunStore

from .home_samples import finished, keep_evaluation

UUID = "6f1f0ef0-0000-4000-8000-000000000000"
ABOUT: dict[str, Any] = {"run": {"uuid": UUID}}


def keep(home: Path, evaluation: Evaluation, uuid: str = UUID) -> Evaluation:
    folder = home / str(evaluation.folder)
    folder.mkdir(parents=True)
    (folder / "evaluation.json").write_bytes(dump_evaluation(evaluation, run_uuid=uuid))
    (folder / "predictions.csv").touch()
    return evaluation


def test_evaluations_are_read_where_they_are_now(tmp_path: Path) -> None:
    """The run's folder was moved; predictions of one, and the folder of another are gone."""
    first, second = (keep(tmp_path, make_evaluation_by_hand("b4/1", n)) for n in (1, 2))
    (tmp_path / "b4/1").rename(tmp_path / "b4/7")
    (tmp_path / "b4/7/evaluations/0002-test-e0001/predictions.csv").unlink()
    passed: list[Any] = []
    found = find_by_hand(tmp_path, "b4/7", ABOUT, lambda *each: passed.append(each))

    assert passed == []
    assert found == (
        replace(
            first,
            folder="b4/7/evaluations/0001-test-e0001",
            predictions="b4/7/evaluations/0001-test-e0001/predictions.csv",
        ),
        replace(second, folder="b4/7/evaluations/0002-test-e0001", predictions=None),
    )


def test_what_checkpoints_tell_of_is_completed_by_files(store: RunStore, home: Path) -> None:
    """Of an evaluation whose folder is gone, the numbers are left; each use is told of."""
    run = finished(store)
    lost, kept = (keep_evaluation(store, run, number, epoch=2) for number in (1, 2))
    store.record_test_use(run.id, epoch=2, dataset="faces", dataset_digest="sha256:test")
    shutil.rmtree(home / str(lost.folder))
    detail = store.get_detail(run.id)
    about = json.loads(
        json.dumps(testimony.testify(detail, detail.run.config, finished=None, scored=None))
    )
    found = find_by_hand(home, run.directory, about, lambda *_: None)

    assert found == (replace(lost, folder=None, predictions=None, detail=None), kept)
    assert testimony.read_test_uses(about) == detail.test_uses
    assert [use.is_recorded for use in detail.test_uses] == [True, True, False]


def test_what_is_not_of_this_run_is_passed_over(tmp_path: Path) -> None:
    """With the reason: copied from another folder or run, damaged. What was cut off is none."""
    folder = tmp_path / "b4/1/evaluations"
    kept = keep(tmp_path, make_evaluation_by_hand("b4/1", 1))
    shutil.copytree(folder / "0001-test-e0001", folder / "0002-test-e0001")
    keep(tmp_path, make_evaluation_by_hand("b4/1", 3), uuid="another")
    keep(tmp_path, make_evaluation_by_hand("b4/1", 4))
    (folder / "0004-test-e0001" / "evaluation.json").write_bytes(b'{"version": 1')
    (folder / "0005-val-e0001").mkdir()
    (folder / ".0006.draft").mkdir()
    passed: dict[str, str] = {}

    def pass_over(path: Path, reason: str) -> None:
        passed[path.parent.name] = reason

    assert find_by_hand(tmp_path, "b4/1", ABOUT, pass_over) == (kept,)
    assert passed.keys() == {f"{number:04d}-test-e0001" for number in (2, 3, 4)}
    assert passed["0002-test-e0001"] == "it tells of the evaluation 0001-test-e0001"
    assert "'another'" in passed["0003-test-e0001"]
