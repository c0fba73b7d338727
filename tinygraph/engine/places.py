"""A place: a part of an array that a program writes into, by an index into the array or into a view of it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygraph.engine.operands import indexable
from tinygraph.engine.ownership import is_stand_in, reach_each_other

__all__ = ["Place", "ViewStep", "is_same_place", "names_everything", "same_view", "taken", "written"]

_ALL = slice(None)


class ViewStep(NamedTuple):
    """One view on the way from an array to a view of a view: the call `function(array, *args, **keywords)`.

    Attributes:
        function: `operator.getitem`, `np.transpose`, ...
        args, keywords: its other arguments.
        code, lasti, label: the line and the scope of the call, as a `Call` has them.
        position: of the array among the arguments.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    code: CodeType | None = None
    lasti: int = 0
    label: Any = None
    position: int = 0

    def of(self, array: Any) -> Any:
        """Return the view, of an array or of a Tensor."""
        return self.function(*self.around(array), **self.keywords)

    def around(self, array: Any) -> tuple[Any, ...]:
        """Return the arguments of the call, with an array, or a link, among the others."""
        return (*self.args[: self.position], array, *self.args[self.position :])


def taken(array: Any, steps: tuple[ViewStep, ...]) -> Any:
    """Return the view at the end of some steps."""
    for step in steps:
        array = step.of(array)
    return array


def written(array: Any, index: Any) -> Any:
    """Return an array in the memory that a write changed: the part, or all where the index makes copies.

    Of a stand-in it is all: whether two of its views overlap is not known.
    """
    if type(array) is not np.ndarray:
        return array
    items = index if type(index) is tuple else (index,)
    if all([item is None or isinstance(item, int | slice | np.integer) for item in items]):
        return array[(*items, Ellipsis)]
    return array


def names_everything(index: Any) -> bool:
    """Return whether an index names all elements, whatever the shape."""
    items = index if type(index) is tuple else (index,)
    return all([item is Ellipsis or (type(item) is slice and item == _ALL) for item in items])


def is_same_place(steps: tuple[ViewStep, ...], of: tuple[ViewStep, ...], index: Any) -> bool:
    """Return whether some steps lead from an array to the part at an index into the view at the end of others."""
    if not all([one is other for one, other in zip(steps, of, strict=False)]):
        return False
    if len(steps) != len(of) + 1:
        return len(steps) == len(of) and names_everything(index)
    last = steps[-1]
    return last.function is operator.getitem and _same_index(last.args[0], index)


def _same_index(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if type(one) is tuple:
        return len(one) == len(other) and all(map(_same_index, one, other))
    return one is other or (not hasattr(one, "shape") and bool(one == other))


def same_view(one: Any, other: Any) -> bool:
    """Return whether two arrays are the same elements of the same memory, in the same order."""
    return (
        type(one) is type(other) is np.ndarray
        and one.shape == other.shape
        and one.strides == other.strides
        and one.dtype == other.dtype
        and one.__array_interface__["data"][0] == other.__array_interface__["data"][0]
    )


class Place:
    """A part of an array: `index` into the view at the end of `steps`."""

    __slots__ = ("index", "repeats", "steps")

    def __init__(self, steps: tuple[ViewStep, ...], index: Any) -> None:
        self.steps = steps
        self.index = index
        self.repeats = _may_repeat(index) or any([step.function is sliding_window_view for step in steps])

    def of(self, array: Any) -> Any:
        """Return the part, of an array or of a Tensor; of a mask of complex numbers where a part of them is."""
        steps = self.steps
        if array.dtype.kind != "c":
            steps = tuple([step for step in steps if step.function is not np.imag])
        return taken(array, steps)[self.index]

    def is_half(self) -> bool:
        """Return whether the place is in the real or in the imaginary parts of complex numbers."""
        return any([step.function in (np.real, np.imag) for step in self.steps])

    def put(self, array: Any, value: Any) -> None:
        """Write a value into the part of an array."""
        view = taken(array, self.steps)
        if not self.steps or reach_each_other(view, array):
            view[self.index] = value
            return
        # A reshape is a view of some layouts alone. Positions are the same in all.
        positions = self.of(np.arange(array.size).reshape(array.shape))
        np.put(array, positions, np.broadcast_to(value, positions.shape))

    def stays(self, shape: tuple[int, ...]) -> Any:
        """Return where an array of this shape keeps a written value: an element named twice has the last one."""
        numbers = np.full(shape, -1)
        if self.is_computed():
            numbers = indexable(numbers)
        part = self.of(numbers)
        own = np.arange(part.size).reshape(part.shape)
        self.put(numbers, own)
        return self.of(numbers) == own

    def is_computed(self) -> bool:
        """Return whether a program that is being compiled computes where the place is."""
        indices = [self.index, *[item for step in self.steps for item in step.args]]
        return any([is_stand_in(part) for item in indices for part in (item if type(item) is tuple else (item,))])

    def __repr__(self) -> str:
        return self.text(_item_text)

    def text(self, item_text: Callable[[Any], str]) -> str:
        """Return the place as code writes it: "[1:]", ".T[0]".

        Args:
            item_text: the text of an index along one axis.
        """
        steps = [_text(step.function, step.args, item_text) for step in self.steps]
        return "".join(steps if steps and self.index is Ellipsis else [*steps, _index(self.index, item_text)])


def _may_repeat(index: Any) -> bool:
    """Return whether an index may name an element twice: sequences of integers may, tuples inside an index too."""
    items = index if type(index) is tuple else (index,)
    return any([isinstance(item, np.ndarray | Sequence) and np.ndim(item) > 0 and not _is_mask(item) for item in items])


def _is_mask(item: Any) -> bool:
    return bool((item if hasattr(item, "dtype") else np.asarray(item)).dtype == bool)


def _text(function: Callable[..., Any], args: tuple[Any, ...], item_text: Callable[[Any], str]) -> str:
    if function is operator.getitem:
        return _index(args[0], item_text)
    name = getattr(function, "__name__", "view")
    return ".T" if name == "transpose" and not args else f".{name}({', '.join(map(str, args))})"


def _index(index: Any, item_text: Callable[[Any], str]) -> str:
    return f"[{', '.join(map(item_text, index if type(index) is tuple else (index,)))}]"


def _item_text(item: Any) -> str:
    if isinstance(item, slice):
        ends = ["" if end is None else str(end) for end in (item.start, item.stop)]
        return ":".join(ends if item.step is None else [*ends, str(item.step)])
    if item is Ellipsis:
        return "..."
    return "·" if isinstance(item, np.ndarray) and item.ndim else str(item)
