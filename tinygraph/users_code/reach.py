"""Reach: objects that a variable leads to, and the way there as the user writes it: `layers[0].w`, `params["b"]`."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tinygraph.users_code.targets import key_text

__all__ = ["ways_to"]

# A notebook may hold anything. A walk through 3,000 objects takes about 8 ms.
MOST_OBJECTS = 3000
MOST_ITEMS = 1000
MOST_STEPS = 4
CLOSED = (str, bytes, int, float, complex, type, np.ndarray, np.generic, types.ModuleType, types.FunctionType)
ATOMS = frozenset((*CLOSED, bool, type(None), types.MethodType, types.BuiltinFunctionType, slice, range, np.dtype))
NOTEBOOKS_OWN = frozenset(("In", "Out", "exit", "quit", "get_ipython"))


class _Stop(NamedTuple):
    """An object on the way.

    Attributes:
        item: the object.
        before: the place of the stop before it; -1 for a variable.
        key: the variable, the attribute, or the key in the container before.
        is_item: True for the key of a container.
        steps: the number of stops before it.
    """

    item: Any
    before: int
    key: Any
    is_item: bool
    steps: int


def ways_to(
    wanted: Collection[int],
    roots: Mapping[str, Any],
    identity: Callable[[Any], int | None] = id,
    whole: tuple[type, ...] = (),
) -> dict[int, str]:
    """Return the shortest way to each object that is wanted and found, by its identity.

    No code of the user's runs: no property, and no `__getattr__`.

    Args:
        wanted: the identities of objects.
        roots: variables by name. The way from `self` leaves "self." out.
        identity: the identity of an object; None for an object that is not looked for.
        whole: types whose objects are not looked into.
    """
    found: dict[int, str] = {}
    missing = set(wanted)
    seen: set[int] = set()
    stops = [_Stop(value, -1, name, False, 0) for name, value in roots.items() if not _is_private(name, value)]
    for place, stop in enumerate(stops):  # grows while we walk it
        item = stop.item
        if not missing:
            break
        if issubclass(type(item), CLOSED) or id(item) in seen:  # `isinstance` would ask an object for its `__class__`
            continue
        seen.add(id(item))
        key = identity(item)
        if key is not None and key in missing and (stop.before >= 0 or stop.key != "self"):
            way = _written(stops, place)
            if way:
                found[key] = way
                missing.discard(key)
        if stop.steps < MOST_STEPS and len(stops) < MOST_OBJECTS and not issubclass(type(item), whole):
            stops += [_Stop(part, place, name, is_item, stop.steps + 1) for name, part, is_item in _parts(item)]
    return found


def _is_private(name: str, value: Any) -> bool:
    return type(value) in ATOMS or name.startswith("_") or not name.isidentifier() or name in NOTEBOOKS_OWN


def _written(stops: list[_Stop], place: int) -> str:
    """Return the way to a stop as it is written; "" if a key on the way has no short text."""
    way = ""
    while place >= 0:
        stop = stops[place]
        text = key_text(stop.key) if stop.is_item else stop.key
        if not text:
            return ""
        way = (f"[{text}]" if stop.is_item else f".{text}") + way
        place = stop.before
    return way.removeprefix(".").removeprefix("self.")


def _parts(item: Any) -> Iterator[tuple[Any, Any, bool]]:
    """Yield the items and attributes of an object: the key, the part, and True for an item."""
    kind = type(item)
    if issubclass(kind, (dict, list, tuple)):
        fields = getattr(kind, "_fields", None) if issubclass(kind, tuple) else None
        pairs = dict.items(item) if issubclass(kind, dict) else zip(fields, item, strict=False) if fields else None
        few = item.__len__() <= MOST_ITEMS
        for key, part in list(enumerate(item) if pairs is None else pairs) if few else ():
            if type(part) not in ATOMS:
                yield key, part, fields is None
        if kind in (dict, list, tuple):
            return
    for name, part in _attributes(item):
        if type(part) not in ATOMS and not name.startswith("_"):
            yield name, part, False


def _attributes(item: Any) -> list[tuple[str, Any]]:
    """Return the attributes that an object holds, those in slots included."""
    try:
        held = object.__getattribute__(item, "__dict__")
    except AttributeError:
        held = {}
    found = list(held.items()) if type(held) is dict and len(held) <= MOST_ITEMS else []
    for name, descriptor in _slots(type(item)):  # type: ignore[arg-type]  # mypy: a class is not Hashable
        try:
            found.append((name, descriptor.__get__(item)))
        except AttributeError:
            continue
    return found


@functools.lru_cache(maxsize=512)
def _slots(kind: Any) -> tuple[tuple[str, Any], ...]:
    """The public slots of a class of the user's."""
    bases = [base for base in getattr(kind, "__mro__", ()) if base.__module__ != "builtins"]
    parts = [(name, part) for base in bases for name, part in vars(base).items() if not name.startswith("_")]
    return tuple([(name, part) for name, part in parts if type(part) is types.MemberDescriptorType])
