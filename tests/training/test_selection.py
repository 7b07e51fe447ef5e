"""The best epoch, and when to stop waiting for a better one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dfx.training.selection import Selection, selection_value


def run(values: list[tuple[float, float]], min_delta: float = 0.0) -> list[Selection]:
    """The state after each epoch, from pairs of value and loss."""
    selection, states = Selection(), []
    for epoch, (value, loss) in enumerate(values, start=1):
        selection = selection.update(epoch=epoch, value=value, loss=loss, min_delta=min_delta)
        states.append(selection)
    return states


class TestBest:
    @given(
        st.lists(
            st.tuples(st.sampled_from([0.5, 0.6, 0.7]), st.sampled_from([0.1, 0.2, 0.3])),
            min_size=1,
        ),
        st.sampled_from([0.0, 0.15]),
    )
    def test_is_the_highest_value_then_the_lowest_loss_then_the_first(
        self, values: list[tuple[float, float]], min_delta: float
    ) -> None:
        """Whatever counts for patience."""
        best = run(values, min_delta)[-1]
        expected = max(range(len(values)), key=lambda i: (values[i][0], -values[i][1], -i))

        assert best.best_epoch == expected + 1
        assert (best.best_value, best.best_loss) == values[expected]

    def test_among_equals_a_lower_loss_wins_but_earns_no_patience(self) -> None:
        states = run([(0.8, 0.5), (0.8, 0.4), (0.8, 0.6)])

        assert [s.best_epoch for s in states] == [1, 2, 2]
        assert [s.waited for s in states] == [0, 1, 2]

    def test_of_negative_values(self) -> None:
        """Selection by loss."""
        states = run([(-0.7, 0.7), (-0.5, 0.5), (-0.6, 0.6)])

        assert states[-1].best_epoch == 2

    def test_nothing_before_the_first(self) -> None:
        assert Selection().best_epoch is None
        assert run([(0.0, 9.0)])[0].best_epoch == 1


class TestPatience:
    def test_a_change_below_the_least_counts_for_the_best_alone(self) -> None:
        states = run([(0.50, 1), (0.55, 1), (0.58, 1), (0.61, 1)], min_delta=0.1)

        assert [s.best_epoch for s in states] == [1, 2, 3, 4]
        assert [s.waited for s in states] == [0, 1, 2, 0]

    def test_a_change_of_exactly_the_least_does_not_count(self) -> None:
        assert run([(0.5, 1), (0.75, 1)], min_delta=0.25)[-1].waited == 1

    def test_runs_out_after_so_many_epochs(self) -> None:
        states = run([(0.9, 1), (0.8, 1), (0.8, 1), (0.8, 1)])

        assert [s.is_exhausted(3) for s in states] == [False, False, False, True]

    def test_of_0_never_does(self) -> None:
        assert not run([(0.9, 1)] + [(0.1, 1)] * 100)[-1].is_exhausted(0)

    def test_starts_anew_where_the_plan_is_extended(self) -> None:
        waited = run([(0.9, 1), (0.8, 1), (0.8, 1)])[-1]
        renewed = waited.renew_patience()

        assert (renewed.waited, renewed.best_epoch, renewed.anchor) == (0, 1, 0.9)


def test_a_dump_is_all_of_it() -> None:
    selection = run([(0.5, 1.5), (0.4, 1.0)])[-1]

    assert Selection(**selection.dump()) == selection


@pytest.mark.parametrize(("by", "expected"), [("accuracy", 0.8), ("auc", 0.9), ("loss", -0.3)])
def test_higher_is_better(by: str, expected: float) -> None:
    assert selection_value(by, accuracy=0.8, auc=0.9, loss=0.3) == expected  # type: ignore[arg-type]


def test_an_auc_that_is_undefined_is_a_bug() -> None:
    with pytest.raises(ValueError, match="both classes"):
        selection_value("auc", accuracy=0.8, auc=None, loss=0.3)
