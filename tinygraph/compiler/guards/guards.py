"""Guards: the values that a program was compiled for, compared with the values of now.

They are asked before each call. So they compare by identity, many values at a time, and by value only where one is
another object.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, is_, itemgetter
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
    # Many functions of a module name the same global.
    places = {(id(item.holder), item.key): item for item in guarded if isinstance(item.holder, dict | type)}
    named = [*places.values()]
    cells = [item for item in guarded if type(item.holder) is CellType and item.value is not MISSING]
    others = [item for item in guarded if not isinstance(item.holder, dict | type | CellType) or (
        type(item.holder) is CellType and item.value is MISSING
    )]  # fmt: skip
    return Guards(found, named, cells, others)


def _by_holder(named: Iterable[Location]) -> list[list[Location]]:
    """Return the locations in dicts and classes by their holders, those of a holder that are read at once together.

    A value that was missing is asked for by itself, and so is one in a dict of the user's class.
    """
    groups: defaultdict[tuple[int, str | None], list[Location]] = defaultdict(list)
    for item in named:
        alone = item.value is MISSING or not (type(item.holder) is dict or isinstance(item.holder, type))
        groups[id(item.holder), item.key if alone else None].append(item)
    return [*groups.values()]


def _namespace(holder: Any) -> Any:
    """Return what the values of a location are read from: for a class its attributes."""
    return vars(holder) if isinstance(holder, type) else holder


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
        groups = _by_holder(named)
        together = [group for group in groups if len(group) > 1]
        alone = [group[0] for group in groups if len(group) == 1]
        self._named_at, self._cells_at = [item for group in (*together, alone) for item in group], cells
        self._containers = [container for container in found.containers if container.whole]
        self._contents = found.contents
        self._arrays = [*found.arrays.values()]
        self._functions = [(function, function.__code__, function.__defaults__) for function in found.functions]
        # `itemgetter("rate", "decay")` of an object's attributes reads both, and `globals().get` of "rate" the rate.
        # For an MLP and its optimiser the pairs of the second kind alone took twice as long.
        self._reads = [(itemgetter(*[item.key for item in group]), _namespace(group[0].holder)) for group in together]
        self._gets = [(_namespace(item.holder).get, item.key) for item in alone]
        self._cells = [item.holder for item in cells]
        plain = [item for item in self._containers if type(item.holder) in (list, dict) and not item.counters]
        self._lists_at = [item for item in plain if type(item.holder) is list]
        self._dicts_at = [item for item in plain if type(item.holder) is dict]
        self._lists = [item.holder for item in self._lists_at]
        self._dicts = [item.holder for item in self._dicts_at]
        self._lengths = [*map(len, self._lists), *map(len, self._dicts)]
        self._before = self._values_before()
        # Any other container, and an object of a library, compares its own items and bytes.
        themselves = [item.holds for item in self._containers if item not in plain]
        self._hold_themselves = [*themselves, *[item.holds for item in self._contents]]
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
        if [*map(len, self._lists), *map(len, self._dicts)] != self._lengths:
            return False
        now: list[Any] = []
        try:
            for read_all, holder in self._reads:
                now += read_all(holder)
            if self._gets:
                now += [get(key, MISSING) for get, key in self._gets]
            if self._cells:
                now += [cell.cell_contents for cell in self._cells]
        except (KeyError, ValueError):  # an item or an attribute is missing, or a cell is empty
            return False
        for items in self._lists:
            now += items
        for mapping in self._dicts:
            now += mapping
            now += mapping.values()
        if not all(map(is_, now, self._before)) and not same_items(now, self._before):
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
        self._before = self._values_before()
        self._arrays[:] = arrays

    def _values_before(self) -> list[Any]:
        """Return the values of the locations and the items of the containers, in the order of `hold`."""
        values = [item.value for item in (*self._named_at, *self._cells_at)]
        for container in self._lists_at:
            values += container.before
        for container in self._dicts_at:
            values += container.before
            values += container.before.values()
        return values

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
