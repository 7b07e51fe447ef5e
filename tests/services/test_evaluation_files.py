from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from by_hand_samples import make_detail, make_evaluation_by_hand

from dfx.errors import StoreError
from dfx.records import Split
from dfx.services.evaluation_files import (
    EVALUATION_FILE,
    FOLDER_NAME,
    RESERVED_NAME,
    dump_evaluation,
    load_evaluation,
    make_folder,
)
from dfx.services.run_files import DRAFT_NAME

UUID = "6f1f0ef0-0000-4000-8000-000000000000"


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "b4" / "1"
    folder.mkdir(parents=True)
    return folder


def test_folders_are_numbered_within_their_run(tmp_path: Path, run_folder: Path) -> None:
    first = make_folder(tmp_path, "b4/1", split="val", epoch=3)
    second = make_folder(tmp_path, "b4/1", split="test", epoch=12)

    assert first == "b4/1/evaluations/0001-val-e0003"
    assert second == "b4/1/evaluations/0002-test-e0012"
    assert {path.name for path in (run_folder / "evaluations").iterdir()} == {
        "0001-val-e0003",
        "0002-test-e0012",
    }


def test_numbers_come_after_those_that_are_taken(tmp_path: Path, run_folder: Path) -> None:
    """Also after one whose maker was killed before it had a name; other names do not matter."""
    for name in ("0007-val-e0001", ".0009.draft", "99-mine", "notes"):
        (run_folder / "evaluations" / name).mkdir(parents=True)

    assert make_folder(tmp_path, "b4/1", split="val", epoch=1).endswith("/0010-val-e0001")
    assert RESERVED_NAME.fullmatch(".0009.draft")
    assert DRAFT_NAME.fullmatch(".0009.draft")


def test_no_number_is_given_twice(tmp_path: Path, run_folder: Path) -> None:
    """Many that begin at one moment, with folders of different names, get different numbers."""
    splits: list[Split] = ["train", "val", "test"]

    def make(index: int) -> str:
        return make_folder(tmp_path, "b4/1", split=splits[index % 3], epoch=index)

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(make, range(64)))

    names = [FOLDER_NAME.fullmatch(Path(path).name) for path in made]
    assert len({match["number"] for match in names if match}) == 64
    assert {path.name for path in (run_folder / "evaluations").iterdir()} == {
        Path(path).name for path in made
    }


def test_run_without_a_folder_gets_none(tmp_path: Path) -> None:
    """A file is never written where the run's own files are not."""
    with pytest.raises(StoreError, match=r"cannot make a folder in .*b4/1/evaluations"):
        make_folder(tmp_path, "b4/1", split="val", epoch=1)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("detail", [make_detail(), make_detail(robustness=None), None])
def test_evaluation_comes_back_from_its_file(tmp_path: Path, detail: object) -> None:
    evaluation = replace(make_evaluation_by_hand(), detail=detail)  # type: ignore[arg-type]
    path = tmp_path / EVALUATION_FILE
    path.write_bytes(dump_evaluation(evaluation, run_uuid=UUID))

    assert load_evaluation(path, run_uuid=UUID) == evaluation
    assert path.read_bytes().endswith(b"}\n")
    assert dump_evaluation(load_evaluation(path), run_uuid=UUID) == path.read_bytes()


def test_number_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dump_evaluation(make_evaluation_by_hand(loss=float("nan")), run_uuid=UUID)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 2"),
        ({"run": "another"}, "run 'another'"),
        ({"evaluation": []}, "no evaluation"),
        ({"evaluation.epoch": "first"}, "epoch"),
        ({"evaluation.created_at": "2026-01-01T00:00:00"}, "zone"),
        ({"evaluation.detail": 3}, "no evaluation"),
        ({"evaluation.detail": {"version": 9}}, "version 9"),
        ({"evaluation.detail": {"version": 1}}, "headline"),
    ],
)
def test_file_that_says_something_else_is_refused(
    tmp_path: Path, change: dict[str, object], message: str
) -> None:
    content = json.loads(dump_evaluation(make_evaluation_by_hand(), run_uuid=UUID))
    for key, value in change.items():
        section, _, name = key.partition(".")
        if name:
            content[section][name] = value
        else:
            content[section] = value
    path = tmp_path / EVALUATION_FILE
    path.write_text(json.dumps(content))

    with pytest.raises(ValueError, match=message):
        load_evaluation(path, run_uuid=UUID)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"version": 1}'])
def test_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / EVALUATION_FILE
    path.write_bytes(content)

    with pytest.raises(ValueError, match=r"no evaluation|Expecting|decode"):
        load_evaluation(path)
