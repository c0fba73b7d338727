"""In code: the locations that functions, modules and classes name, their globals, closures and attributes."""

from __future__ import annotations

import functools
import sys
import weakref
from collections.abc import Iterable, Set
from importlib.util import resolve_name
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygraph.compiler.guards.asked import functions_of
from tinygraph.compiler.guards.comparing import ATOMS, MISSING, is_atom
from tinygraph.compiler.guards.containers import Container
from tinygraph.compiler.guards.followed import followed, is_foreign, is_ours
from tinygraph.compiler.guards.locations import Location, contents_of
from tinygraph.compiler.guards.walk import Walk
from tinygraph.compiler.trace.python_functions import NUMBER_FUNCTIONS
from tinygraph.compiler.trace.questions import ANSWERS
from tinygraph.engine.tensor import Tensor
from tinygraph.users_code.names_in_code import Names, names_in

__all__ = ["in_class", "in_function", "in_module", "in_type"]

# Numbers of libraries that nobody changes.
_CONSTANTS = frozenset(
    ("pi", "e", "inf", "nan", "tau", "euler_gamma", "newaxis", "version_info", "maxsize", "platform")
)
_WEAK = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
# The code at the names of tinygraph's own modules, which nobody writes anew.
_CODE = (FunctionType, MethodType, BuiltinFunctionType, type, functools._lru_cache_wrapper)


# --- functions --------------------------------------------------------------------------------------------------------


def in_function(walk: Walk, function: Any, name: str) -> None:
    """Look at the closure, the globals, the imports and the defaults of a function of the user's, or of a model's."""
    walk.look(getattr(function, "__wrapped__", None), name)
    users = followed(function.__module__)
    if not users and not _is_transform(function):
        return
    found = names_in(function.__code__)
    walk.asked.add_function(function)
    _in_closure(walk, function)
    if users:
        _in_namespace(walk, function.__globals__, "", found.variables)
    if users and not is_ours(function.__module__):
        _in_users_function(walk, function, name, found)
    if function.__defaults__ and not is_ours(function.__module__) and not all(map(is_atom, function.__defaults__)):
        walk.add(Location(f"{name}.__defaults__", function, "__defaults__", function.__defaults__))
    if function.__kwdefaults__ and not is_ours(function.__module__):
        walk.look(function.__kwdefaults__, f"{name}.__kwdefaults__")


def _is_transform(function: Any) -> bool:
    """Return whether `tg.grad`, or a function of that kind, made a function: its closure is the user's."""
    rooms = ("tinygraph.transforms", "tinygraph.engine.record")
    return (function.__module__ or "").startswith(rooms) and function.__closure__ is not None


def _in_closure(walk: Walk, function: Any) -> None:
    is_library = not followed(function.__globals__.get("__name__"))
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        is_cache = is_library and isinstance(contents_of(cell), _WEAK)
        if variable == "__class__" or is_cache:
            continue
        if is_ours(function.__module__) and _is_our_function(contents_of(cell)):
            walk.look_later(contents_of(cell), variable)
        else:
            walk.add(Location(variable, cell, None, contents_of(cell)))


def _is_our_function(value: Any) -> bool:
    return isinstance(value, FunctionType) and is_ours(value.__module__)


def _in_users_function(walk: Walk, function: Any, name: str, found: Names) -> None:
    """Look at the attributes of a function of the user's, its imports, and the settings it reads in libraries."""
    namespace, attributes = function.__globals__, vars(function)
    for asked in found.variables & (ANSWERS.keys() | NUMBER_FUNCTIONS.keys()) - namespace.keys():
        walk.found.asking[id(namespace), asked] = (namespace, asked)
    walk.found.functions.append(function)
    walk.found.containers.append(Container(name, attributes, dict(attributes), whole=False))
    data = {key for key, value in attributes.items() if key in walk.asked.names or not callable(value)}
    _in_namespace(walk, attributes, name, data)
    for level, module in found.imports:
        _imported(walk, "." * level + module, namespace.get("__package__"))
    _of_libraries(walk, found.attributes, namespace)


def _in_namespace(walk: Walk, namespace: dict[str, Any], prefix: str, names: Set[str]) -> None:
    dot = f"{prefix}." if prefix else ""
    ours = is_ours(namespace.get("__name__"))
    found = sorted(names & namespace.keys(), key=lambda key: (_rank(namespace[key]), key))
    for key in found:
        if key.startswith("__"):
            continue
        value = namespace[key]
        # Compared at each call, the constants of tinygraph's modules would take 45 µs for an MLP.
        if ours and (key.isupper() or isinstance(value, _CODE)):
            _in_constant(walk, value, f"{dot}{key}")
        elif ours and is_ours(type(value).__module__) and type(value) is not Tensor:
            walk.look_later(value, f"{dot}{key}")  # the state of a module, which stays where it is and changes within
        else:
            walk.add(Location(f"{dot}{key}", namespace, key, value))


def _rank(value: Any) -> int:
    """Return the place of an object among those of a namespace: the walk looks at the last one first.

    A Tensor has the name under which it is found first. So Tensors come first, then functions, whose globals are names
    that the user gave; `optimizer.parameters[0]` is none.
    """
    return 2 if isinstance(value, Tensor) else int(isinstance(value, FunctionType))


def _in_constant(walk: Walk, value: Any, name: str) -> None:
    """Look into the code at a name of tinygraph's own. A table there is the same in all programs."""
    if isinstance(value, FunctionType | type):
        walk.look_later(value, name)
    elif isinstance(value, MethodType | functools._lru_cache_wrapper):
        walk.look_later(value.__func__ if isinstance(value, MethodType) else value.__wrapped__, name)


def _imported(walk: Walk, module: str, package: str | None) -> None:
    """Look at the module that an `import` inside a function finds.

    A module that the function is the first to import is looked into when the function is compiled again.
    """
    try:
        module = resolve_name(module, package)
    except (ImportError, ValueError):
        return
    if followed(module):
        walk.add(Location(module, sys.modules, module, sys.modules.get(module, MISSING)))


def _of_libraries(walk: Walk, attributes: Iterable[tuple[str | None, str]], namespace: dict[str, Any]) -> None:
    """Look at the settings that a function reads in libraries, such as `os.environ` and `sys.argv`."""
    for holder, attribute in attributes:
        module = namespace.get(holder) if holder else None
        if isinstance(module, ModuleType) and is_foreign(module.__name__) and attribute not in _CONSTANTS:
            value = vars(module).get(attribute, MISSING)
            if not (value is MISSING or callable(value) or isinstance(value, ModuleType)):
                walk.add(Location(f"{holder}.{attribute}", vars(module), attribute, value, shared=True))


# --- modules and classes ----------------------------------------------------------------------------------------------


def in_module(walk: Walk, module: ModuleType, name: str) -> None:
    """Look at the names of a module of the user's, or of a model's, that the code asks for."""
    if followed(module.__name__):
        names = vars(module).keys() if id(module) in walk.asked.whole else walk.asked.names
        _in_namespace(walk, vars(module), name, names)


def in_class(walk: Walk, kind: type, name: str) -> None:
    """Look into a class that the function finds, and may make objects of."""
    if followed(kind.__module__):
        walk.asked.add_methods(kind, making=True)
        in_type(walk, kind, name, making=True)


def in_type(walk: Walk, kind: type, name: str, making: bool = False) -> None:
    """Look at the methods and settings of a class that the code asks for.

    Args:
        walk: the walk.
        kind: the class.
        name: of the class, or of an object of it.
        making: whether an object of the class may be made.
    """
    if not is_ours(kind.__module__) and walk.is_new(kind, "__mro__"):
        walk.found.bases.append((kind, kind.__mro__))
    meta = type(kind)
    if followed(meta.__module__) and not is_ours(meta.__module__):  # ours only makes objects
        walk.look(meta, f"type({name})")
    for base in kind.__mro__:
        if followed(base.__module__):
            _in_base(walk, base, name, making, whole=id(kind) in walk.asked.whole)


def _in_base(walk: Walk, base: type, name: str, making: bool, whole: bool) -> None:
    """Look at what a class itself defines, as opposed to the classes that it inherits from."""
    users = not is_ours(base.__module__)
    if users and walk.is_new(base, ""):
        walk.found.hiding.append(vars(base))
    for key, value in list(vars(base).items()):
        is_special = key.startswith("__")
        if not (walk.asked.may_be_called(key, making) or (whole and not is_special)):
            continue
        functions = functions_of(value)
        if functions and not users:
            for function in functions:
                walk.look(function, f"{name}.{key}")
            continue
        is_setting = not is_special and (users or isinstance(value, (*ATOMS, np.ndarray)))
        if (functions or is_setting) and walk.is_new(base, key):
            walk.add(Location(f"{name}.{key}", base, key, value))
