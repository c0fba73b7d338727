"""Code of the user's that a program calls: primitives, and functions that NumPy calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg

X = np.arange(6.0).reshape(2, 3) + 1


def _steps(compiled: bool, update: Any = None) -> Callable[..., Any]:
    """A function that a primitive in it calls again, until the numbers are large."""

    @tg.primitive
    def inner(x: Any) -> Any:
        return x * 1.0 if x[0] > 3 else step(x + 1) * 2

    inner.derivative(lambda g, z, x: g * 2)

    def step(x: Any) -> Any:
        if update is not None:
            update.assign(update.data + 1)
        return inner(x) + 1

    if compiled:
        step = tg.compile(step)
    return step


def test_a_primitive_may_call_the_compiled_function_that_it_is_in() -> None:
    compiled, eager = _steps(True), _steps(False)
    done = []

    def calls() -> None:
        for _ in range(3):
            for x in (np.array([1.0, 2.0]), np.array([5.0, 2.0]), np.array([1.0])):
                np.testing.assert_array_equal(compiled(x), eager(x))
        done.append(True)

    thread = threading.Thread(target=calls, daemon=True)  # a deadlock would keep the tests for ever
    thread.start()
    thread.join(30)
    assert done == [True]


def test_a_function_that_updates_does_not_call_itself() -> None:
    w = tg.Tensor(0.0)
    step = _steps(True, w)
    with pytest.raises(tg.GraphError, match="calls itself"):
        step(np.array([1.0, 2.0]))


def test_threads_wait_for_each_other() -> None:
    step = tg.compile(lambda x: x * 2)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda k=k: found.append(step(np.full(3, k)).tolist())) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [[2.0 * k] * 3 for k in range(8)]


table = np.array([1.0, 2.0, 3.0])


@tg.primitive
def scaled(x: Any) -> Any:
    assert type(x) is np.ndarray
    assert type(table) is np.ndarray
    return x * table


scaled.derivative(lambda g, z, x: g * table)

USING: dict[str, Callable[[Any], Any]] = {
    "a primitive": lambda x: scaled(x),
    "its gradient": tg.grad(lambda x: np.sum(scaled(x) ** 2)),
    "np.apply_along_axis": lambda x: np.apply_along_axis(lambda row: row * table, 1, x),
    "np.piecewise": lambda x: np.piecewise(x, [x > 3, x <= 3], [lambda v: v * table[1], lambda v: -v]),
}


@pytest.mark.parametrize("name", USING)
def test_code_that_is_called_as_it_is_sees_arrays_outside_as_they_are(name: str) -> None:
    compiled = tg.compile(USING[name])
    for value in (1.0, 7.0, 9.0):
        table[0] = table[1] = value
        np.testing.assert_allclose(compiled(X), USING[name](X))


def test_an_array_of_the_function_is_given_to_what_numpy_calls() -> None:
    w = np.array([1.0, 2.0, 3.0])
    for refused in (
        lambda x, w: np.apply_along_axis(lambda row: row * w, 1, x),
        lambda x, w: np.piecewise(x, [x > 3, x <= 3], [lambda v: v * w[0], lambda v: -v]),
    ):
        with pytest.raises(
            tg.UnsupportedError, match=r"a function that (apply_along_axis|piecewise) calls uses.*further"
        ):
            tg.compile(refused)(X, w)
    for given in (
        lambda x, w: np.apply_along_axis(lambda row, w: row * w, 1, x, w),
        lambda x, w: np.piecewise(x, [x > 3, x <= 3], [lambda v, w: v * w[0], lambda v, w: -v], w),
    ):
        compiled = tg.compile(given)
        for factor in (1.0, 2.0):
            np.testing.assert_allclose(compiled(X, w * factor), given(X, w * factor))


def test_a_primitive_may_print_and_read_a_clock(capsys: Any) -> None:
    @tg.primitive
    def seen(x: Any) -> Any:
        print("seen")
        return x * 1.0

    compiled = tg.compile(lambda x: seen(x) + 1)
    compiled(X)
    capsys.readouterr()
    compiled(X)
    assert capsys.readouterr().out == "seen\n"
