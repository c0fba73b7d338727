"""Who is whom: a program for two Tensors is none for one Tensor given twice, nor for one that is also found outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg


def _gradients(outside: Any) -> Callable[..., Any]:
    def step(u: Any, v: Any) -> Any:
        loss = np.sum(u * v * v * outside)
        loss.backward()
        return loss.data

    return step


def _assignments(outside: Any) -> Callable[..., Any]:
    def step(u: Any, v: Any) -> Any:
        loss = np.sum(u * v * outside)
        loss.backward()
        u.assign(u.data - 0.1 * u.grad)
        v.assign(v.data * 2 + outside.data)
        return loss.data

    return step


def _updates_in_place(outside: Any) -> Callable[..., Any]:
    def step(u: Any, v: Any) -> Any:
        u.data -= 0.1
        v.data *= 2
        outside.data += u.data
        return np.sum(u.data * v.data * outside.data)

    return step


def _results(compiled: bool, make: Callable[[Any], Any], calls: Any, nested: bool) -> list[Any]:
    tensors = [tg.Tensor(np.array(values), name=name) for name, values in zip("uvw", _VALUES, strict=True)]
    function = make(tensors[2])

    def both(pair: dict[str, Any], *rest: Any) -> Any:
        return function(*([pair["a"], pair["b"][0]] if nested else (pair, *rest)))

    step = tg.compile(both) if compiled else both
    found = []
    for call in calls:
        for tensor in tensors:
            tensor.grad = None
        u, v = (tensors[place] for place in call)
        result = step({"a": u, "b": [v]}) if nested else step(u, v)
        grads = [None if tensor.grad is None else tensor.grad.copy() for tensor in tensors]
        found.append((np.asarray(result), grads, [tensor.data.copy() for tensor in tensors]))
    return found


_VALUES = [[1.0, 2.0, 3.0], [2.0, 1.0, 0.5], [3.0, 2.0, 1.0]]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([_gradients, _assignments, _updates_in_place]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4),
    st.booleans(),
)
def test_one_tensor_given_twice_or_found_outside(make: Any, calls: Any, nested: bool) -> None:
    compiled, eager = (_results(which, make, calls, nested) for which in (True, False))
    for (result, grads, values), (wanted, wanted_grads, wanted_values) in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-12)
        for got, want in [*zip(grads, wanted_grads, strict=True), *zip(values, wanted_values, strict=True)]:
            assert (got is None) == (want is None)
            if got is not None:
                np.testing.assert_allclose(got, want, rtol=1e-12)


def test_signatures_tell_what_is_given_again() -> None:
    u, v = tg.Tensor(np.ones(2)), tg.Tensor(np.ones(2))
    step = tg.compile(_gradients(tg.Tensor(2.0)))
    step(u, v), step(u, u)
    assert step.signatures == (
        "u: Tensor float64(2,), v: Tensor float64(2,)",
        "u: Tensor float64(2,), v: Tensor float64(2,), 1 Tensors given again",
    )


def _writes_into(w: Any) -> Callable[..., Any]:
    def step(x: Any) -> Any:
        w.data -= 1.0
        return x * 1.0

    return step


def _assigns(w: Any) -> Callable[..., Any]:
    def step(x: Any) -> Any:
        w.assign(w.data - 1.0)
        return x * 1.0

    return step


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x[1:], lambda x: x[::-1]], ids=["whole", "part", "turned"])
@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_an_array_in_the_memory_of_a_tensor(view: Any, calls_before: int) -> None:
    w = tg.Tensor(np.ones(3), name="w")
    writing = tg.compile(_writes_into(w))
    for _ in range(calls_before):
        writing(np.ones(len(view(np.ones(3)))))
    before = w.data.copy()
    with pytest.raises(tg.UnsupportedError, match="lies in the memory of w"):
        writing(view(w.data))
    np.testing.assert_array_equal(w.data, before)
    given = view(w.data).copy()
    np.testing.assert_array_equal(writing(given), given)

    w, twin = tg.Tensor(np.ones(3)), tg.Tensor(np.ones(3))
    assigning, eager = tg.compile(_assigns(w)), _assigns(twin)
    for _ in range(3):
        np.testing.assert_array_equal(assigning(view(w.data)), eager(view(twin.data)))
