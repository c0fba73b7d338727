"""Asked: the attributes that code asks for by name. Only these are looked into.

A model has many attributes, and a step reads a few of them. `self.rate` in a method names `rate`, `f"{model}"` asks for
`__str__`, and `getattr(model, name)` with a computed name asks for every attribute of the model.
"""

from __future__ import annotations

import builtins
import inspect
from types import FunctionType, GetSetDescriptorType, MemberDescriptorType, ModuleType
from typing import Any

import numpy as np

from tinygraph.compiler.guards.comparing import MISSING
from tinygraph.compiler.guards.followed import followed, is_ours
from tinygraph.compiler.guards.locations import contents_of, namespace_of
from tinygraph.users_code.names_in_code import Names, names_in

__all__ = ["Asked", "functions_of"]

# Any method with two underscores may be called without being named, but for those that make, copy or print an object.
_MAKING = frozenset(("__init__", "__new__", "__post_init__", "__set_name__", "__init_subclass__"))
_NEVER_UNNAMED = _MAKING | frozenset((
    "__del__", "__repr__", "__str__", "__format__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__",
    "__copy__", "__deepcopy__", "__dir__", "__sizeof__", "__replace__",
))  # fmt: skip

_TEXTS = ("__str__", "__repr__", "__format__")
_COPIES = ("__copy__", "__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__")
# By the name of a function the methods of an object that it calls.
_CALLED_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("str", "repr", "ascii", "format"), _TEXTS),
    **dict.fromkeys(("copy", "deepcopy", "dumps"), _COPIES),
    "replace": ("__replace__",),
    "dir": ("__dir__",),
    "getsizeof": ("__sizeof__",),
}


class Asked:
    """The attributes that some code asks for.

    Attributes:
        names: the attributes that are named.
        whole: the ids of the objects that are asked for attributes whose names are computed. None among them stands
            for any object.
        identity: whether the code asks which array is which, `x is y`.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.whole: set[int | None] = set()
        self.identity = False
        self._functions: dict[int, Any] = {}  # those that were read; each stays alive here, so that no other has its id
        self._methods_at: dict[tuple[int, bool], int] = {}  # by a class how many names were known when it was read last

    def count(self) -> int:
        """Return how much is asked for. It only grows."""
        return len(self.names) + len(self.whole)

    def add_function(self, function: Any) -> None:
        """Take note of the attributes that a function asks for."""
        if id(function) in self._functions:
            return
        self._functions[id(function)] = function
        found, namespace = names_in(function.__code__), function.__globals__
        for holder, attribute in found.attributes:
            module = namespace.get(holder) if holder else None
            # In `np.log` the attribute is NumPy's, and none of the user's.
            if not isinstance(module, ModuleType) or followed(module.__name__):
                self.names.add(attribute)
        if not is_ours(function.__module__):
            self._add_unnamed(found)
            self._add_computed(found, namespace, _closure_of(function))

    def _add_unnamed(self, found: Names) -> None:
        """Take note of the methods that `str(x)`, `copy(x)` or `f"{x}"` call without naming them."""
        for called in _CALLED_BY.keys() & {*found.variables, *[attribute for _, attribute in found.attributes]}:
            self.names.update(_CALLED_BY[called])
        self.names.update(_TEXTS if found.texts else ())

    def _add_computed(self, found: Names, namespace: dict[str, Any], closure: dict[str, Any]) -> None:
        """Take note of the objects that are asked for attributes of any name, and of `x is y`."""
        for name in found.asked_whole:
            asked = namespace.get(name, MISSING) if name else MISSING
            asked = contents_of(closure[name]) if name in closure else asked
            self.whole.add(None if asked is MISSING else id(asked))
        self.identity = self.identity or any(
            _may_be_array(name, attribute, namespace, closure) for name, attribute in found.compared
        )

    def add_methods(self, kind: type, making: bool = False) -> None:
        """Take note of the attributes that the methods of a class ask for, as far as the methods may be called.

        Args:
            kind: the class.
            making: whether an object of the class may be made.
        """
        if self._methods_at.get((id(kind), making)) == len(self.names):
            return
        bases = [base for base in kind.__mro__ if followed(base.__module__)]
        for key, value in [item for base in bases for item in vars(base).items()]:
            for function in functions_of(value) if self.may_be_called(key, making) else ():
                self.add_function(function)
        self._methods_at[id(kind), making] = len(self.names)

    def may_be_called(self, key: str, making: bool) -> bool:
        """Return whether the code may call a method."""
        if key.startswith("__") and key.endswith("__"):
            return key not in _NEVER_UNNAMED or key in self.names or (making and key in _MAKING)
        return key in self.names


# Types of what a class holds besides its methods: most of it.
_NO_CODE = frozenset((str, int, float, bool, tuple, dict, list, type(None), MemberDescriptorType, GetSetDescriptorType))


def functions_of(value: Any) -> list[Any]:
    """Return the functions behind an attribute of a class: a method, a property, a function that another wraps."""
    kind = type(value)
    if kind in _NO_CODE:
        return []
    if kind is FunctionType:
        return [inspect.unwrap(value) if hasattr(value, "__wrapped__") else value]
    parts: list[Any] = []
    if isinstance(value, staticmethod | classmethod):
        parts = [value.__func__]
    elif isinstance(value, property):
        parts = [value.fget, value.fset]
    else:
        namespace = namespace_of(value) or {}
        parts = [namespace.get("func"), namespace.get("__wrapped__")]
    return [inspect.unwrap(part) for part in parts if type(part) is FunctionType]


def _closure_of(function: Any) -> dict[str, Any]:
    return dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))


def _may_be_array(
    name: str | None, attribute: str | None, namespace: dict[str, Any], closure: dict[str, Any]
) -> bool:  # fmt: skip
    """Return whether `name`, or `name.attribute`, may be an array: `tuple` and `np.add` are none."""
    if name is None:
        return True
    value = namespace.get(name, vars(builtins).get(name, MISSING))
    if name in closure:
        value = contents_of(closure[name])
    if attribute is not None:
        value = getattr(value, attribute, MISSING) if isinstance(value, ModuleType | type) else MISSING
    return value is MISSING or isinstance(value, np.ndarray)
