"""Results by source."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from dfx.evaluation.groups import assess_groups
from dfx.evaluation.intervals import wilson_interval
from dfx.records.evaluation import GroupResult

from .score_samples import TIED

ROWS = st.lists(
    st.tuples(st.sampled_from(["ffhq", "stylegan2", "sdxl"]), st.integers(0, 1), TIED), min_size=1
)


def assess_rows(rows: list[tuple[str, int, float]]) -> dict[str, GroupResult]:
    sources, labels, p = zip(*rows, strict=True)
    results = assess_groups(sources, np.array(labels), np.array(p), threshold=0.5)
    return {result.source: result for result in results}


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_counts_by_source(rows: list[tuple[str, int, float]]) -> None:
    found = assess_rows(rows)

    assert found.keys() == {source for source, _, _ in rows}
    for source, result in found.items():
        own = [(y, p) for s, y, p in rows if s == source]
        right = sum((p >= 0.5) == bool(y) for y, p in own)
        assert (result.real, result.deepfake) == (
            sum(y == 0 for y, _ in own),
            sum(y == 1 for y, _ in own),
        )
        assert (result.right, result.accuracy) == (right, right / len(own))
        assert (result.accuracy_low, result.accuracy_high) == wilson_interval(right, len(own))


@given(ROWS)
@settings(max_examples=100, deadline=None)
def test_auc_is_within_the_group_or_against_the_other_class(
    rows: list[tuple[str, int, float]],
) -> None:
    for source, result in assess_rows(rows).items():
        own = [(y, p) for s, y, p in rows if s == source]
        classes = {y for y, _ in own}
        if len(classes) == 1:
            own += [(y, p) for _, y, p in rows if y not in classes]
        if len({y for y, _ in own}) == 1:
            assert (result.auc, result.against) == (None, None)
            assert result.reason in {"there is no deepfake", "there is no real image"}
            continue
        labels, p = zip(*own, strict=True)
        assert result.auc == pytest.approx(roc_auc_score(labels, p), abs=1e-12)
        assert result.reason is None
        assert result.against == (
            "images of the other class in the group"
            if len(classes) == 2
            else "all real images"
            if classes == {1}
            else "all deepfakes"
        )


@given(ROWS)
@settings(max_examples=50, deadline=None)
def test_worst_group_comes_first(rows: list[tuple[str, int, float]]) -> None:
    results = list(assess_rows(rows).values())

    assert [r.accuracy for r in results] == sorted(r.accuracy for r in results)


def test_of_equally_bad_groups_the_larger_comes_first() -> None:
    rows = [("a", 0, 0.9), ("b", 0, 0.9), ("b", 1, 0.1), ("c", 1, 0.9)]

    assert list(assess_rows(rows)) == ["b", "a", "c"]


def test_each_image_is_looked_at_a_few_times_however_many_sources_there_are() -> None:
    """With a pass over all images for each source this would be 4 000 000 000 steps."""
    rng = np.random.default_rng(0)
    images, count = 200_000, 20_000
    labels = np.arange(images) % 2
    names = [f"{i % count}" for i in range(images)]
    results = assess_groups(names, labels, rng.random(images), threshold=0.4)

    assert len(results) == count
    assert {(r.real + r.deepfake, r.against is None) for r in results} == {(10, False)}
