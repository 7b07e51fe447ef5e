"""Checking a store: the files of evaluations. The rest is in `tests/cli/test_db`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dfx.records.condition import CheckReport
from dfx.services.checking import Adoption, check_store
from dfx.services.evaluation_files import is_by_hand
from dfx.tracking.store import RunStore

from .home_samples import begin, end, keep_evaluation


def check(home: Path) -> CheckReport:
    return check_store(home, files=True, adoption=Adoption(), notify=lambda _: None)


def test_evaluation_whose_files_are_gone_is_told_once(store: RunStore, home: Path) -> None:
    """By its predictions, which a row names; its numbers are in the record."""
    run, attempt = begin(store)
    evaluations = [keep_evaluation(store, run, number) for number in (1, 2, 3)]
    end(store, attempt)
    before = check(home)
    shutil.rmtree(home / str(evaluations[0].folder))
    (home / str(evaluations[1].predictions)).unlink()
    report = check(home)

    assert (before.findings, before.checked_files) == ((), 3)
    assert [(found.kind, found.path, found.message) for found in report.findings] == [
        (
            "missing file",
            evaluations[0].predictions,
            "it is gone, with the folder of its evaluation",
        ),
        ("missing file", evaluations[1].predictions, "it is gone"),
    ]
    assert all("evaluate again" in str(found.hint) for found in report.findings)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("b4/1/evaluations/0001-test-e0003/predictions.csv", True),
        ("b4/1/val-e0003-a1.csv", False),
        ("b4/1/evaluations/mine/predictions.csv", False),
        ("evaluations/1/val-e0003-a1.csv", False),
    ],
)
def test_path_tells_who_made_predictions(path: str, *, expected: bool) -> None:
    assert is_by_hand(path) is expected
