"""Kinds: a row for each kind of object, with the function that looks into such an object.

The rows stand at the end of the file. An object of no special kind is looked into by `in_object`.
"""

from __future__ import annotations

import functools
import operator
import random
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from types import BuiltinFunctionType, FunctionType, MappingProxyType, MethodType, MethodWrapperType, ModuleType
from typing import Any

import numpy as np

from tinygraph.compiler.guards.asked import Asked
from tinygraph.compiler.guards.comparing import MISSING, is_atom
from tinygraph.compiler.guards.found import Found
from tinygraph.compiler.guards.generators import GENERATORS
from tinygraph.compiler.guards.in_code import in_class, in_function, in_module
from tinygraph.compiler.guards.in_objects import in_array, in_container, in_object
from tinygraph.compiler.guards.locations import Location
from tinygraph.compiler.guards.walk import Walk
from tinygraph.engine.tensor import Tensor

__all__ = ["BOUND", "found_by"]

BOUND = (BuiltinFunctionType, MethodWrapperType)
_CONTAINERS = (dict, list, set, deque, MappingProxyType, tuple, frozenset)
_DICT_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))


def found_by(function: Callable[..., Any], objects: dict[str, Any]) -> tuple[Found, Asked]:
    """Return the objects that a function can find outside, and the attributes that its code asks for.

    A walk may find code that asks for further attributes, which lead to further objects. So the walk is repeated until
    nothing more is asked for.

    Args:
        function: the function.
        objects: other objects that it is given, by their names.
    """
    asked, before = Asked(), -1
    while before != asked.count():
        before = asked.count()
        found = Walk(asked, look_into).go([(function, ""), *[(item, name) for name, item in objects.items()]])
    found.add_everybodys_generators()
    return found, asked


def look_into(walk: Walk, item: Any, name: str) -> None:
    """Look into an object, by the row of its type in `_BY_TYPE`, else by the first row that it fits in `_BY_CLASS`."""
    look = _BY_TYPE.get(type(item))
    if look is None:
        look = next((look for kinds, look in _BY_CLASS if isinstance(item, kinds)), in_object)
    look(walk, item, name)


# --- small kinds ------------------------------------------------------------------------------------------------------


def _in_bound(walk: Walk, item: Any, name: str) -> None:
    """Look into the object of a method that is written in C: `items.append`, `x.sum`."""
    owner = item.__self__
    if not isinstance(owner, ModuleType | type):
        if id(item) in walk.found.at_locations:  # the stand-in's method can be put there
            walk.found.at_locations.add(id(owner))
        walk.look(owner, name.rpartition(".")[0] or name)


def _in_method(walk: Walk, item: Any, name: str) -> None:
    walk.look(item.__func__, name)
    walk.look(item.__self__, name.rpartition(".")[0] or "self")


def _in_tensor(walk: Walk, item: Any, name: str) -> None:
    walk.found.tensors[id(item)] = name


def _in_generator(walk: Walk, item: Any, name: str) -> None:
    if isinstance(item, random.SystemRandom):  # it has no state
        in_object(walk, item, name)
    else:
        walk.found.generators[id(item)] = (name, item)


def _in_partial(walk: Walk, item: Any, name: str) -> None:
    """Look into a `functools.partial`, whose arguments are replaced together."""
    if not all(map(_needs_no_location, item.args)):
        walk.add(Location(f"{name}.args", item, "args", item.args))
    for part in (item.func, item.args, item.keywords):
        walk.look(part, name)


def _needs_no_location(value: Any) -> bool:
    return is_atom(value) or isinstance(value, FunctionType | Tensor | dict | list)


def _in_wrapped(walk: Walk, item: Any, name: str) -> None:
    walk.look(item.__func__, name)


def _in_property(walk: Walk, item: Any, name: str) -> None:
    for accessor in (item.fget, item.fset):
        walk.look(accessor, name)


def _in_container(walk: Walk, item: Any, name: str) -> None:
    in_container(walk, item, name)
    if type(item) not in _CONTAINERS:
        in_object(walk, item, name)


def _in_dict_view(walk: Walk, item: Any, name: str) -> None:
    walk.look(item.mapping, name)


def _in_weak_reference(walk: Walk, item: Any, name: str) -> None:
    walk.look(item(), name)


def _in_proxy(walk: Walk, item: Any, name: str) -> None:
    walk.look(item.__str__.__self__, name)


def _in_context_variable(walk: Walk, item: Any, name: str) -> None:
    walk.add(Location(f"{name}.get()", item, None, item.get(MISSING)))


def _in_attrgetter(walk: Walk, item: Any, name: str) -> None:
    walk.asked.names.update(part for path in item.__reduce__()[1] for part in path.split("."))


def _in_methodcaller(walk: Walk, item: Any, name: str) -> None:
    """Look at the name of the method and at its arguments."""
    made, given = item.__reduce__()
    parts = [*made.args, *given, *made.keywords.values()] if isinstance(made, functools.partial) else [*given]
    for part in parts:
        walk.look(part, name)
        if type(part) is str:
            walk.asked.names.add(part)


def _in_thread_local(walk: Walk, item: Any, name: str) -> None:
    for key, value in vars(item).items():
        walk.add(Location(f"{name}.{key}", item, key, value))


_Look = Callable[[Walk, Any, str], None]

_BY_TYPE: dict[type, _Look] = {
    FunctionType: in_function,
    MethodType: _in_method,
    Tensor: _in_tensor,
    ContextVar: _in_context_variable,
    operator.attrgetter: _in_attrgetter,
    operator.methodcaller: _in_methodcaller,
    threading.local: _in_thread_local,
}
_BY_CLASS: tuple[tuple[Any, _Look], ...] = (
    (BOUND, _in_bound),
    (GENERATORS, _in_generator),
    (np.ndarray, in_array),
    (functools.partial, _in_partial),
    (ModuleType, in_module),
    (type, in_class),
    ((staticmethod, classmethod), _in_wrapped),
    (property, _in_property),
    (_CONTAINERS, _in_container),
    (_DICT_VIEWS, _in_dict_view),
    (weakref.ref, _in_weak_reference),
    (weakref.ProxyTypes, _in_proxy),
)
