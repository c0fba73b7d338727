"""Guards: whether what a function found outside is what it was when a program was made of it.

They are asked before each call, so they compare by identity, many at a time, and look closer only where that fails.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections import deque
from collections.abc import Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from operator import is_
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygraph.compiler.guards.contents import Content

__all__ = [
    "ATOMS", "ITEMS", "MISSING", "Container", "Guards", "Place", "contents_of", "followed", "is_atom", "is_ours",
    "short",
]  # fmt: skip

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()

_ROOMS_FOLLOWED = ("tinygraph.nn", "tinygraph.optim")
_NOT_FOLLOWED = frozenset(("numpy", "scipy", "tinygraph", "pytest", "hypothesis", "_pytest"))
ATOMS = (int, float, complex, bool, str, bytes, type(None), np.generic)
# The types of atoms that are Python's own: a subclass may have attributes, which change.
_ATOM_TYPES = frozenset((int, float, complex, bool, str, bytes, type(None)))
# What is compared by value, besides: it cannot be changed, and holds nothing that can.
_VALUES = (slice, range, np.dtype)
# Of a container of more items than these the numbers have no places of their own.
ITEMS = 4096
_CELL = type((lambda x: lambda: x)(0).__closure__[0])  # type: ignore[index]


def is_atom(value: Any) -> bool:
    """Return whether a value is a number, a string or None: it cannot be changed, and nothing is in it."""
    return type(value) in _ATOM_TYPES or (isinstance(value, np.generic) and type(value).__module__ == "numpy")


@functools.cache
def followed(module: Any) -> bool:
    """Return whether code of a module is the user's, or a model's, as opposed to a library's.

    Args:
        module: the `__module__` of a function or a class: None for code that was given to `exec`. Compiled code may
            have another object there than a string.
    """
    module = module or ""
    if not isinstance(module, str):
        return False
    if module.startswith(_ROOMS_FOLLOWED):
        return True
    top = module.partition(".")[0]
    if top not in sys.stdlib_module_names:
        return top not in _NOT_FOLLOWED and not _is_installed_apart(top)
    # A file of the user's may have the name of one of Python's.
    file = getattr(sys.modules.get(top), "__file__", None)
    return bool(file) and not str(file).startswith(os.path.dirname(os.__file__))


def _is_installed_apart(top: str) -> bool:
    """Return whether a package was installed, as opposed to written here, and knows nothing of tinygraph."""
    file = str(getattr(sys.modules.get(top), "__file__", None) or "")
    if top == "__main__" or not any(folder in file for folder in ("site-packages", "dist-packages")):
        return False
    package = [vars(module) for name, module in [*sys.modules.items()] if name.partition(".")[0] == top and module]
    values = (value for namespace in package for value in [*namespace.values()])
    return not any(_is_of_tinygraph(value) for value in values)


def _is_of_tinygraph(value: Any) -> bool:
    module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] == "tinygraph"


def is_ours(module: str | None) -> bool:
    """Return whether code is that of a layer or an optimiser of tinygraph's, which nobody writes anew while it runs."""
    return (module or "").startswith("tinygraph.")


def contents_of(cell: Any) -> Any:
    """Return the contents of a closure's cell."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


class Place:
    """The place of a value: an entry of a namespace, a closure's cell, an item of a list, an attribute.

    Attributes:
        name: as one would write it: "model.rate".
        holder, key: the dict or list and the key in it; the cell, or the context variable, and None; a class or another
            object and the attribute.
        value: what was there.
        shared: whether it belongs to a library, whose other users must never find a stand-in there.
    """

    __slots__ = ("holder", "key", "name", "shared", "value")

    def __init__(self, name: str, holder: Any, key: Any, value: Any, shared: bool = False) -> None:
        self.name = name
        self.holder = holder
        self.key = key
        self.value = value
        self.shared = shared

    def now(self) -> Any:
        """Return the value at this place now."""
        holder = self.holder
        if type(holder) is _CELL:
            return contents_of(holder)
        if isinstance(holder, list | deque):
            return holder[self.key] if self.key < len(holder) else MISSING
        if isinstance(holder, type):
            return vars(holder).get(self.key, MISSING)
        if isinstance(holder, Mapping):
            return dict.get(holder, self.key, MISSING) if isinstance(holder, dict) else holder.get(self.key, MISSING)
        if type(holder) is ContextVar:
            return holder.get(MISSING)
        return getattr(holder, self.key, MISSING)

    def put(self, value: Any) -> None:
        """Put a value there."""
        holder = self.holder
        if type(holder) is _CELL:
            holder.cell_contents = value
        elif isinstance(holder, dict) and value is MISSING:
            holder.pop(self.key, None)
        elif isinstance(holder, dict | list | deque):
            holder[self.key] = value
        elif isinstance(holder, Mapping):
            return  # it can only be read
        elif isinstance(holder, type):
            type.__delattr__(holder, self.key) if value is MISSING else type.__setattr__(holder, self.key, value)
        elif type(holder) is ContextVar:
            holder.set(value)
        elif isinstance(holder, functools.partial) and self.key == "args":
            state = (holder.func, value, holder.keywords, vars(holder))
            holder.__setstate__(state)  # type: ignore[attr-defined]
        elif value is MISSING:
            object.__delattr__(holder, self.key)
        else:
            object.__setattr__(holder, self.key, value)


@dataclass(eq=False)
class Container:
    """A dict, list, set or deque that was found.

    Attributes:
        name: as one would write it.
        holder: the container.
        before: its items, in a container of the same kind.
        whole: whether each of its items matters, as opposed to those that the code names.
    """

    name: str
    holder: Any
    before: Any
    whole: bool

    def holds(self) -> bool:
        """Return whether it has the items that it had, in their order."""
        holder, before = self.holder, self.before
        if isinstance(holder, set):
            return bool(holder == before) and {*map(_told_apart, holder)} == {*map(_told_apart, before)}
        if len(holder) != len(before):
            return False
        if isinstance(holder, Mapping):
            return _same_items([*holder], [*before]) and _same_items([*holder.values()], [*before.values()])
        return _same_items(holder, before)

    def told(self) -> str:
        """Say in words what has changed, for a message."""
        holder, before, name = self.holder, self.before, self.name or "a container"
        if isinstance(holder, set) or len(holder) != len(before):
            return f"{name} has other items"
        for key, was in before.items() if isinstance(before, dict) else enumerate(before):
            now = holder[key] if not isinstance(holder, Mapping) or key in holder else MISSING
            if now is not was and not equal(now, was):
                return f"{name}[{key!r}] was {short(was)} and is {short(now)}"
        return f"{name} has another order"

    def restore(self) -> str | None:
        """Take away what was added, put back what was taken, and say which, or None."""
        holder, before = self.holder, self.before
        if isinstance(holder, dict):
            new = [key for key in holder if key not in before]
            for key in new:
                del holder[key]
            if [*holder] != [*before]:  # what was taken away is put back, and has its place again
                holder.clear()
                holder.update(before)
                return f"changed the keys of {self.name or 'a dict'}"
            return f"set {self.name}.{new[0]}" if new and self.name else f"set {new[0]}" if new else None
        if self.holds():
            return None
        if isinstance(holder, MutableMapping):
            holder.clear()
            holder.update(before)
            return f"changed what is in {self.name or 'a mapping'}"
        if isinstance(holder, Mapping):
            return None
        if isinstance(holder, np.ndarray):
            for index, item in enumerate(before):
                holder[index] = item
            return f"changed the items of {self.name or 'an array'}"
        if isinstance(holder, set):
            holder.clear()
            holder.update(before)
            return f"changed {self.name or 'a set'}"
        numbers = (was is not now and isinstance(was, ATOMS) for now, was in zip(holder, before, strict=False))
        if len(holder) == len(before) and (len(before) <= ITEMS or not any(numbers)):
            return None  # each item has a place, and is put back there
        what = "the length" if len(holder) != len(before) else "the items"
        holder.clear()
        holder.extend(before)
        return f"changed {what} of {self.name or 'a list'}"


class Guards:
    """Guards: the values that a program was compiled for, and the comparison with the values of now.

    Args:
        places: where values were found.
        containers: the dicts, lists and sets that were found.
        functions: those of the user's.
        sized: namespaces of classes and objects, which hide with a new entry what stood behind it.
        arrays: plain arrays, whose numbers may change, but not their shape.
        contents: other objects that can change, with what is in them.
        kinds: objects with their class, and classes with those that they go back to: "__class__" or "__mro__".
    """

    def __init__(
        self, places: Sequence[Place], containers: Sequence[Container], functions: Sequence[Any], sized: Sequence[Any],
        arrays: Sequence[Any] = (), contents: Sequence[Content] = (), kinds: Sequence[tuple[Any, str, Any]] = (),
    ) -> None:  # fmt: skip
        self._objects = [item for item, asked, _ in kinds if asked == "__class__"]
        self._kinds = [kind for _, asked, kind in kinds if asked == "__class__"]
        self._classes = [item for item, asked, _ in kinds if asked == "__mro__"]
        self._bases = [bases for _, asked, bases in kinds if asked == "__mro__"]
        self._arrays, self._layouts = list(arrays), [(array.shape, array.dtype) for array in arrays]
        self._contents = list(contents)
        self._containers = [container for container in containers if container.whole]
        inside = {id(container.holder) for container in self._containers}
        guarded = [
            place for place in places
            if not isinstance(place.value, ModuleType) and id(place.holder) not in inside
            and not isinstance(place.holder, FunctionType | functools.partial)
        ]  # fmt: skip
        named = [place for place in guarded if isinstance(place.holder, dict | type)]
        cells = [place for place in guarded if type(place.holder) is _CELL and place.value is not MISSING]
        known = {id(place) for place in (*named, *cells)}
        self._gets = [((vars(p.holder) if isinstance(p.holder, type) else p.holder).get, p.key) for p in named]
        self._named = [place.value for place in named]
        self._cells = [place.holder for place in cells]
        self._in_cells = [place.value for place in cells]
        self._others = [place for place in guarded if id(place) not in known]
        self._places = [*named, *cells, *self._others]
        self._sized, self._sizes = list(sized), [*map(len, sized)]
        self._functions = [(function, function.__code__, function.__defaults__) for function in functions]
        self._keywords = [
            (function, function.__kwdefaults__) for function in functions if function.__code__.co_kwonlyargcount
        ]

    def hold(self) -> bool:
        """Return whether everything is what it was when the function was compiled."""
        if self._gets:
            now = [get(key, MISSING) for get, key in self._gets]
            if not all(map(is_, now, self._named)) and not _same_items(now, self._named):
                return False
        if self._cells:
            try:
                now = [cell.cell_contents for cell in self._cells]
            except ValueError:  # one is empty
                return False
            if not all(map(is_, now, self._in_cells)) and not _same_items(now, self._in_cells):
                return False
        for place in self._others:
            item = place.now()
            if item is not place.value and not equal(item, place.value):
                return False
        for container in self._containers:
            if not container.holds():
                return False
        for function, code, defaults in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return False
        if self._keywords and any([function.__kwdefaults__ is not keywords for function, keywords in self._keywords]):
            return False
        if self._arrays and [(array.shape, array.dtype) for array in self._arrays] != self._layouts:
            return False
        if self._contents and not all([content.holds() for content in self._contents]):
            return False
        if self._objects and [*map(type, self._objects)] != self._kinds:
            return False
        if self._classes and [kind.__mro__ for kind in self._classes] != self._bases:
            return False
        return not self._sized or [*map(len, self._sized)] == self._sizes

    def changed(self) -> str:
        """Say in words what has changed, for a message."""
        for place in self._places:
            now = place.now()
            if now is not place.value and not equal(now, place.value):
                return f"{place.name} was {short(place.value)} and is {short(now)}"
        for container in self._containers:
            if not container.holds():
                return container.told()
        for function, code, defaults in self._functions:
            if function.__code__ is not code or function.__defaults__ is not defaults:
                return f"{function.__qualname__} has other code"
        for function, keywords in self._keywords:
            if function.__kwdefaults__ is not keywords:
                return f"{function.__qualname__} has other defaults"
        for array, (shape, dtype) in zip(self._arrays, self._layouts, strict=True):
            if (array.shape, array.dtype) != (shape, dtype):
                return f"an array of shape {shape} has the shape {array.shape}"
        for content in self._contents:
            if not content.holds():
                return f"what is in {content.name} has changed"
        return "an object or a class has other attributes"


def _same_items(now: Sequence[Any], before: Sequence[Any]) -> bool:
    return all(map(is_, now, before)) or all(a is b or equal(a, b) for a, b in zip(now, before, strict=True))


def _told_apart(item: Any) -> Any:
    """Return a key that tells apart items of a set that compare equal: {1} and {1.0}, {0.0} and {-0.0}."""
    kind = type(item)
    if kind is float or kind is complex:
        return kind, repr(item)
    return (kind, item.tobytes()) if isinstance(item, np.generic) else (kind, item)


def equal(now: Any, value: Any) -> bool:
    """Return whether two objects are the same setting: equal numbers and strings, of the same type."""
    if type(now) is not type(value):
        return False
    if type(now) is float:
        return (now == value and math.copysign(1, now) == math.copysign(1, value)) or (now != now and value != value)
    if isinstance(now, np.generic):
        return bool(now.dtype == value.dtype and now.tobytes() == value.tobytes())
    if type(now) is complex:
        return equal(now.real, value.real) and equal(now.imag, value.imag)
    if is_atom(now):
        return bool(now == value)
    if type(now) is tuple:
        return len(now) == len(value) and all(a is b or equal(a, b) for a, b in zip(now, value, strict=True))
    if type(now) is MethodType:
        return now.__self__ is value.__self__ and now.__func__ is value.__func__
    return type(now) in _VALUES and bool(now == value)


def short(value: Any) -> str:
    """A value as a message shows it."""
    kind = "computed array" if type(value).__name__ == "Traced" else type(value).__name__
    text = repr(value) if isinstance(value, ATOMS) or value is MISSING else f"a {kind}"
    return text if len(text) < 60 else text[:57] + "..."
