"""Operands: the arguments and results of a call in the form in which a run keeps them."""

from __future__ import annotations

from collections.abc import Callable
from types import EllipsisType
from typing import Any

import numpy as np

from tinygraph.compiler.trace.noticing import OpenSize, value_of
from tinygraph.compiler.trace.recorder import Recorder
from tinygraph.compiler.trace.traced import Traced
from tinygraph.engine.nested import mapped

__all__ = [
    "NESTED",
    "PLAIN",
    "Outline",
    "as_builtin",
    "as_part",
    "names_itself",
    "outline",
    "promoted",
    "sequence_like",
]

PLAIN = frozenset((int, float, bool, str, type(None), tuple, list, dict))


# What an index is most often made of.
_ENDS = frozenset((int, type(None)))
_ENTRIES = _ENDS | {EllipsisType}


def names_itself(index: Any) -> bool:
    """Return whether an index is made of numbers of Python's alone: none is computed, and it is kept as it is."""
    for item in index if type(index) is tuple else (index,):
        if type(item) is slice:
            if type(item.start) not in _ENDS or type(item.stop) not in _ENDS or type(item.step) not in _ENDS:
                return False
        elif type(item) not in _ENTRIES:
            return False
    return True


def as_builtin(item: Any) -> Any:
    """Return a number or text of a subclass, such as a member of an `IntEnum`, as the built-in one; else the item."""
    if type(item) is OpenSize:
        return value_of(item)
    if type(item) is slice:
        ends = (item.start, item.stop, item.step)
        return item if PLAIN.issuperset(map(type, ends)) else slice(*map(as_builtin, ends))
    if not isinstance(item, np.generic):
        for kind in (bool, int, float, complex, str):
            if isinstance(item, kind):
                return item if type(item) is kind else _BUILTIN[kind](item)
    return item


_BUILTIN: dict[type, Callable[[Any], Any]] = {
    int: int.__int__,
    float: float.__float__,
    complex: complex.__complex__,
    str: lambda text: "".join(str.__iter__(text)),
}


class Outline:
    """The shape and dtype of an array of the first run, as the second run knows it."""

    __slots__ = ("dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype


def _may_be_weak(item: Any) -> bool:
    """Return whether an argument is, or may hold, a stand-in for a number of Python's. Nests are not looked into."""
    return item._weak if type(item) is Traced else type(item) in NESTED


NESTED = frozenset((tuple, list, dict))
_SEQUENCES = (tuple, list)  # made once: `tuple | list` in a call would be made again each time


def outline(value: Any) -> Any:
    """Return the result of a call with its shape and dtype in place of each array."""
    if isinstance(value, _SEQUENCES):
        return sequence_like(value, [outline(as_part(part)) for part in value])
    return Outline(value.shape, value.dtype)


def sequence_like(value: Any, parts: list[Any]) -> Any:
    """Return the parts as a list, tuple or named tuple of the class of `value`."""
    return type(value)(*parts) if hasattr(type(value), "_fields") else type(value)(parts)


def as_part(part: Any) -> Any:
    """Return one of several results as an array."""
    return part if hasattr(part, "dtype") else np.asarray(part)


_OF_KIND = {"f": 1.0, "i": 1, "c": 1j}


def promoted(recorder: Recorder, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments with each weak number of Python's in the dtype that NumPy promotes it to beside arrays."""
    if not (kwargs or any([_may_be_weak(item) for item in args])):
        return args, kwargs
    weak: list[Traced] = []
    strong: list[Any] = []

    def look(item: Any) -> Any:
        if type(item) is Traced:
            if not item._weak:
                strong.append(item.dtype)
            elif item.dtype != np.bool_:  # a bool gives way to any dtype in NumPy, too
                weak.append(item)
        elif isinstance(item, np.ndarray | np.generic):
            strong.append(item.dtype)
        return item

    mapped(args, look)
    mapped(kwargs, look)
    if not weak or not strong or any(dtype.kind not in "fciub" for dtype in strong):
        return args, kwargs
    common = np.result_type(*strong, *[_OF_KIND[item.dtype.kind] for item in weak])
    target = np.zeros(0, common).real.dtype

    def promote(item: Any) -> Any:
        is_number = type(item) is Traced and item._weak and item.dtype != np.bool_
        return recorder.converted(item, common if item.dtype.kind == "c" else target) if is_number else item

    if target == np.float64 or all([item.dtype == target for item in weak]):
        return args, kwargs
    return mapped(args, promote), mapped(kwargs, promote)
