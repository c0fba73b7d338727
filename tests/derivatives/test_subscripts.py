"""Subscripts: a sum by the letters is NumPy's product of two arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygraph.derivatives.subscripts import Subscripts, of_dot, of_inner, of_tensordot

SIZES = (2, 4, 5, 3)


def array_of(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape)


def summed(subscripts: Subscripts, x: Any, y: Any) -> Any:
    left, right, result = subscripts
    return np.einsum(f"{left},{right}->{result}", x, y)


@pytest.mark.parametrize("first", [1, 2, 3, 4])
@pytest.mark.parametrize("second", [1, 2, 3, 4])
def test_dot_and_inner_of_any_number_of_axes(first: int, second: int) -> None:
    x, y = array_of(*SIZES[-first:]), array_of(*SIZES[-second:])
    np.testing.assert_allclose(summed(of_inner(first, second), x, y), np.inner(x, y))
    y = y if second == 1 else np.swapaxes(y, -1, -2)
    np.testing.assert_allclose(summed(of_dot(first, second), x, y), np.dot(x, y))


@pytest.mark.parametrize("axes", [0, 1, (2, 0), (-1, 0), ([1, 2], [1, 0]), ([-2], [1])])
def test_tensordot_over_axes(axes: Any) -> None:
    x, y = array_of(2, 3, 4), array_of(4, 3, 5)
    np.testing.assert_allclose(summed(of_tensordot(3, 3, axes), x, y), np.tensordot(x, y, axes))
