"""Lists and tuples beside arrays are arrays in a program, too: operands, conditions and `where=`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

X = np.arange(6.0).reshape(2, 3) + 1
CHOOSE: dict[str, Any] = {
    "list": [True, False, True],
    "tuple": (True, False, True),
    "nested": [[True, False, False], [False, True, True]],
    "numbers": [0, 1, 2],
    "fractions": [0.0, 0.5, 0.0],
    "true": True,
    "false": False,
    "zero": 0,
}
MASKS = ("list", "tuple", "nested")


def copied(x: Any, y: Any, where: Any) -> Any:
    z = x * 1
    np.copyto(z, y, where=where)
    return z


BY_CONDITION: dict[str, Callable[..., Any]] = {
    "where": np.where,
    "where of a number": lambda c, x, y: np.where(c, x, 0.5) + y,
}
BY_MASK: dict[str, Callable[..., Any]] = {
    "sum": lambda c, x, y: np.sum(x * y, axis=1, where=c),
    "mean": lambda c, x, y: np.mean(x * y, where=c),
    "max": lambda c, x, y: np.max(x * y, axis=1, where=c, initial=0.5),
    "add.reduce": lambda c, x, y: np.add.reduce(x * y, axis=1, where=c),
    "copyto": lambda c, x, y: copied(x, y, c),
    "add": lambda c, x, y: np.add(x, y, where=c, out=np.zeros_like(x)),
    "select": lambda c, x, y: np.select([np.broadcast_to(c, x.shape).tolist()], [x], y),
}
CASES = [(function, CHOOSE[name]) for name in CHOOSE for function in BY_CONDITION.values()]
CASES += [(function, CHOOSE[name]) for name in MASKS for function in BY_MASK.values()]


@pytest.mark.parametrize(("function", "condition"), CASES)
def test_conditions(function: Callable[..., Any], condition: Any) -> None:
    both = lambda x, y: function(condition, x, y)
    np.testing.assert_allclose(tg.compile(both)(X, X * 10), both(X, X * 10))
    slopes = tg.grad(lambda x, y: np.sum(both(x, y) ** 2), (0, 1))
    for found, expected in zip(tg.compile(slopes)(X, X * 10), slopes(X, X * 10), strict=True):
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("condition", [[True, False], (1, 0), [[True], [False]]])
def test_what_a_list_leaves_out_contributes_nothing(condition: Any) -> None:
    slope = tg.grad(lambda x: np.sum(np.where(condition, np.sqrt(x), 0.0)))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = [np.inf, np.inf] if np.ndim(condition) > 1 else [np.inf, 0]
        np.testing.assert_array_equal(slope(np.zeros(2)), expected)
        np.testing.assert_array_equal(tg.compile(slope)(np.zeros(2)), expected)


@pytest.mark.parametrize(
    "function", [np.divide, np.subtract, np.power, np.floor_divide, np.less, np.maximum, np.arctan2]
)
@pytest.mark.parametrize("numbers", [[1.0, 2.0, 3.0], (1, 2, 3), [[2], [1]]])
def test_operands(function: Callable[..., Any], numbers: Any) -> None:
    for both in (lambda x: function(numbers, x), lambda x: function(x, numbers)):
        np.testing.assert_array_equal(tg.compile(both)(X), both(X))


def test_bounds() -> None:
    for bounded in (
        lambda x: np.clip(x, [0, 2, 4], (3, 3, 5)),
        lambda x: np.clip(x, [2, 2, 2], [2, 3, 4]),
        lambda x: np.clip([1, 2, 3], x - 0.5, x + 0.25),
        lambda x: np.clip([1, 2, 3], [2, 0, 0], x + 0.25),
        lambda x: np.clip(x, min=[0, 2, 4]),
    ):
        np.testing.assert_array_equal(tg.compile(bounded)(X), bounded(X))
        slope = tg.grad(lambda x, f=bounded: np.sum(f(x) ** 2))
        np.testing.assert_array_equal(tg.compile(slope)(X), slope(X))


@pytest.mark.parametrize("join", [np.concatenate, np.stack, np.vstack])
def test_arrays_are_joined_in_a_given_dtype(join: Callable[..., Any]) -> None:
    def joined(x: Any) -> Any:
        return join([x, x + 1], dtype=np.float32) * 2

    found, expected = tg.compile(joined)(X), joined(X)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
