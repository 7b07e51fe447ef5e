"""Evaluations by hand come back from what their files tell, with the uses of test splits."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from by_hand_samples import make_evaluation_by_hand
from tracking_samples import BEGUN, find_run, make_epoch

from dfx.records.evaluation import TestUse
from dfx.tracking.store import RunStore

USE = {"epoch": 1, "dataset": "other_faces", "dataset_digest": "sha256:test"}


def list_uses(store: RunStore) -> list[tuple[int, bool]]:
    return [(use.number, use.is_recorded) for use in store.get_detail(1).test_uses]


def test_evaluations_of_a_lost_run_are_there_again(store: RunStore) -> None:
    """A use of which nothing is left keeps its number, so that no later one gets it."""
    evaluations = (
        make_evaluation_by_hand(number=1),
        make_evaluation_by_hand(number=3),
        make_evaluation_by_hand(number=4, split="val", folder=None, predictions=None),
    )
    adopted = store.adopt_run(find_run(by_hand=evaluations), gone=())
    detail = store.get_detail(1)

    assert adopted is not None
    assert (adopted.evaluations, adopted.is_new) == (3, True)
    assert detail.evaluations == evaluations
    assert [(use.number, use.dataset, use.used_at) for use in detail.test_uses] == [
        (1, "other_faces", evaluations[0].created_at),
        (3, "other_faces", evaluations[1].created_at),
    ]
    assert store.record_test_use(1, **USE) == 4


def test_evaluation_of_weights_that_are_passed_does_not_stand(store: RunStore) -> None:
    """Made before the epoch that stands was over, or of one that is not there; its use counts."""
    ended = make_epoch().finished_at
    before = make_evaluation_by_hand(number=1, created_at=ended - timedelta(seconds=1))
    after = make_evaluation_by_hand(number=2, created_at=ended + timedelta(seconds=1))
    later = make_evaluation_by_hand(number=3, epoch=2)
    store.adopt_run(find_run(by_hand=(before, after, later)), gone=())
    [files] = store.list_run_files()

    assert store.get_detail(1).evaluations == (after,)
    assert list_uses(store) == [(1, True), (2, True), (3, True)]
    assert set(files.folders) == {before.folder, after.folder, later.folder}


def test_known_run_gets_what_its_record_has_forgotten(store: RunStore) -> None:
    """Though its checkpoints tell nothing new, and once only."""
    first = make_evaluation_by_hand(number=1)
    second = make_evaluation_by_hand(number=2)
    found = find_run(by_hand=(first,))
    store.adopt_run(found, gone=())
    store.forget_files(1, [str(first.folder)])
    again = replace(found, by_hand=(first, second), gaps=("some",))
    adopted = store.adopt_run(again, gone=())

    assert adopted is not None
    assert (adopted.is_new, adopted.status, adopted.gaps) == (False, found.status, ("some",))
    assert store.get_detail(1).evaluations == (first, second)
    assert store.adopt_run(again, gone=()) is None


def test_detail_is_found_where_checkpoints_tell_of_the_numbers(store: RunStore) -> None:
    evaluation = make_evaluation_by_hand()
    found = find_run(by_hand=(replace(evaluation, detail=None, folder=None, predictions=None),))
    store.adopt_run(found, gone=())
    store.adopt_run(replace(found, by_hand=(evaluation,)), gone=())

    assert store.get_detail(1).evaluations == (evaluation,)


def test_numbers_that_came_again_are_told_apart(store: RunStore) -> None:
    """After an older database was put back, uses were counted anew; none of them is merged."""
    recorded = make_evaluation_by_hand(number=2, test_use=1)
    forgotten = make_evaluation_by_hand(number=1, test_use=1)
    store.adopt_run(find_run(), gone=())
    store.record_test_use(1, **USE)
    store.record_evaluation(1, recorded)
    uuid = store.get_run(1).uuid
    store.adopt_run(find_run(uuid=uuid, by_hand=(forgotten, recorded)), gone=())

    assert store.get_detail(1).evaluations == (recorded, replace(forgotten, test_use=2))
    assert list_uses(store) == [(1, True), (2, True)]


def test_evaluation_that_was_killed_at_its_end_is_joined_to_its_use(store: RunStore) -> None:
    """It was counted before, and its files were written, but not yet its row."""
    store.adopt_run(find_run(), gone=())
    store.record_test_use(1, **USE)
    uuid, [use] = store.get_run(1).uuid, store.get_detail(1).test_uses
    evaluation = make_evaluation_by_hand(created_at=use.used_at + timedelta(seconds=9))
    store.adopt_run(find_run(uuid=uuid, by_hand=(evaluation,)), gone=())

    assert store.get_detail(1).test_uses == (replace(use, is_recorded=True),)


def test_uses_that_checkpoints_tell_of_come_back(store: RunStore) -> None:
    """Also one of which nothing came, which no file of its own tells of."""
    uses = tuple(
        TestUse(
            number, 1, "faces", "sha256:test", BEGUN + timedelta(hours=number), is_recorded=known
        )
        for number, known in ((1, False), (2, True))
    )
    evaluation = make_evaluation_by_hand(test_use=2)
    found = find_run(test_uses=uses, by_hand=(evaluation,))
    store.adopt_run(found, gone=())

    assert store.get_detail(1).test_uses == uses
    assert store.adopt_run(found, gone=()) is None
    assert store.get_detail(1).test_uses == uses
