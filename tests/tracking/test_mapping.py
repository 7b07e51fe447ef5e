"""Records survive the way into rows and back, whatever their values."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some
from tracking_samples import begin_run

from dfx.records import CheckpointFile, Confusion, EpochRecord, Evaluation, SplitSummary
from dfx.tracking.store import RunStore

finite = some.floats(allow_nan=False, allow_infinity=False)
share = some.floats(0, 1)
counts = some.integers(0, 2**31 - 1)
times = some.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=some.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45))]),
)
words = some.text(some.characters(exclude_categories=["Cs"]), min_size=1)

epochs = some.builds(
    EpochRecord,
    epoch=some.just(1),
    step=counts,
    train_loss=finite,
    train_accuracy=share,
    val_loss=finite,
    val_accuracy=share,
    val_auc=some.none() | share,
    val_f1=some.none() | share,
    lr=finite,
    seconds=finite,
    images_per_second=finite,
    attempt=some.just(1),
    finished_at=times,
)
evaluations = some.builds(
    Evaluation,
    epoch=some.just(1),
    split=some.sampled_from(["train", "val", "test"]),
    dataset_digest=words,
    threshold=share,
    accuracy=share,
    precision=some.none() | share,
    recall=some.none() | share,
    f1=some.none() | share,
    auc=some.none() | share,
    average_precision=some.none() | share,
    loss=finite,
    confusion=some.builds(Confusion, tn=counts, fp=counts, fn=counts, tp=counts),
    predictions=some.none() | some.just("b4/1/ü.csv"),
    created_at=times,
)
checkpoints = some.builds(
    CheckpointFile,
    kind=some.just("best"),
    epoch=counts,
    step=counts,
    path=some.just("b4/1/best.pt"),
    bytes=some.integers(0, 2**62),
    sha256=words,
)
splits = some.builds(
    SplitSummary,
    split=some.sampled_from(["train", "val", "test"]),
    digest=words,
    content_digest=words,
    real=counts,
    deepfake=counts,
    skipped=some.lists(some.tuples(words, words)).map(tuple),
)


@settings(max_examples=15, deadline=None)
@given(epoch=epochs, evaluation=evaluations, checkpoint=checkpoints, split=splits)
def test_records_come_back_as_they_were(
    epoch: EpochRecord, evaluation: Evaluation, checkpoint: CheckpointFile, split: SplitSummary
) -> None:
    """Every bit of a number, every instant and every letter is kept."""
    with tempfile.TemporaryDirectory() as home, RunStore.open(Path(home), create=True) as store:
        run, attempt = begin_run(store)
        store.record_data(attempt.id, [split])
        store.record_epoch(
            attempt.id, epoch, checkpoints=[checkpoint], evaluation=evaluation, improved=True
        )
        detail = store.get_detail(run.id)

        assert detail.epochs == (epoch,)
        assert detail.evaluations == (evaluation,)
        assert detail.checkpoints == (checkpoint,)
        assert detail.run.data == (split,)
