"""What a run reference means, in a real store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dfx.config import ExperimentConfig
from dfx.errors import AmbiguousReference, NotFoundError
from dfx.records import CheckpointFile, EpochRecord, SplitSummary, Status
from dfx.services.references import find_unfinished, resolve_run
from dfx.tracking.process import this_process
from dfx.tracking.store import RunStore

UUIDS = {
    1: "aaaaaaaa-0000-4000-8000-000000000001",
    2: "aaaaaaaa-0000-4000-8000-000000000002",
    3: "beefbeef-0000-4000-8000-000000000003",
    4: "cccccccc-0000-4000-8000-000000000004",
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    """b4/1 (0.9), b4/2 (0.8), small/1 (0.95, on older data), beefbeef/1 (interrupted at once)."""
    with RunStore.open(tmp_path, create=True) as opened:
        add(opened, tmp_path, "small", 3, 0.95, "sha256:older")
        add(opened, tmp_path, "b4", 1, 0.9, "sha256:newer")
        add(opened, tmp_path, "b4", 2, 0.8, "sha256:newer")
        add(opened, tmp_path, "beefbeef", 4, None, None)
        yield opened


def add(
    store: RunStore,
    home: Path,
    experiment: str,
    uuid: int,
    accuracy: float | None,
    digest: str | None,
) -> None:
    """A run that ended, with one epoch where an accuracy is given."""
    run, attempt = store.create_run(
        experiment=experiment,
        config=ExperimentConfig(),
        home=home,
        uuid=UUIDS[uuid],
        process=this_process(),
        settings={},
        environment={},
    )
    if accuracy is None or digest is None:
        store.finish_attempt(attempt.id, status=Status.INTERRUPTED, message=None)
        return
    store.record_data(attempt.id, [SplitSummary("val", digest, digest, 50, 50)])
    path = f"{run.directory}/best.pt"
    store.record_epoch(
        attempt.id,
        EpochRecord(
            *(1, 10, 0.5, 0.7, 0.4, accuracy, 0.9, 0.9, 1e-4, 1.0, 10.0, 1),
            finished_at=datetime.now(UTC),
        ),
        checkpoints=[CheckpointFile("best", 1, 10, path, 1, "sha256:0")],
        evaluation=None,
        improved=True,
    )
    store.finish_attempt(attempt.id, status=Status.COMPLETED, message=None)


@pytest.mark.parametrize(
    ("reference", "of_experiment", "name"),
    [
        ("2", "latest", "b4/1"),
        ("b4/2", "latest", "b4/2"),
        ("b4", "latest", "b4/2"),
        ("b4", "best", "b4/1"),
        ("best", "latest", "b4/1"),
        ("latest", "best", "beefbeef/1"),
        ("aaaaaaaa-0000-4000-8000-000000000002", "latest", "b4/2"),
        ("cccccccc", "latest", "beefbeef/1"),
    ],
)
def test_reference(store: RunStore, reference: str, of_experiment: str, name: str) -> None:
    choice = resolve_run(store, reference, of_experiment=of_experiment)  # type: ignore[arg-type]

    assert name == choice.summary.run


def test_best_is_of_the_newest_validation_set_and_says_so(store: RunStore) -> None:
    """small/1 has the higher accuracy, but on images that no later run was validated on."""
    choice = resolve_run(store, "best", of_experiment="latest")

    assert choice.reason == (
        "best validation accuracy (0.9000) of 2 runs on the newest of 2 validation sets"
    )


@pytest.mark.parametrize("reference", ["aaaaaaaa", "beefbeef"])
def test_ambiguous(store: RunStore, reference: str) -> None:
    """A UUID's beginning that two runs share, and one that is also an experiment's name."""
    with pytest.raises(AmbiguousReference, match="could mean") as refused:
        resolve_run(store, reference, of_experiment="latest")

    assert refused.value.exit_code == 3


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("b5", "b4"),
        ("b4/9", "b4/"),
        ("SMA", "small or small/1"),
        ("eef", "beefbeef"),
        ("BEST", "best?"),
        ("qqqq", "dfx compare"),
    ],
)
def test_unknown_names_the_nearest(store: RunStore, reference: str, hint: str) -> None:
    with pytest.raises(NotFoundError) as refused:
        resolve_run(store, reference, of_experiment="latest")

    assert reference in refused.value.message
    assert hint in (refused.value.hint or "")


def test_home_without_weights_has_no_best(tmp_path: Path) -> None:
    """A run that was interrupted before its first epoch ended cannot be the best."""
    with RunStore.open(tmp_path, create=True) as store:
        add(store, tmp_path, "b4", 1, None, None)

        with pytest.raises(NotFoundError, match="has finished an epoch"):
            resolve_run(store, "best", of_experiment="latest")


def test_unfinished_is_the_latest_that_may_go_on(store: RunStore) -> None:
    choice = find_unfinished(store)
    assert choice is not None

    assert choice.summary.run == "beefbeef/1"
