"""The random streams: apart from each other, and the same for ever."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfx.data.randomness import (
    cut_batches,
    derive_key,
    derive_seed,
    permutation,
    sample_generator,
)

NUMBERS = st.integers(0, 2**64 - 1)


class TestKeys:
    def test_seed_epoch_and_sample_are_kept_apart(self) -> None:
        """No two triples of small numbers share a key, as they would if they were summed."""
        keys = {derive_key("augmentation", *t) for t in product(range(12), repeat=3)}

        assert len(keys) == 12**3

    def test_purposes_are_kept_apart(self) -> None:
        purposes = ("weights", "order", "augmentation", "step")

        assert len({derive_key(purpose, 1, 2) for purpose in purposes}) == 4  # type: ignore[arg-type]

    def test_numbers_do_not_run_into_each_other(self) -> None:
        assert derive_key("step", 1) != derive_key("step", 1, 0)
        assert derive_key("step", 2**8) != derive_key("step", 0, 1)

    @given(NUMBERS, NUMBERS)
    def test_seeds_are_what_torch_takes(self, first: int, second: int) -> None:
        assert 0 <= derive_seed("step", first, second) < 2**63
        assert 0 <= derive_key("step", first, second) < 2**128

    def test_the_largest_configurable_seed_works(self) -> None:
        assert sorted(permutation(5, seed=2**63 - 1, epoch=10**6)) == [0, 1, 2, 3, 4]


class TestPinned:
    """A change of any of these would break the resuming of every older run."""

    def test_keys(self) -> None:
        assert derive_key("order", 1, 2) == PINNED_KEY
        assert derive_seed("weights", 0) == PINNED_SEED

    def test_order(self) -> None:
        assert permutation(10, seed=0, epoch=1) == PINNED_ORDER

    def test_augmentation(self) -> None:
        generator = sample_generator(seed=0, epoch=1, index=2)

        assert [generator.random(), generator.uniform(-10, 10)] == PINNED_DRAWS


PINNED_KEY = 288504170872019876544307346501867626730
PINNED_SEED = 6071050735929431997
PINNED_ORDER = [5, 9, 3, 8, 4, 0, 2, 7, 6, 1]
PINNED_DRAWS = [0.8977754067372341, 0.5454987132495948]


class TestPermutation:
    @given(st.integers(0, 300), st.integers(0, 2**63 - 1), st.integers(1, 1000))
    def test_every_sample_once(self, samples: int, seed: int, epoch: int) -> None:
        order = permutation(samples, seed=seed, epoch=epoch)

        assert sorted(order) == list(range(samples))
        assert order == permutation(samples, seed=seed, epoch=epoch)

    @pytest.mark.parametrize(
        ("one", "other"), [((1, 1), (2, 1)), ((1, 1), (1, 2)), ((1, 2), (2, 1)), ((0, 3), (3, 0))]
    )
    def test_differs_by_seed_and_epoch(self, one: tuple[int, int], other: tuple[int, int]) -> None:
        """And seed 1 in epoch 2 is not seed 2 in epoch 1: no more places agree than by chance."""
        first, second = (permutation(1000, seed=s, epoch=e) for s, e in (one, other))

        assert sum(a == b for a, b in zip(first, second, strict=True)) < 12


class TestSampleGenerator:
    @pytest.mark.parametrize(
        "other", [(2, 2, 3), (1, 3, 3), (1, 2, 4), (2, 1, 3), (3, 2, 1), (1, 3, 2)]
    )
    def test_differs_by_seed_epoch_and_sample(self, other: tuple[int, int, int]) -> None:
        first = sample_generator(seed=1, epoch=2, index=3).random(50)
        second = sample_generator(seed=other[0], epoch=other[1], index=other[2]).random(50)

        assert not set(first) & set(second)

    def test_is_fresh_each_time(self) -> None:
        first = sample_generator(seed=1, epoch=2, index=3).random(5).tolist()

        assert sample_generator(seed=1, epoch=2, index=3).random(5).tolist() == first


class TestCutBatches:
    @given(st.integers(0, 200), st.integers(1, 40))
    def test_every_sample_once_and_in_order(self, samples: int, size: int) -> None:
        batches = cut_batches(list(range(samples)), size)

        assert [sample for batch in batches for sample in batch] == list(range(samples))

    @given(st.integers(0, 200), st.integers(2, 40))
    def test_no_batch_of_one_that_can_be_avoided(self, samples: int, size: int) -> None:
        lengths = [len(batch) for batch in cut_batches(list(range(samples)), size)]

        assert samples == 1 or 1 not in lengths
        assert all(length == size for length in lengths[:-1])
        assert all(length <= size + 1 for length in lengths)

    @given(st.integers(0, 200))
    def test_batches_of_one_where_asked_for(self, samples: int) -> None:
        assert cut_batches(list(range(samples)), 1) == [[sample] for sample in range(samples)]
