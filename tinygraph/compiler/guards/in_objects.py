"""In objects: the locations in containers and arrays, in objects of the user's classes, and in those of libraries."""

from __future__ import annotations

import random
from collections.abc import Mapping
from types import FunctionType, MethodType
from typing import Any

import numpy as np

from tinygraph.compiler.guards.comparing import ATOMS, MISSING, is_atom
from tinygraph.compiler.guards.containers import ITEMS, Container
from tinygraph.compiler.guards.contents import is_value, lends_memory
from tinygraph.compiler.guards.followed import followed, is_foreign, is_ours
from tinygraph.compiler.guards.found import is_plain
from tinygraph.compiler.guards.in_code import in_type
from tinygraph.compiler.guards.locations import Location, namespace_of
from tinygraph.compiler.guards.unreadable import is_iterator
from tinygraph.compiler.guards.walk import Walk

__all__ = ["in_array", "in_container", "in_object"]

# Modules of the standard library whose objects hold those of the user.
_HOLDERS = frozenset(("types", "functools", "dataclasses", "argparse", "collections", "weakref", "_weakrefset"))


# --- containers and arrays --------------------------------------------------------------------------------------------


def in_container(walk: Walk, item: Any, name: str) -> None:
    """Look at the items of a container. An item of a tuple or a set has no location: it is looked into at once."""
    if isinstance(item, tuple | frozenset):
        for index, value in enumerate(item):
            if isinstance(item, tuple) and id(item) in walk.found.at_locations:
                walk.found.at_locations.add(id(value))
            walk.look(value, f"{name}[{index}]")
        return
    before = dict(item) if isinstance(item, Mapping) else set(item) if isinstance(item, set) else list(item)
    walk.found.containers.append(Container(name, item, before, whole=True))
    for key in before if isinstance(before, dict) else ():
        if not is_atom(key):
            walk.look(key, name)
    for key, value in before.items() if isinstance(before, dict) else enumerate(before):
        if isinstance(item, set):
            walk.look(value, name)
        elif len(before) <= ITEMS or not isinstance(value, ATOMS):
            walk.add(Location(f"{name}[{key!r}]", item, key, value))


def in_array(walk: Walk, array: Any, name: str) -> None:
    """Look at an array: a plain one becomes an argument of the program; of any other one the items are compared."""
    if is_plain(array):
        walk.found.arrays[id(array)] = array
        return
    if array.dtype.hasobject:
        walk.found.containers.append(Container(name, array.reshape(-1), list(array.flat), whole=True))
        for index, value in enumerate(array.flat):
            walk.look(value, f"{name}[{index}]")
    else:
        walk.read_or_refuse(array, name)
    if type(array) is not np.ndarray:
        in_object(walk, array, name)


# --- objects of the user's, and of models -----------------------------------------------------------------------------


def in_object(walk: Walk, item: Any, name: str) -> None:
    """Look into an object that is of no special kind."""
    module = type(item).__module__
    if is_ours(module) and getattr(type(item), "is_opaque", False):
        return
    namespace = namespace_of(item)
    if namespace is not None:  # a function in an object that calls it: a cache, a compiled function
        walk.look(namespace.get("__wrapped__"), name)
    if followed(module):
        _in_its_class(walk, item, name)
    elif module not in _HOLDERS:
        _in_foreign(walk, item, name)
        return
    whole = _is_whole(walk, item)
    _in_slots(walk, item, name, whole)
    if namespace is not None:
        _in_attributes(walk, namespace, name, whole)


def _in_its_class(walk: Walk, item: Any, name: str) -> None:
    """Look into the class of an object of the user's or of a model's."""
    kind = type(item)
    if lends_memory(item) and not isinstance(item, np.ndarray):  # a ctypes.Structure of the user's
        walk.read_or_refuse(item, name)
    if not is_ours(kind.__module__):
        walk.found.classes.append((item, kind))
    walk.asked.add_methods(kind)
    in_type(walk, kind, name or kind.__name__)


def _is_whole(walk: Walk, item: Any) -> bool:
    """Return whether all attributes of an object matter, as opposed to those that the code names.

    Only a library's methods name those of a `UserDict`, and of a user's class that inherits from it.
    """
    kind, whole = type(item), walk.asked.whole
    return (
        id(item) in whole
        or (None in whole and not is_ours(kind.__module__))
        or any(base.__module__ in _HOLDERS for base in kind.__mro__)
    )


def _in_slots(walk: Walk, item: Any, name: str, whole: bool) -> None:
    for base in type(item).__mro__:
        slots = vars(base).get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            if (slot in walk.asked.names or whole) and not slot.startswith("__"):
                walk.add(Location(f"{name}.{slot}", item, slot, getattr(item, slot, MISSING)))


def _in_attributes(walk: Walk, namespace: dict[str, Any], name: str, whole: bool) -> None:
    walk.found.containers.append(Container(name, namespace, dict(namespace), whole=False))
    # `self.training = False` hides the class's value, where the object had none of its own.
    walk.found.hiding.append(namespace)
    dot = f"{name}." if name else ""
    for key, value in list(namespace.items()):
        if key in walk.asked.names or whole:
            walk.add(Location(f"{dot}{key}", namespace, key, value))


# --- objects of libraries ---------------------------------------------------------------------------------------------


def _in_foreign(walk: Walk, item: Any, name: str) -> None:
    """Look at an object of a library: it is read whole, or refused where the function uses it."""
    if is_iterator(item):
        walk.refuse(item, name)
        walk.found.iterators.append((name, item))
    elif lends_memory(item):
        walk.read_or_refuse(item, name)
    elif not is_foreign(type(item).__module__) or is_value(item):
        return
    elif isinstance(item, random.SystemRandom):
        walk.refuse(item, name)
    elif isinstance(item, Mapping):
        walk.found.containers.append(Container(name, item, dict(item), whole=True))
    elif not walk.read(item, name):
        _in_plain_attributes(walk, item, name)


def _in_plain_attributes(walk: Walk, item: Any, name: str) -> None:
    """Look at the attributes of a library's object that `pickle` cannot read, or refuse the object."""
    namespace = namespace_of(item)
    if namespace and all(map(_can_be_looked_into, namespace.values())):
        walk.found.containers.append(Container(name, namespace, dict(namespace), whole=True))
        for key, value in namespace.items():
            walk.add(Location(f"{name}.{key}", namespace, key, value))
    else:
        walk.refuse(item, name)


def _can_be_looked_into(value: Any) -> bool:
    if isinstance(value, dict | list | tuple | set | frozenset):
        items = value.values() if isinstance(value, dict) else value
        return len(value) <= ITEMS and all(map(_can_be_looked_into, items))
    return is_atom(value) or isinstance(value, FunctionType | MethodType) or is_value(value)
