"""Loops of the machine code, run by Python: number by number, with what the text asks of arrays written for NumPy."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tinygraph.compiler.fast import engine
from tinygraph.compiler.fast.layout import FREE, ONE, SAME, UNIT, Pattern
from tinygraph.compiler.fast.loops import Loop

# NumPy's functions in place of those that numba compiles.
FUNCTIONS = {name: getattr(np, name) for name in ("absolute", "exp", "log", "maximum", "minimum", "sign", "tanh")}


@contextlib.contextmanager
def in_python(made: list[Loop] | None = None, fewest: int = 0) -> Iterator[None]:
    """Let Python run the loops in the block of the `with` statement, those of small arrays, too.

    Args:
        made: gets each loop that is made.
        fewest: the number of results of the smallest loop.
    """

    def compiled(loop: Loop, arguments: Sequence[Any]) -> Callable[..., bool]:
        if made is not None:
            made.append(loop)
        return python_loop(loop, arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tinygraph.compiler.fast.check_installed", lambda: None)
        patch.setattr(engine, "compiled", compiled)
        patch.setattr(engine, "function_names", lambda: frozenset(FUNCTIONS))
        patch.setattr(engine, "FEWEST", fewest)
        patch.setattr(engine, "FEWEST_REPEATED", fewest)
        yield


def python_loop(loop: Loop, arguments: Sequence[Any]) -> Callable[..., bool]:
    """A loop that Python runs. As machine code does, it takes arguments of the dtypes and axes that it was made for."""
    kind = np.dtype(loop.dtype).type
    space: dict[str, Any] = {
        **FUNCTIONS, "sqrt": np.sqrt, "f": kind, "one": kind(1), "inf": np.inf, "nan": np.nan,
        "first": lambda array: np.lib.array_utils.byte_bounds(array)[0],
        "last": lambda array: np.lib.array_utils.byte_bounds(array)[1],
        "is_same": lambda x, y: x.__array_interface__ == y.__array_interface__, "is_between": is_between,
    }  # fmt: skip
    for place, pattern in enumerate(loop.layout.patterns):
        space |= {f"fits_{place}": _fits(pattern), f"row_{place}": _row(pattern)}
        space |= {f"load_{place}": _load, f"store_{place}": _store}
    exec(loop.text, space)
    kinds = [(type(item), getattr(item, "dtype", None), np.ndim(item)) for item in arguments]

    def run(*given: Any) -> bool:
        if [(type(item), getattr(item, "dtype", None), np.ndim(item)) for item in given] != kinds:
            raise TypeError("No matching definition")
        with np.errstate(all="ignore"):
            return bool(space["loop"](*given))

    return run


def is_between(apart: int, step: int, other_step: int, width: int, other_width: int) -> bool:
    """Tell whether the rows of one array lie between those of another, by the bytes from one to the other."""
    return 0 < step == other_step and width <= apart % step <= step - other_width


def _fits(pattern: Pattern) -> Callable[..., bool]:
    def fits(array: Any, *sizes: int) -> bool:
        for own, (axis, rule) in enumerate(zip(pattern.axes, pattern.strides, strict=True)):
            if array.shape[own] != (1 if axis == ONE else sizes[axis]):
                return False
            if rule == FREE:
                continue
            wanted = {SAME: 0, UNIT: array.itemsize}.get(rule)
            if array.strides[own] != (array.strides[rule] * array.shape[rule] if wanted is None else wanted):
                return False
        return True

    return fits


def _row(pattern: Pattern) -> Callable[..., Any]:
    def row(array: Any, *places: int) -> Any:
        ahead = [
            place * array.strides[axis] for axis, place in zip(pattern.rows, places, strict=True) if axis is not None
        ]
        return _Row(array, sum(ahead))

    return row


class _Row:
    """The elements that follow a place in memory, some bytes ahead of the first element of an array."""

    def __init__(self, array: Any, ahead: int) -> None:
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        self._base, self._dtype = base, array.dtype
        self._begin = array.__array_interface__["data"][0] - base.__array_interface__["data"][0] + ahead

    def element(self, i: int) -> Any:
        """The element in a place, as an array."""
        return np.ndarray((), self._dtype, self._base, self._begin + i * self._dtype.itemsize)


def _load(row: _Row, i: int) -> Any:
    return row.element(i)[()]


def _store(row: _Row, i: int, value: Any) -> None:
    row.element(i)[...] = value
