"""Guards: the values that a program was compiled for, compared with the values of now.

They are asked before each call. So they compare by identity, many values at a time, and by value only where one is
another object.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, is_
from types import CellType, FunctionType, ModuleType
from typing import Any

from tinygraph.compiler.guards.comparing import MISSING, equal, same_items, short
from tinygraph.compiler.guards.found import Found
from tinygraph.compiler.guards.locations import Location

__all__ = ["Guards", "guards_of"]

_layout = attrgetter("shape", "dtype")
_bases = attrgetter("__mro__")
_keywords = attrgetter("__kwdefaults__")


def guards_of(found: Found) -> Guards:
    """Return the guards of a program, from what its function found outside.

    An item of a container is compared with the container, and a module is compared by what is asked of it.
    """
    inside = {id(container.holder) for container in found.containers if container.whole}
    counters = {id(item) for item in found.counters}
    guarded = [
        item for item in found.locations
        if not isinstance(item.value, ModuleType) and id(item.holder) not in inside and id(item) not in counters
        and not isinstance(item.holder, FunctionType | functools.partial)
    ]  # fmt: skip
    named = [item for item in guarded if isinstance(item.holder, dict | type)]
    cells = [item for item in guarded if type(item.holder) is CellType and item.value is not MISSING]
    known = {id(item) for item in (*named, *cells)}
    return Guards(found, named, cells, [item for item in guarded if id(item) not in known])


class Guards:
    """The guards of one program, laid out so that most of a comparison runs in C.

    Args:
        found: the objects that the function found outside.
        named: the locations in dicts and classes.
        cells: the locations in closures.
        others: all other locations.
    """

    def __init__(
        self, found: Found, named: Sequence[Location], cells: Sequence[Location], others: Sequence[Location]
    ) -> None:  # fmt: skip
        self._locations = [*named, *cells, *others]
        self._others = others
        self._named_at, self._cells_at = named, cells
        self._containers = [container for container in found.containers if container.whole]
        self._contents = found.contents
        self._arrays = [*found.arrays.values()]
        self._functions = [(function, function.__code__, function.__defaults__) for function in found.functions]
        # A pair of `globals().get` and "rate" reads the rate.
        self._gets = [
            ((vars(item.holder) if isinstance(item.holder, type) else item.holder).get, item.key) for item in named
        ]
        self._named = [item.value for item in named]
        self._cells = [item.holder for item in cells]
        self._in_cells = [item.value for item in cells]
        # A container and an object of a library compare their own items and bytes.
        self._hold_themselves = [item.holds for item in self._containers] + [item.holds for item in self._contents]
        with_keywords = [function for function in found.functions if function.__code__.co_kwonlyargcount]
        self._with_keywords, self._keywords = with_keywords, [*map(_keywords, with_keywords)]
        # A property of each of some objects: how it is read, the objects, and the values that it had.
        properties: list[tuple[Callable[[Any], Any], list[Any]]] = [
            (_layout, self._arrays),
            (type, [item for item, _ in found.classes]),
            (_bases, [kind for kind, _ in found.bases]),
            (len, found.hiding),
        ]
        self._properties = [(read, items, [*map(read, items)]) for read, items in properties if items]

    def hold(self) -> bool:
        """Return whether everything is what it was when the function was compiled.

        Each step stands here, since this runs before each call: a Python call takes longer than most of the steps.
        """
        if self._gets:
            now = [get(key, MISSING) for get, key in self._gets]
            if not all(map(is_, now, self._named)) and not same_items(now, self._named):
                return False
        if self._cells:
            try:
                now = [cell.cell_contents for cell in self._cells]
            except ValueError:  # one is empty
                return False
            if not all(map(is_, now, self._in_cells)) and not same_items(now, self._in_cells):
                return False
        for location in self._others:
            found = location.now()
            if found is not location.value and not equal(found, location.value):
                return False
        for holds in self._hold_themselves:
            if not holds():
                return False
        for function, code, defaults in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return False
        for read, items, before in self._properties:
            if [*map(read, items)] != before:
                return False
        return not self._keywords or all(map(is_, map(_keywords, self._with_keywords), self._keywords))

    def renew(self, arrays: Iterable[Any]) -> None:
        """Take the values of the locations anew, after other arrays and Tensors have been put there.

        Args:
            arrays: all arrays that the function finds.
        """
        self._named = [item.value for item in self._named_at]
        self._in_cells = [item.value for item in self._cells_at]
        self._arrays[:] = arrays

    def changed(self) -> str:
        """Return a sentence of what has changed, for a message."""
        for location in self._locations:
            now = location.now()
            if now is not location.value and not equal(now, location.value):
                return f"{location.name} was {short(location.value)} and is {short(now)}"
        for container in self._containers:
            if not container.holds():
                return container.told()
        for function, code, defaults in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return f"{function.__qualname__} has other code"
        for function, keywords in zip(self._with_keywords, self._keywords, strict=True):
            if function.__kwdefaults__ is not keywords:
                return f"{function.__qualname__} has other defaults"
        return self._changed_layout() or self._changed_content() or "an object or a class has other attributes"

    def _changed_layout(self) -> str | None:
        layouts = next((before for read, _, before in self._properties if read is _layout), [])
        for array, (shape, dtype) in zip(self._arrays, layouts, strict=True):
            if (array.shape, array.dtype) != (shape, dtype):
                return f"an array of shape {shape} has the shape {array.shape}"
        return None

    def _changed_content(self) -> str | None:
        changed = next((content for content in self._contents if not content.holds()), None)
        return None if changed is None else f"what is in {changed.name} has changed"
