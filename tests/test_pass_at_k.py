"""pass@k against its definition: the share of draws that hold a sample that passes."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opencodeinstruct.tools.programs.pass_at_k import Count, Estimate, estimates, pass_at_k


@given(
    st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))
)
def test_it_is_the_share_of_draws_in_which_a_sample_passes(numbers: tuple[int, int, int]) -> None:
    samples, passed, k = numbers
    draws = list(combinations([True] * passed + [False] * (samples - passed), k))
    assert pass_at_k(Count(samples, passed), k) == sum(map(any, draws)) / len(draws)


@given(
    st.integers(1, 300).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n))
    )
)
def test_it_is_what_the_formula_of_the_paper_gives(numbers: tuple[int, int, int]) -> None:
    n, c, k = numbers
    theirs = 1.0 if n - c < k else 1.0 - np.prod(1.0 - k / np.arange(n - c + 1, n + 1))
    assert pass_at_k(Count(n, c), k) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize(
    ("samples", "passed", "k", "value"),
    [
        (1, 0, 1, 0.0),
        (1, 1, 1, 1.0),
        (4, 1, 1, 0.25),
        (4, 1, 4, 1.0),
        (200, 1, 100, 0.5),
        (100_000, 1, 100, 0.001),  # no overflow, and no rounding before the end
    ],
)
def test_known_values_are_exact(samples: int, passed: int, k: int, value: float) -> None:
    assert pass_at_k(Count(samples, passed), k) == value


@pytest.mark.parametrize("k", [0, -1, 3])
def test_more_draws_than_samples_are_no_estimate(k: int) -> None:
    with pytest.raises(ValueError, match=f"k is {k}, of 2 samples"):
        pass_at_k(Count(2, 1), k)


def test_over_tasks_it_is_the_mean_and_too_few_samples_are_counted() -> None:
    counts = [Count(2, 1), Count(2, 0), Count(4, 4)]
    assert estimates(counts, (1, 2, 3, 9)) == [
        Estimate(1, 0.5, 0),
        Estimate(2, 2 / 3, 0),
        Estimate(3, None, 2),
        Estimate(9, None, 3),
    ]


def test_without_tasks_there_is_nothing_to_estimate() -> None:
    assert estimates([], (1, 10)) == [Estimate(1, None, 0), Estimate(10, None, 0)]
