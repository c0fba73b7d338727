"""The laws that every entry of the derivative table obeys, and the register of what is tested by them.

A test file is a table from functions to strategies that draw calls of them; `obey` is the law:

    LAWS = enter({np.exp: unary(), np.add: binary()})

    @pytest.mark.parametrize("entry", LAWS, ids=str)
    @given(data=st.data())
    def test_laws(entry, data):
        obey(entry, data)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

import tinygraph as tg
from tinygraph.engine.table import _TABLE, function_name
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, arrays_that_broadcast, layouts


@dataclass(frozen=True)
class Call:
    """A call to differentiate: floating arrays among `args` are variables, all else is constant.

    What `read` makes of the result is differentiated. It leaves out what is arbitrary of it, such as the signs of
    eigenvectors, which jump between one matrix and the next. `value` does so where the results themselves are compared.
    """

    args: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    read: Callable[[Any], Any] = lambda result: result
    value: Callable[[Any], Any] = lambda result: result


@dataclass(frozen=True)
class Entry:
    """A function, a strategy for calls of it, and in which dtypes it computes."""

    function: Callable[..., Any]
    calls: SearchStrategy[Call]
    dtypes: tuple[str, ...]

    def __str__(self) -> str:
        return function_name(self.function)


REGISTER: dict[Callable[..., Any], list[Entry]] = {}

ALL = ("float64", "float32", "float16")
LAPACK = ("float64", "float32")


def enter(table: Mapping[Callable[..., Any], Any], dtypes: tuple[str, ...] = ALL) -> list[Entry]:
    """Enter functions into the register, each with a strategy for its calls, or a list of them."""
    entries = []
    for function, calls in table.items():
        for strategy in calls if isinstance(calls, list) else [calls]:
            entry = Entry(function, strategy, dtypes)
            entries.append(entry)
            REGISTER.setdefault(function, []).append(entry)
    return entries


def obey(entry: Entry, data: st.DataObject) -> None:
    """Draw a call and hold it against the laws.

    The value is NumPy's, to the bit where NumPy computes it and to rounding where a composition does. The gradient has
    the shape and dtype of its argument, and is right; in float64 its gradient is right too. All this in any dtype, and
    whatever the memory layout.
    """
    call = data.draw(entry.calls)
    dtype = data.draw(st.sampled_from((entry.dtypes[0], *entry.dtypes)))
    args = convert(call.args, lambda array: data.draw(layouts(array.astype(dtype))))
    same_value(entry.function, args, call.keywords, call.value)
    check_grads(
        *of_arrays(entry.function, replace(call, args=args)),
        order=2 if dtype == "float64" else 1,
        atol=0.0 if dtype == "float64" else 4 * float(np.finfo(dtype).eps),  # of sums that cancel to nothing
    )


def of_arrays(function: Callable[..., Any], call: Call) -> tuple[Any, ...]:
    """A call as a function of its floating arrays alone, and those arrays."""
    variables: list[np.ndarray] = []
    convert(call.args, variables.append)

    def f(*arrays: Any) -> Any:
        remaining = iter(arrays)
        return call.read(function(*convert(call.args, lambda _: next(remaining)), **call.keywords))

    return f, *variables


def convert(structure: Any, to: Callable[[np.ndarray], Any]) -> Any:
    """The structure with each floating or complex array in it replaced. Python numbers stay constants."""
    if isinstance(structure, tuple | list):
        return type(structure)(convert(item, to) for item in structure)
    floating = isinstance(structure, np.ndarray | np.generic) and structure.dtype.kind in "fc"
    return to(np.asarray(structure)) if floating else structure


def same_value(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    keywords: dict[str, Any],
    read: Callable[[Any], Any] = lambda result: result,
) -> None:
    expected = read(function(*args, **keywords))
    got = read(function(*convert(args, tg.Tensor), **keywords))
    sizes = [0.0]
    convert(args, lambda array: sizes.append(float(np.max(np.abs(array), initial=0))))
    several = isinstance(expected, tuple | list)
    if several:
        assert len(got) == len(expected)
    for right, tensor in zip(expected, got, strict=True) if several else [(expected, got)]:
        found = tensor.data if isinstance(tensor, tg.Tensor) else np.asarray(tensor)
        assert found.dtype == np.asarray(right).dtype
        assert found.shape == np.shape(right)
        if function in _TABLE:
            np.testing.assert_array_equal(found, right)
        else:
            eps = float(np.finfo(found.dtype).eps) if found.dtype.kind in "fc" else 0.0
            # What is a difference of numbers as large as the arguments may be nothing but their rounding.
            scale = max(float(np.max(np.abs(found), initial=0)), eps * max(sizes))
            np.testing.assert_allclose(found, right, rtol=100 * eps, atol=100 * eps * scale)


# --- calls that many functions share ----------------------------------------------------------------------------------


def unary(**domain: Any) -> SearchStrategy[Call]:
    """f(x)"""
    return arrays(**domain).map(lambda x: Call((x,)))


def binary(**domain: Any) -> SearchStrategy[Call]:
    """f(x, y), broadcasting."""
    return arrays_that_broadcast(2, **domain).map(Call)
