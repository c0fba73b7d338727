"""Loops over arrays whose axes have one length do what their steps do: no axis is taken for another one.

Where a batch, a width and the number of iterations are all 5, an axis that is mistaken fits, and no shape tells.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.compiler.test_loops import agree


def uneven(x: Any) -> Any:
    """The sum of an array in which each element counts otherwise: a turned one has another."""
    return np.sum(x * np.cos(np.arange(float(x.size))).reshape(x.shape))


def layers_of_a_block(x: Any, w: Any) -> Any:
    """The last axis is gone over, and each of the others is summed."""
    h, rows, outer = np.zeros(x.shape[:2]), np.zeros(x.shape[0]), np.zeros((x.shape[1], x.shape[0]))
    for t in range(x.shape[2]):
        h = np.tanh(h @ w + x[:, :, t])
        rows = rows + np.sum(h * x[:, :, t], axis=1)
        outer = outer + np.sum(h, axis=0)[:, None] * np.sum(x[:, :, t], axis=1)[None, :]
    return uneven(h) + uneven(rows**3) + uneven(outer)


def middle_backwards(x: Any, w: Any) -> Any:
    """The middle axis is gone over from its end."""
    h, product = np.zeros((x.shape[0], x.shape[2])), np.zeros(w.shape)
    for t in range(x.shape[1]):
        h = np.tanh(h @ w + x[:, x.shape[1] - 1 - t] * np.exp(x[:, t, 0])[:, None])
        product = product + h.T @ x[:, t] + np.sum(x[:, t], axis=0) * w
    return uneven(product) + uneven(h**3)


def vectors_numbers_columns(x: Any, w: Any, b: Any) -> Any:
    """Vectors, numbers and columns beside matrices, each made of rows alone."""
    h, total = np.zeros(w.shape), np.zeros(w.shape[0])
    for row in x:
        vector, number = np.exp(row) * b, np.sum(row**2)
        h = np.tanh(h @ w + vector + vector[:, None] * number + np.sin(row)[:, None])
        total = total + np.sum(h, axis=1) * number + np.max(row) * row
    return uneven(h) + uneven(total)


def products_of_vectors(x: Any, y: Any, w: Any) -> Any:
    """Outer products, and a matrix on either side, with sums that begin elsewhere than at zero."""
    outer, column, total = w, np.zeros(w.shape), np.zeros(w.shape[0])
    for t in range(x.shape[0]):
        left, right = np.tanh(w @ y[t]), np.tanh(x[t] @ w)
        outer = outer + np.outer(x[t], right)
        column = column + left[:, None] * y[t] * 0.5
        total = total + w @ (y[t] * right) + left * np.sum(x[t])
    return uneven(outer) + uneven(column) + uneven(total)


def products_of_matrices(x: Any, w: Any) -> Any:
    total, turned = np.zeros((x.shape[2], w.shape[1])), np.zeros((x.shape[2], x.shape[1]))
    for y in x:
        total = total + y.T @ np.tanh(y @ w) + np.sum(np.exp(y), axis=0)[:, None]
        turned = turned + np.transpose(y) * np.sum(y, axis=1)
    return uneven(total) + uneven(turned)


def loop_in_a_loop(x: Any, w: Any) -> Any:
    """All states of the inner loop are read, in the order of neither loop."""
    h, kept = np.ones(w.shape[0]), []
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            h = np.tanh(h @ w + x[i, j])
            kept.append(h)
        h = h * x[i, 0] + 0.5
    states = np.stack(kept).reshape((*x.shape[:2], -1))
    return uneven(states) + uneven(states[:, 1] ** 2) + uneven(states[2])


def loop_after_a_loop(x: Any, w: Any) -> Any:
    """The values of the first loop are read forwards and backwards, and stacked along another axis."""
    kept, h, g = [], np.zeros(w.shape[0]), np.zeros(w.shape[0])
    for row in x:
        h = np.tanh(h @ w + row)
        kept.append(h)
    for i, row in enumerate(kept):
        g = np.tanh(g @ w.T + row * kept[-1 - i])
    return uneven(g) + uneven(np.stack(kept, axis=1)[:, ::-1] @ x)


def columns_of_rows(x: Any, w: Any) -> Any:
    """Each iteration reads a row and the column of the same number."""
    h = np.ones(x.shape[1])
    for t in range(min(x.shape)):
        h = np.sin(h * x[t] + np.sum(w[:, t] * x[:, t]) + w @ x[:, t] if x.shape[0] == x.shape[1] else h * x[t])
    return uneven(h)


# By the name the function and the axes of its arrays, n of them gone over.
CASES: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {
    "layers of a block": (layers_of_a_block, ("abn", "bb")),
    "middle backwards": (middle_backwards, ("anb", "bb")),
    "vectors, numbers, columns": (vectors_numbers_columns, ("nb", "bb", "b")),
    "products of vectors": (products_of_vectors, ("nb", "nb", "bb")),
    "products of matrices": (products_of_matrices, ("nab", "ba")),
    "loop in a loop": (loop_in_a_loop, ("nab", "bb")),
    "loop after a loop": (loop_after_a_loop, ("nb", "bb")),
    "columns of rows": (columns_of_rows, ("nb", "bb")),
}
SIZES = ({"a": 5, "b": 5, "n": 5}, {"a": 6, "b": 4, "n": 6}, {"a": 4, "b": 6, "n": 6})


@pytest.mark.parametrize(("name", "sizes"), [*itertools.product(CASES, SIZES)], ids=str)
def test_no_axis_is_taken_for_another(name: str, sizes: dict[str, int]) -> None:
    function, axes = CASES[name]
    generator = np.random.default_rng(1)
    arrays = [generator.normal(size=[sizes[axis] for axis in of_one]) * 0.5 for of_one in axes]
    agree(function, arrays, backward=True, alone=True)
