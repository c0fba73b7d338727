"""Values are added at places as `np.add.at` adds them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygraph.engine import adding
from tinygraph.engine.adding import add_at


@pytest.fixture(autouse=True, scope="module")
def _also_small() -> Any:
    before = adding.LEAST, adding.SHORTEST
    adding.LEAST = adding.SHORTEST = 0
    yield
    adding.LEAST, adding.SHORTEST = before


@st.composite
def places(draw: Any) -> tuple[tuple[int, ...], Any]:
    """The shape of an array, and an index into it with arrays of integers."""
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple))
    common = draw(st.lists(st.integers(0, 4), max_size=2).map(tuple))
    kinds = st.sampled_from(["array", "whole", "whole", "number", "part"])
    items: list[Any] = []
    size = min(shape)  # the axis that an entry stands for depends on where the dots are
    for _ in range(draw(st.integers(1, len(shape)))):
        kind = draw(kinds)
        numbers = draw(st.integers(0, 2**32 - 1).map(np.random.default_rng)).integers(-size, size, common)
        items.append({"array": numbers, "whole": slice(None), "number": size // 2, "part": slice(1, None)}[kind])
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), Ellipsis)
    return shape, items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


@settings(max_examples=400)
@given(
    places(), st.sampled_from([np.float64, np.float32, np.complex128, np.int8, np.bool_]), st.booleans(),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_index_adds_as_numpy_does(place, dtype, turned, seed):
    shape, index = place
    rng = np.random.default_rng(seed)
    first = rng.integers(-9, 9, shape).astype(dtype)
    expected, found = (np.array(first, order="F" if turned else "C") for _ in range(2))
    values = rng.integers(-9, 9, expected[index].shape).astype(dtype)
    np.add.at(expected, index, values)
    add_at(found, index, values)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.float16, np.float32, np.bool_])
def test_narrow_values_are_added_in_the_dtype_of_the_array(kind):
    places, values = np.arange(3_000) % 2, np.full((3_000, 8), 100).astype(kind)
    expected, found = np.zeros((2, 8)), np.zeros((2, 8))
    np.add.at(expected, places, values)
    add_at(found, places, values)
    assert np.array_equal(found, expected)


MASK = np.array([True, False, True, True])


@pytest.mark.parametrize("index", [MASK, (MASK, np.array([2, 0, 2])), (np.array([3, 3, 1]), MASK)])
def test_a_mask_names_the_places_where_it_is_true(index):
    expected, found = np.zeros((4, 4, 5)), np.zeros((4, 4, 5))
    values = np.arange(float(expected[index].size)).reshape(expected[index].shape)
    np.add.at(expected, index, values)
    add_at(found, index, values)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("often", [False, True])
def test_rows_that_come_often_and_rows_that_come_seldom(often):
    rng = np.random.default_rng(0)
    places = rng.integers(0, 3 if often else 500, 600)
    values = rng.normal(size=(600, 5))
    expected, found = np.zeros((500, 5)), np.zeros((500, 5))
    np.add.at(expected, places, values)
    add_at(found, places, values)
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_arrays_that_are_not_in_order_and_other_dtypes():
    expected, found = np.zeros((4, 6)).T, np.zeros((4, 6)).T
    places, values = np.array([1, 1, 5]), np.arange(12.0).reshape(3, 4)
    np.add.at(expected, places, values)
    add_at(found, places, values)
    assert np.array_equal(found, expected)
    whole = np.zeros((6, 4))
    add_at(whole, places, np.float32([1, 2, 3, 4]))
    np.testing.assert_array_equal(whole[1], [2, 4, 6, 8])


def test_many_places_are_named_by_wide_numbers():
    found = np.zeros((70_000, 2))
    add_at(found, np.array([69_999, 3, 69_999, -1]), np.ones((4, 2)))
    assert found[69_999, 0] == 3 and found[3, 1] == 1 and found.sum() == 8


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64])
def test_places_of_any_integer_dtype(kind):
    rng = np.random.default_rng(0)
    index = tuple(rng.integers(0 if kind is not np.int8 else -120, 120, 50).astype(kind) for _ in range(2))
    expected, found = np.zeros((120, 120, 3)), np.zeros((120, 120, 3))
    values = rng.normal(size=(50, 3))
    np.add.at(expected, index, values)
    add_at(found, index, values)
    np.testing.assert_allclose(found, expected)
