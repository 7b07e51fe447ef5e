"""What differs between two runs, in a real store with real files."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dfx.config import ExperimentConfig
from dfx.errors import NotFoundError
from dfx.messages import Notice
from dfx.records import (
    CheckpointFile,
    Confusion,
    EpochRecord,
    Evaluation,
    Run,
    SplitSummary,
    Status,
)
from dfx.records.differences import Change, ImageDifference, PatchedFile, RunDifference
from dfx.services.diff import compare_two
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PATCH = "diff --git a/x.py b/x.py\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
CODE = {"revision": "0" * 40, "branch": "main", "patch": None}
ENVIRONMENT = {
    "dfx": "0.1.0",
    "torch": "2.6.0",
    "command": ["dfx", "run"],
    "folder": "/srv/faces",
    "packages": {"timm": "1.0.9", "torch": "2.6.0"},
    "code": CODE,
}


def split(name: Any = "val", digest: str = "sha256:v", **changes: Any) -> SplitSummary:
    values: dict[str, Any] = {"content_digest": f"{digest}c", "real": 50, "deepfake": 50}
    return SplitSummary(name, digest, **{**values, **changes})


def add(
    store: RunStore,
    *,
    config: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    data: tuple[SplitSummary, ...] = (split("train", "sha256:t"), split()),
    accuracy: float | None = 0.9,
    weights: dict[str, Any] | None = None,
) -> Run:
    """A run of one epoch, or of none where there is no accuracy."""
    run, attempt = store.create_run(
        experiment="b4",
        config=ExperimentConfig().replace(config or {}),
        home=store.home,
        uuid=f"{len(store.list_summaries()):08d}-0000-4000-8000-000000000000",
        process=this_process(),
        settings=settings or {},
        environment={**ENVIRONMENT, **(environment or {})},
    )
    store.record_weights(attempt.id, weights or {"source": "random"})
    if data:
        store.record_data(attempt.id, data)
    if accuracy is not None:
        store.record_epoch(
            attempt.id,
            EpochRecord(
                *(1, 10, 0.5, 0.8, 1 - accuracy, accuracy, None, 0.75, 1e-4, 60.0, 5.0, 1, NOW)
            ),
            checkpoints=[CheckpointFile("best", 1, 10, f"{run.directory}/b.pt", 1, "sha256:0")],
            evaluation=Evaluation(
                *(1, "val", "sha256:v", 0.5, accuracy, 0.7, 0.6, 0.75, None, None),
                loss=1 - accuracy,
                confusion=Confusion(1, 2, 3, 4),
                predictions=None,
                created_at=NOW,
            ),
            improved=True,
        )
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)
    return store.get_run(run.id)


def compare(home: Path, a: str = "b4/1", b: str = "b4/2") -> RunDifference:
    return compare_two(a, b, home=home, notify=lambda notice: None)


def keep_patch(home: Path, digest: str, text: str) -> str:
    (home / ".patches").mkdir(exist_ok=True)
    (home / ".patches" / f"{digest}.patch.gz").write_bytes(gzip.compress(text.encode()))
    return f"sha256:{digest}"


def keep_list(home: Path, digest: str, images: dict[str, str]) -> None:
    (home / ".images").mkdir(exist_ok=True)
    lines = [f"{name},real,9,{content}" for name, content in images.items()]
    text = "\n".join(["path,truth,bytes,sha256", *lines, ""])
    path = home / ".images" / f"{digest.removeprefix('sha256:')}.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))


def test_a_run_does_not_differ_from_itself(store: RunStore, home: Path) -> None:
    """Both references may be of another kind; that it is one run is said."""
    add(store)
    notices: list[Notice] = []
    d = compare_two("b4", "best", home=home, notify=notices.append)

    assert d.a == d.b
    assert (d.settings, d.environment, d.packages, d.weights) == ((), (), (), ())
    assert (d.code.changes, d.code.text) == ((), None)
    assert [s.changes for s in d.data] == [(), ()]
    assert {result.difference for result in d.results} == {0, None}
    assert {result.better for result in d.results} == {None}
    assert [notice.text for notice in notices] == [
        "A is b4/1: the latest run of b4",
        "B is b4/1: best validation accuracy (0.9000) of the only run",
        "A and B are the same run, b4/1",
    ]


def test_settings_are_those_used_last(store: RunStore, home: Path) -> None:
    """The recipe as it was frozen, machine and plan as the latest attempt had them."""
    add(store, settings={"train.epochs": 15, "data.workers": 4})
    add(store, config={"optim.lr": 0.5}, settings={"train.epochs": 20, "data.workers": 4})

    assert compare(home).settings == (
        Change("optim.lr", 1e-4, 0.5),
        Change("train.epochs", 15, 20),
    )


def test_environment_is_told_without_what_is_called_and_from_where(
    store: RunStore, home: Path
) -> None:
    add(store)
    changes = {"torch": "2.7.0", "cuda": "12.8", "command": ["other"], "folder": "/elsewhere"}
    add(store, environment={**changes, "packages": {"timm": "1.0.9", "torch": "2.7.0", "a": "1"}})
    d = compare(home)

    assert d.environment == (Change("torch", "2.6.0", "2.7.0"), Change("cuda", None, "12.8"))
    assert d.packages == (Change("torch", "2.6.0", "2.7.0"), Change("a", None, "1"))


def test_weights_differ_by_where_they_come_from(store: RunStore, home: Path) -> None:
    add(store)
    add(store, weights={"source": "file", "path": "/w.pth"})

    assert compare(home).weights == (
        Change("source", "random", "file"),
        Change("path", None, "/w.pth"),
    )


def test_uncommitted_changes_are_read_where_they_are_kept(store: RunStore, home: Path) -> None:
    add(store)
    add(store, environment={"code": {**CODE, "patch": keep_patch(home, "aa", PATCH)}})
    code = compare(home).code

    assert code.changes == (Change("patch", None, "sha256:aa"),)
    assert code.files == (PatchedFile("x.py", None, (1, 1)),)
    assert code.text is not None
    assert PATCH.removesuffix("\n") in code.text


def test_changes_of_one_digest_are_the_same(store: RunStore, home: Path) -> None:
    """Also where they were too large to be kept, and on another revision."""
    add(store, environment={"code": {**CODE, "patch": "sha256:aa"}})
    add(store, environment={"code": {**CODE, "patch": "sha256:aa", "revision": "1" * 40}})
    code = compare(home).code

    assert [change.key for change in code.changes] == ["revision"]
    assert (code.files, code.text, code.notes) == ((), None, ())


def test_changes_that_were_not_kept_are_named(store: RunStore, home: Path) -> None:
    add(store, environment={"code": {**CODE, "patch": keep_patch(home, "aa", PATCH)}})
    add(store, environment={"code": {**CODE, "patch": "sha256:bb"}})
    code = compare(home).code

    assert code.text is None
    assert code.notes == (f"the uncommitted changes of b4/2 were not kept in {home / '.patches'}",)


def test_code_may_be_recorded_of_one_only(store: RunStore, home: Path) -> None:
    add(store)
    add(store, environment={"code": None})

    assert [change.b for change in compare(home).code.changes] == [None, None]


def test_images_are_told_one_by_one(store: RunStore, home: Path) -> None:
    other = split(digest="sha256:w", deepfake=51)
    keep_list(home, "sha256:vc", {"real/a": "1", "real/b": "2", "real/c": "3", "real/d": "4"})
    keep_list(home, "sha256:wc", {"real/a": "1", "real/b": "9", "real/z": "3", "real/e": "8"})
    add(store)
    add(store, data=(split("train", "sha256:t"), other))
    train, val = compare(home).data

    assert train.changes == ()
    assert [change.key for change in val.changes] == ["digest", "content_digest", "deepfake"]
    assert val.images == ImageDifference(only_a=1, only_b=1, changed=1, renamed=1)


def test_without_their_lists_images_are_not_told_one_by_one(store: RunStore, home: Path) -> None:
    keep_list(home, "sha256:vc", {"real/a": "1"})
    add(store)
    add(store, data=(split("train", "sha256:t"), split(digest="sha256:w")))
    _, val = compare(home).data

    assert val.images is None
    assert val.note is not None
    assert "the list of images of B is not here" in val.note


def test_the_better_value_is_the_higher_score_and_the_lower_loss(
    store: RunStore, home: Path
) -> None:
    add(store, accuracy=0.9)
    add(store, accuracy=0.8)
    results = {result.name: result for result in compare(home).results}

    assert results["val_accuracy"].difference == pytest.approx(-0.1)
    assert {name: r.better for name, r in results.items() if r.better} == {
        "val_accuracy": "a",
        "val_loss": "a",
    }
    assert results["val_auc"].difference is None
    assert results["val_precision"].a == 0.7
    assert results["val_loss"].higher_is_better is False
    assert results["train_loss"].higher_is_better is None


def test_on_different_validation_images_neither_is_better(store: RunStore, home: Path) -> None:
    add(store, accuracy=0.9)
    add(store, accuracy=0.8, data=(split(digest="sha256:w"),))
    d = compare(home)

    assert d.is_same_validation is False
    assert {result.better for result in d.results} == {None}


def test_a_run_of_which_there_is_nothing_yet_can_be_compared(store: RunStore, home: Path) -> None:
    add(store, data=(), accuracy=None)
    add(store)
    d = compare(home)

    assert d.is_same_validation is None
    assert (d.epochs, d.a.best_epoch) == ((0, 1), None)
    assert [change.a for s in d.data for change in s.changes] == [None] * 10
    assert all(result.better is None for result in d.results)


def test_an_unknown_run_is_not_found(store: RunStore, home: Path) -> None:
    add(store)

    with pytest.raises(NotFoundError, match="no run 'b5/1'"):
        compare(home, "b4/1", "b5/1")
