"""Containers beside plain dicts, lists and tuples: taken apart into their items, and put together again.

An `OrderedDict`, a `defaultdict` and other subclasses of dict, a `deque`, a `SimpleNamespace`, and an object of a
`@dataclass`. One that can be hashed counts as a whole among arguments, and is not taken apart.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

__all__ = ["Kind", "containers_in", "has_lost_attributes", "kind_of", "opened", "sequence_of", "shaper", "taken_apart"]


Shaper = Callable[[Any], Any]


@dataclass(frozen=True)
class Kind:
    """The kind of a container: two of one kind have the same keys, and other items.

    Attributes:
        type: its class.
        keys: of its items, or the names of the attributes; of a deque their number.
        setting: the default of a `defaultdict`, the bound of a deque.
    """

    type: type
    keys: tuple[Any, ...]
    setting: Any = None

    @property
    def names(self) -> list[str]:
        """The keys as text."""
        return [str(key) for key in self.keys]

    def items_of(self, container: Any) -> list[Any]:
        """Return the items of a container of the kind, in the order of the keys."""
        if issubclass(self.type, deque):
            return list(container)
        if issubclass(self.type, dict):
            return [dict.__getitem__(container, key) for key in self.keys]
        return [getattr(container, key) for key in self.keys]

    def holding(self, items: Sequence[Any]) -> Any:
        """Return a new container of the kind. No code of its class runs, such as `__post_init__`."""
        if issubclass(self.type, deque):
            return self.type(items, self.setting)
        made: Any = self.type.__new__(self.type)
        pairs = zip(self.keys, items, strict=True)
        if issubclass(self.type, dict):
            if issubclass(self.type, defaultdict):
                made.default_factory = self.setting
            put = OrderedDict.__setitem__ if issubclass(self.type, OrderedDict) else dict.__setitem__
            for key, item in pairs:
                put(made, key, item)
        else:
            for key, item in pairs:
                object.__setattr__(made, key, item)
        return made


def kind_of(value: Any) -> Kind | None:
    """Return the kind of a container that is no plain dict, list or tuple; None for any other object."""
    kind = type(value)
    if issubclass(kind, dict | deque):
        if kind is dict or _has_attributes(value):
            return None
        if issubclass(kind, dict):
            return Kind(kind, tuple(dict.keys(value)), getattr(value, "default_factory", None))
        return Kind(kind, tuple(range(len(value))), value.maxlen)
    if kind is SimpleNamespace or dataclasses.is_dataclass(kind):
        return Kind(kind, tuple(_attributes(value)))
    return None


def taken_apart(value: Any) -> Kind | None:
    """Return the kind of an argument that counts by its items: of a container that cannot be hashed."""
    kind = kind_of(value)
    if kind is None or kind.type.__hash__ is None:
        return kind
    try:
        hash(value)
    except TypeError:
        return kind
    return None


def _has_attributes(value: Any) -> bool:
    """Return whether an object of a user's class has attributes beside its items."""
    return bool(getattr(value, "__dict__", None))


def _attributes(value: Any) -> list[str]:
    """Return the names of the attributes of an object: the fields in slots, and any others. A default that only the
    class has is none.
    """
    fields = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    is_slot = [inspect.ismemberdescriptor(getattr(type(value), name, None)) for name in fields]
    slots = [name for name, is_one in zip(fields, is_slot, strict=True) if is_one and hasattr(value, name)]
    return [*slots, *getattr(value, "__dict__", {})]


# --- nests of containers ----------------------------------------------------------------------------------------------


def opened(structure: Any) -> Any:
    """Return a nest with plain dicts and lists in place of all containers; named tuples stay."""
    kind = None if isinstance(structure, tuple | list) else kind_of(structure)
    if kind is not None:
        items = [opened(item) for item in kind.items_of(structure)]
        return items if issubclass(kind.type, deque) else dict(zip(kind.keys, items, strict=True))
    if isinstance(structure, dict):
        return {key: opened(item) for key, item in structure.items()}
    if isinstance(structure, list | tuple):
        items = [opened(item) for item in structure]
        if hasattr(structure, "_fields"):
            return type(structure)(*items)
        return tuple(items) if isinstance(structure, tuple) else items
    return structure


def shaper(structure: Any, of_leaf: Callable[[Any], Shaper | None] = lambda leaf: None) -> Shaper | None:
    """Return a function that makes a nest like this one of an opened nest; None if there is no difference.

    Args:
        structure: the nest.
        of_leaf: returns such a function for a leaf, or None.
    """
    kind = None if isinstance(structure, tuple | list) else kind_of(structure)
    if kind is not None:
        shapers = [shaper(item, of_leaf) for item in kind.items_of(structure)]
        is_deque = issubclass(kind.type, deque)
        return lambda plain: kind.holding(_each(shapers, plain if is_deque else plain.values()))
    if isinstance(structure, dict):
        shapers = [shaper(item, of_leaf) for item in structure.values()]
        return _in_place([*structure], shapers)
    if isinstance(structure, list | tuple):
        shapers = [shaper(item, of_leaf) for item in structure]
        kept = type(structure)
        if kept is list:
            return _in_place(range(len(structure)), shapers)
        if kept is tuple:
            return (lambda plain: tuple(_each(shapers, plain))) if any(shapers) else None
        return lambda plain: sequence_of(kept, _each(shapers, plain))
    return of_leaf(structure)


def _in_place(keys: Sequence[Any], shapers: list[Shaper | None]) -> Shaper | None:
    """Return a function that shapes items of a plain dict or list, which is new at each call; None if it has none."""
    pairs = [(key, shape) for key, shape in zip(keys, shapers, strict=True) if shape is not None]

    def shaped(plain: Any) -> Any:
        for key, shape in pairs:
            plain[key] = shape(plain[key])
        return plain

    return shaped if pairs else None


def containers_in(structure: Any) -> Iterator[Any]:
    """Yield the containers in a nest, but for plain dicts, lists and tuples."""
    kind = None if isinstance(structure, tuple | list) else kind_of(structure)
    if kind is not None or (isinstance(structure, dict | tuple | list) and type(structure) not in (dict, tuple, list)):
        yield structure
    inside = (
        structure.values() if isinstance(structure, dict) else structure if isinstance(structure, tuple | list) else ()
    )
    for item in inside if kind is None else kind.items_of(structure):
        yield from containers_in(item)


def has_lost_attributes(container: Any) -> bool:
    """Return whether a container has attributes beside its items, which a copy of it does not have."""
    return isinstance(container, dict | list | tuple | deque) and _has_attributes(container)


def _each(shapers: list[Any], items: Iterable[Any]) -> list[Any]:
    return [item if shape is None else shape(item) for shape, item in zip(shapers, items, strict=True)]


def sequence_of(kind: Any, items: list[Any]) -> Any:
    """Return a list or tuple of a class with some items. No code of the class runs."""
    if issubclass(kind, tuple):
        return tuple.__new__(kind, items)
    made = kind.__new__(kind)
    list.extend(made, items)
    return made
