"""NumPy's objects that make arrays of an index: `np.r_[0, t, 1]`, `np.c_[t, u]`, `np.mgrid[0:1:5j]`."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygraph.engine.memory import as_writable
from tinygraph.engine.modes import is_tracing, state
from tinygraph.engine.operands import array_of, has_tensors, plain
from tinygraph.engine.ownership import is_stand_in
from tinygraph.errors import UnsupportedError
from tinygraph.numpy.making import arange
from tinygraph.users_code.source import users_line

__all__ = ["c_", "mgrid", "ogrid", "r_"]


class _Joined:
    """`np.r_` and `np.c_`, with Tensors among what is joined.

    NumPy joins numbers that say which element goes where. The elements then are taken from the Tensors in this order.
    """

    def __init__(self, name: str, plainly: Any) -> None:
        self._name = name
        self._plainly = plainly
        self.__doc__ = plainly.__doc__

    def __getitem__(self, key: Any) -> Any:
        parts = [_range(item) if isinstance(item, slice) and _of_tensors(item) else item for item in _items(key)]
        if not _holds_tensors(parts):
            return as_writable(self._plainly[key])
        items = [self._plainly[item] if isinstance(item, slice) else item for item in parts]
        arrays = [item if isinstance(item, str) else array_of(item) for item in items]
        dtype = self._plainly[tuple([_known(item) for item in _or_arrays(items, arrays)])].dtype
        places: list[Any] = []
        elements = []
        count = 0
        for array in arrays:
            if isinstance(array, str):
                places.append(array)
                continue
            places.append(np.arange(count, count + array.size).reshape(array.shape))
            elements.append(np.ravel(array))
            count += array.size
        joined = self._plainly[tuple(places)]
        if isinstance(joined, np.matrix):
            raise UnsupportedError(
                f"{self._name}: a matrix of Tensors is asked for, at {users_line()}. Leave out the letter, and write "
                "np.atleast_2d(np.r_[...])"
            )
        result = np.concatenate(elements)[joined]
        return result if result.dtype == dtype else result.astype(dtype)

    def __len__(self) -> int:
        return 0


def _items(key: Any) -> tuple[Any, ...]:
    return key if type(key) is tuple else (key,)


def _of_tensors(item: slice) -> bool:
    return _holds_tensors((item.start, item.stop, item.step))


def _holds_tensors(structure: Any) -> bool:
    """Return whether there are Tensors in a structure, or arrays of the function that is being compiled."""
    return has_tensors(structure) or (is_tracing() and state.tracing.holds_traced(structure))  # type: ignore[union-attr]


def _known(item: Any) -> Any:
    """Return the value of an operand, or zeros of its kind where a function is being compiled."""
    value = plain(item)
    if not is_stand_in(value):
        return value
    return value.__class__(0) if isinstance(value, int | float | complex) else np.zeros(value.shape, value.dtype)


def _range(item: slice) -> Any:
    """Return the numbers that a slice with Tensors stands for: `0:t:5j` has 5 of them, `0:t:0.1` steps of 0.1."""
    start, step = 0 if item.start is None else item.start, 1 if item.step is None else item.step
    if isinstance(step, complex):
        return np.linspace(start, item.stop, int(abs(step)))
    return arange(start, item.stop, step)


def _or_arrays(items: list[Any], arrays: list[Any]) -> list[Any]:
    """Return numbers and texts as they were written, which have no dtype of their own, and the rest as arrays."""
    return [
        item if isinstance(item, int | float | complex | str) else of for item, of in zip(items, arrays, strict=True)
    ]


class _Grid:
    """`np.mgrid` and `np.ogrid`: what they make of floats can be written into."""

    def __init__(self, plainly: Any) -> None:
        self._plainly = plainly
        self.__doc__ = plainly.__doc__

    def __getitem__(self, key: Any) -> Any:
        made = self._plainly[key]
        return tuple([as_writable(part) for part in made]) if isinstance(made, tuple) else as_writable(made)


r_, c_ = _Joined("np.r_", np.r_), _Joined("np.c_", np.c_)
mgrid, ogrid = _Grid(np.mgrid), _Grid(np.ogrid)
