"""The arguments and results of a function as lists of arrays, each with a name for messages."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygraph.engine.keeping import duplicate
from tinygraph.engine.tensor import Tensor
from tinygraph.nests import tree_map

__all__ = [
    "Array", "NamedArray", "argument_names", "entries", "exact", "filled", "is_differentiable", "named_arrays",
    "plain_array", "precision_of", "reals",
]  # fmt: skip

Array = NDArray[Any]


@dataclass(frozen=True)
class NamedArray:
    """An array among the arguments: its name in messages, and its value."""

    name: str
    array: Array


def argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """Return the names of the positional arguments."""
    try:
        found = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        found = []
    names = [item.name for item in found if item.kind in (item.POSITIONAL_ONLY, item.POSITIONAL_OR_KEYWORD)]
    names += [""] * (count - len(names))
    return [f"argument {place}" + (f" ({name})" if name else "") for place, name in enumerate(names[:count])]


def named_arrays(xs: tuple[Any, ...], names: list[str]) -> Iterator[NamedArray]:
    """Yield the arrays to differentiate with respect to, among arguments of these names; those of Tensors copied."""
    for x, name in zip(xs, names, strict=True):
        for path, item in entries(x):
            if is_differentiable(item):
                array = plain_array(item)
                yield NamedArray(name + path, array.copy() if isinstance(item, Tensor) else array)


def entries(structure: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the entries of nested dicts, lists and tuples, each with its path: `["bias"][0]`."""
    if isinstance(structure, dict):
        for key, item in structure.items():
            yield from entries(item, f"{path}[{key!r}]")
    elif isinstance(structure, list | tuple):
        for place, item in enumerate(structure):
            yield from entries(item, f"{path}[{place}]")
    elif structure is not None:
        yield path, structure


def is_differentiable(item: Any) -> bool:
    """Return whether an entry is a floating or complex array or number."""
    if isinstance(item, Tensor | np.ndarray | np.generic):
        return item.dtype.kind in "fc"
    return isinstance(item, float | complex)


def filled(structure: Any, arrays: Iterator[Any]) -> Any:
    """Return the structure with each floating entry replaced by the next array.

    Plain arrays are copied: a function is called many times, and may write into its arguments.
    """

    def fill(item: Any) -> Any:
        given = next(arrays) if is_differentiable(item) else item
        return duplicate(given) if type(given) is np.ndarray and given.flags.writeable else given

    return tree_map(fill, structure)


def plain_array(value: Any) -> Array:
    """Return the values of an array, a number or a Tensor as an array."""
    return np.asarray(value.data if isinstance(value, Tensor) else value)


def precision_of(array: Array) -> int:
    """Return the bytes of one real number of an array."""
    return array.dtype.itemsize // (2 if array.dtype.kind == "c" else 1)


def exact(array: Array) -> Array:
    """Return the array in double precision."""
    return np.asarray(array, dtype=np.complex128 if array.dtype.kind == "c" else np.float64)


def reals(array: Array) -> Array:
    """Return the elements as a vector of real numbers in double precision; a complex number as two."""
    return np.ascontiguousarray(exact(np.ravel(array))).view(np.float64)
