"""Numbers sorted by counting and merging are numbers sorted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from churnhealth.sources import sorting
from churnhealth.sources.sorting import sort_numbers


@pytest.fixture(autouse=True, scope="module")
def _small_blocks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "_BLOCK", 8)
        yield


@given(
    numbers=st.lists(st.integers(0, (1 << 62) - 1), max_size=60),
    above=st.integers(0, 63),
)
@settings(max_examples=300)
def test_any_numbers_are_sorted_whatever_stands_above(numbers, above):
    found = np.array(numbers, dtype=np.int64)
    sort_numbers(found, above=above)
    assert found.tolist() == sorted(numbers)


@given(numbers=st.lists(st.integers(0, (1 << 64) - 1), max_size=60))
def test_hashes_of_64_bits_are_sorted(numbers):
    found = np.array(numbers, dtype=np.uint64)
    sort_numbers(found, above=48)
    assert found.tolist() == sorted(numbers)


def test_more_groups_than_a_digit_counts_are_sorted_across_blocks():
    rng = np.random.default_rng(5)
    group, day = rng.integers(0, 1 << 18, 3000), np.sort(rng.integers(0, 700, 3000))
    found = group << 10 | day
    expected = np.sort(found)
    sort_numbers(found, above=10)
    np.testing.assert_array_equal(found, expected)
