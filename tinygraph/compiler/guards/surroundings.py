"""Surroundings: what a function finds outside its arguments, in globals, closures and attributes.

A program made from one run holds what the function found there that is not an array: settings, numbers, other
functions. So it must be known when one of them is another object than it was (the function is then compiled anew), and
when the function itself changed one, which the program would not repeat. Plain arrays among them become arguments.

Objects of other libraries are read whole, see `guards.contents`; what cannot be read is refused where the
function uses it. Of random generators, NumPy's and Python's own among them, the state is compared before and after.

What can be found is read from the code: from its global names, its closure, and the attributes that it names. Code of
NumPy, of the standard library and of tinygraph's engine is not followed; that of models and optimisers is.
"""

from __future__ import annotations

import builtins
import functools
import inspect
import operator
import pickle
import random
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.util import resolve_name
from types import (
    BuiltinFunctionType,
    FunctionType,
    MappingProxyType,
    MethodType,
    MethodWrapperType,
    ModuleType,
)
from typing import Any

import numpy as np

from tinygraph.compiler.guards.contents import (
    GENERATORS,
    Content,
    Unreadable,
    generators_in,
    is_iterator,
    is_value,
    lends_memory,
    reader_of,
)
from tinygraph.compiler.guards.guards import (
    ATOMS,
    ITEMS,
    MISSING,
    Container,
    Guards,
    Place,
    contents_of,
    followed,
    is_atom,
    is_ours,
    short,
)  # fmt: skip
from tinygraph.compiler.trace.questions import ANSWERS
from tinygraph.compiler.trace.refused import refused
from tinygraph.engine.tensor import Tensor
from tinygraph.users_code.names_in_code import names_in

__all__ = ["Surroundings"]

# More places than these are not looked into: a table of data, not settings.
PLACES = 100_000

# Objects of the standard library that hold what somebody put into them.
_HOLDERS = frozenset(("types", "functools", "dataclasses", "argparse", "collections", "weakref", "_weakrefset"))
# The generators that `np.random.rand` and `random.random` draw from, and every other one.
_EVERYBODYS = ((np.random.mtrand._rand, "np.random"), (random._inst, "random"))
_BOUND = (BuiltinFunctionType, MethodWrapperType)
# Numbers of libraries that nobody changes.
_CONSTANTS = frozenset(
    ("pi", "e", "inf", "nan", "tau", "euler_gamma", "newaxis", "version_info", "maxsize", "platform")
)
_WEAK = (weakref.WeakKeyDictionary, weakref.WeakValueDictionary)
_DICT_VIEWS: Any = (type({}.keys()), type({}.values()), type({}.items()))
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


class Surroundings:
    """The places that a function, and what it calls, can find values at.

    Args:
        function: the function.
        objects: other objects that it is given, with their names.
    """

    def __init__(self, function: Callable[..., Any], objects: dict[str, Any]) -> None:
        self.names: set[str] = set()
        # Whether the code asks which array is which, `x is y`.
        self.asks_identity = False
        # The ids of what is asked for attributes whose names are computed; None among them stands for any object.
        self._asked_whole: set[int | None] = set()
        known = (-1, -1)
        while known != (len(self.names), len(self._asked_whole)):  # each walk may find code that names further ones
            known = (len(self.names), len(self._asked_whole))
            self.places: list[Place] = []
            self.containers: list[Container] = []
            self.tensors: dict[int, str] = {}
            self.generators: dict[int, tuple[str, Any]] = {}
            # By id what cannot be read, with the stand-in that refuses to be used.
            self.unreadable: dict[int, tuple[Any, Unreadable]] = {}
            # Iterators that no stand-in can be put in the place of.
            self.iterators: list[tuple[str, Any]] = []
            self._contents: list[Content] = []
            self._asking: dict[tuple[int, str], tuple[dict[str, Any], Any]] = {}
            self._arrays: dict[int, Any] = {}
            self._placed: set[int] = set()
            self._mapped: dict[int, Any] = {}  # plain views of mapped files
            self._functions: list[Any] = []
            self._sized: list[Any] = []
            # Objects of the user's, each with its class, and classes, each with those that it goes back to.
            self._kinds: list[tuple[Any, str, Any]] = []
            self._seen: dict[int, Any] = {}
            self._in_types: set[tuple[int, str]] = set()
            waiting: list[tuple[Any, str]] = [(function, ""), *[(item, name) for name, item in objects.items()]]
            while waiting and len(self.places) < PLACES:
                item, name = waiting.pop()
                for place in self._look(item, name):
                    self.places.append(place)
                    self._placed.add(id(place.value))
                    waiting.append((place.value, place.name))
        self.iterators = [(name, item) for name, item in self.iterators if id(item) not in self._placed]
        for generator, name in _EVERYBODYS:
            self.generators.setdefault(id(generator), (name, generator))
        arrays = list(self._arrays.values())
        guards = Guards(self.places, self.containers, self._functions, self._sized, arrays, self._contents, self._kinds)
        # Whether everything is what it was when the function was compiled, and what is not, for a message.
        self.hold, self.changed = guards.hold, guards.changed
        # Tensors whose `requires_grad` the code may ask for; a program that reads one asks itself.
        self.asked_tensors = [self._seen[key] for key in self.tensors] if "requires_grad" in self.names else []
        self._states: dict[int, Any] = {}
        self._diverted: dict[int, Any] = {}

    # --- the walk ---------------------------------------------------------------------------------------------------

    def _look(self, item: Any, name: str) -> Iterator[Place]:
        """The places inside a thing that has not been looked into."""
        if is_atom(item) or id(item) in self._seen:
            return
        self._seen[id(item)] = item
        kind = type(item)
        if kind is FunctionType:
            yield from self._in_function(item, name)
        elif isinstance(item, _BOUND):
            if not isinstance(item.__self__, ModuleType | type):
                if id(item) in self._placed:  # the method gets a stand-in
                    self._placed.add(id(item.__self__))
                yield from self._look(item.__self__, name.rpartition(".")[0] or name)
        elif kind is MethodType:
            yield from self._look(item.__func__, name)
            yield from self._look(item.__self__, name.rpartition(".")[0] or "self")
        elif kind is Tensor:
            self.tensors[id(item)] = name
        elif isinstance(item, GENERATORS) and not isinstance(item, random.SystemRandom):
            self.generators[id(item)] = (name, item)
        elif isinstance(item, np.ndarray):
            yield from self._in_array(item, name)
        elif isinstance(item, functools.partial):
            if not all(map(_needs_no_place, item.args)):
                yield Place(f"{name}.args", item, "args", item.args)
            for part in (item.func, item.args, item.keywords):
                yield from self._look(part, name)
        elif isinstance(item, ModuleType):
            if followed(item.__name__):
                names = vars(item).keys() if id(item) in self._asked_whole else self.names
                yield from self._in_namespace(vars(item), name, names)
        elif isinstance(item, type):
            if followed(item.__module__):
                self._methods(item, making=True)
                yield from self._in_type(item, name, making=True)
        elif isinstance(item, staticmethod | classmethod):
            yield from self._look(item.__func__, name)
        elif isinstance(item, property):
            for accessor in (item.fget, item.fset):
                yield from self._look(accessor, name)
        elif isinstance(item, dict | list | set | deque | MappingProxyType | tuple | frozenset):
            yield from self._in_container(item, name)
            if kind not in (dict, list, set, deque, MappingProxyType, tuple, frozenset):
                yield from self._in_object(item, name)
        elif isinstance(item, _DICT_VIEWS):
            yield from self._look(item.mapping, name)
        elif isinstance(item, weakref.ref):
            yield from self._look(item(), name)
        elif isinstance(item, weakref.ProxyTypes):
            yield from self._look(item.__str__.__self__, name)
        elif kind is ContextVar:
            yield Place(f"{name}.get()", item, None, item.get(MISSING))
        elif kind is operator.attrgetter:
            self.names.update(part for path in item.__reduce__()[1] for part in path.split("."))
        elif kind is operator.methodcaller:
            for part in _parts_of_methodcaller(item):
                yield from self._look(part, name)
                if type(part) is str:
                    self.names.add(part)
        elif kind is threading.local:
            for key, value in vars(item).items():
                yield Place(f"{name}.{key}", item, key, value)
        else:
            yield from self._in_object(item, name)

    def _in_array(self, item: Any, name: str) -> Iterator[Place]:
        """The places in an array that is no argument of a program: one of objects or of texts, one of a subclass."""
        if _is_plain(item):
            self._arrays[id(item)] = item
            return
        if item.dtype.hasobject:
            self.containers.append(Container(name, item.reshape(-1), list(item.flat), whole=True))
            for index, value in enumerate(item.flat):
                yield from self._look(value, f"{name}[{index}]")
        else:
            self._read(item, name)
        if type(item) is not np.ndarray:
            yield from self._in_object(item, name)

    def _in_container(self, item: Any, name: str) -> Iterator[Place]:
        if isinstance(item, tuple | frozenset):
            for index, value in enumerate(item):
                if isinstance(item, tuple) and id(item) in self._placed:
                    self._placed.add(id(value))
                yield from self._look(value, f"{name}[{index}]")
            return
        before = dict(item) if isinstance(item, Mapping) else set(item) if isinstance(item, set) else list(item)
        self.containers.append(Container(name, item, before, whole=True))
        for key in before if isinstance(before, dict) else ():
            if not is_atom(key):
                yield from self._look(key, name)
        for key, value in before.items() if isinstance(before, dict) else enumerate(before):
            if isinstance(item, set):
                yield from self._look(value, name)
            elif len(before) <= ITEMS or not isinstance(value, ATOMS):
                yield Place(f"{name}[{key!r}]", item, key, value)

    def _in_function(self, function: Any, name: str) -> Iterator[Place]:
        yield from self._look(getattr(function, "__wrapped__", None), name)
        users = followed(function.__module__)
        if not users and not _is_transform(function):
            return
        code, namespace = function.__code__, function.__globals__
        found = names_in(code)
        self._name(function)
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            is_cache = isinstance(contents_of(cell), _WEAK) and not followed(namespace.get("__name__"))
            if variable != "__class__" and not is_cache:
                yield Place(variable, cell, None, contents_of(cell))
        if users:
            yield from self._in_namespace(namespace, "", found.variables)
        if users and not is_ours(function.__module__):
            for asked in found.variables & ANSWERS.keys() - namespace.keys():
                self._asking[id(namespace), asked] = (namespace, asked)
            self._functions.append(function)
            self.containers.append(Container(name, vars(function), dict(vars(function)), whole=False))
            data = {key for key, value in vars(function).items() if key in self.names or not callable(value)}
            yield from self._in_namespace(vars(function), name, data)
            for level, module in found.imports:
                yield from self._imported("." * level + module, namespace.get("__package__"))
            yield from self._of_libraries(found.attributes, namespace)
        if function.__defaults__ and not all(map(is_atom, function.__defaults__)):
            yield Place(f"{name}.__defaults__", function, "__defaults__", function.__defaults__)
        if function.__kwdefaults__:
            yield from self._look(function.__kwdefaults__, f"{name}.__kwdefaults__")

    def _of_libraries(self, attributes: Any, namespace: dict[str, Any]) -> Iterator[Place]:
        """The settings that a function asks libraries for: `os.environ`, `sys.argv`, what somebody put there."""
        for holder, attribute in attributes:
            module = namespace.get(holder) if holder else None
            if isinstance(module, ModuleType) and _is_foreign(module.__name__) and attribute not in _CONSTANTS:
                value = vars(module).get(attribute, MISSING)
                if not (value is MISSING or callable(value) or isinstance(value, ModuleType)):
                    yield Place(f"{holder}.{attribute}", vars(module), attribute, value, shared=True)

    def _name(self, function: Any) -> None:
        """Take note of the attributes that a function names, and of what it asks for others."""
        found, namespace = names_in(function.__code__), function.__globals__
        for holder, attribute in found.attributes:
            module = namespace.get(holder) if holder else None
            # What code asks of NumPy, `np.log`, is no attribute of the user's.
            if not isinstance(module, ModuleType) or followed(module.__name__):
                self.names.add(attribute)
        if not is_ours(function.__module__):
            for called in _CALLED_BY.keys() & {*found.variables, *[attribute for _, attribute in found.attributes]}:
                self.names.update(_CALLED_BY[called])
            self.names.update(_TEXTS if found.texts else ())
            closure = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
            for name in found.asked_whole:
                asked = namespace.get(name, MISSING) if name else MISSING
                asked = contents_of(closure[name]) if name in closure else asked
                self._asked_whole.add(None if asked is MISSING else id(asked))
            self.asks_identity = self.asks_identity or any(
                _may_be_array(name, attribute, namespace, closure) for name, attribute in found.compared
            )

    def _imported(self, module: str, package: str | None) -> Iterator[Place]:
        """Return the module or name that an `import` inside a function finds."""
        try:
            module = resolve_name(module, package)
        except (ImportError, ValueError):
            return
        if followed(module):
            # One that the function is the first to import is looked into when the function is compiled again.
            yield Place(module, sys.modules, module, sys.modules.get(module, MISSING))

    def _in_namespace(self, namespace: dict[str, Any], prefix: str, names: Set[str]) -> Iterator[Place]:
        dot = f"{prefix}." if prefix else ""
        for key in names & namespace.keys():
            if not key.startswith("__"):
                yield Place(f"{dot}{key}", namespace, key, namespace[key])

    def _methods(self, kind: type, making: bool = False) -> None:
        """Take note of the attributes that the methods of a class name."""
        for base in kind.__mro__:
            if followed(base.__module__):
                for key, value in vars(base).items():
                    if self._may_be_called(key, making):
                        for function in _functions_of(value):
                            self._name(function)

    def _may_be_called(self, key: str, making: bool) -> bool:
        if key.startswith("__") and key.endswith("__"):
            return key not in _NEVER_UNNAMED or key in self.names or (making and key in _MAKING)
        return key in self.names

    def _in_type(self, kind: type, name: str, making: bool = False) -> Iterator[Place]:
        """The functions and settings of a class that are named, with the globals of its methods."""
        if not is_ours(kind.__module__) and (id(kind), "__mro__") not in self._in_types:
            self._in_types.add((id(kind), "__mro__"))
            self._kinds.append((kind, "__mro__", kind.__mro__))
        meta = type(kind)
        if followed(meta.__module__):
            yield from self._look(meta, f"type({name})")
        for base in kind.__mro__:
            if not followed(base.__module__):
                continue
            users = not is_ours(base.__module__)
            if users and (id(base), "") not in self._in_types:
                self._in_types.add((id(base), ""))
                self._sized.append(vars(base))
            for key, value in list(vars(base).items()):
                whole = id(kind) in self._asked_whole and not key.startswith("__")
                if not (whole or self._may_be_called(key, making)) or (id(base), key) in self._in_types:
                    continue
                functions = _functions_of(value)
                if functions and not users:
                    for function in functions:
                        yield from self._look(function, f"{name}.{key}")
                elif functions or (not key.startswith("__") and (users or isinstance(value, (*ATOMS, np.ndarray)))):
                    self._in_types.add((id(base), key))
                    yield Place(f"{name}.{key}", base, key, value)

    def _in_object(self, item: Any, name: str) -> Iterator[Place]:
        kind = type(item)
        users = followed(kind.__module__)
        namespace = _namespace_of(item)
        if namespace is not None:  # a function in something that calls it: a cache, a compiled function
            yield from self._look(namespace.get("__wrapped__"), name)
        if not users and kind.__module__ not in _HOLDERS:
            yield from self._in_foreign(item, name)
            return
        if users and lends_memory(item) and not isinstance(item, np.ndarray):  # a ctypes.Structure of the user's
            self._read(item, name)
        if users:
            if not is_ours(kind.__module__):
                self._kinds.append((item, "__class__", kind))
            self._methods(kind)
            yield from self._in_type(kind, name or kind.__name__)
        whole = not users or id(item) in self._asked_whole or _holds_for_a_library(kind) or (
            None in self._asked_whole and not is_ours(kind.__module__)
        )  # fmt: skip
        for base in kind.__mro__:
            slots = vars(base).get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if (slot in self.names or whole) and not slot.startswith("__"):
                    yield Place(f"{name}.{slot}", item, slot, getattr(item, slot, MISSING))
        if namespace is not None:
            self.containers.append(Container(name, namespace, dict(namespace), whole=False))
            # `self.training = False` hides what the class says, where the object said nothing itself.
            self._sized.append(namespace)
            dot = f"{name}." if name else ""
            for key, value in list(namespace.items()):
                if key in self.names or whole:
                    yield Place(f"{dot}{key}", namespace, key, value)

    # --- what other libraries made ----------------------------------------------------------------------------------

    def _in_foreign(self, item: Any, name: str) -> Iterator[Place]:
        """The places in an object of a library, which is read whole, or refused where it is used."""
        if is_iterator(item):
            self._refuse(item, name)
            self.iterators.append((name, item))
        elif lends_memory(item):
            self._read(item, name)
        elif not _is_foreign(type(item).__module__) or is_value(item):
            return
        elif isinstance(item, random.SystemRandom):
            self._refuse(item, name)
        elif isinstance(item, Mapping):
            self.containers.append(Container(name, item, dict(item), whole=True))
        elif not self._read(item, name, or_refuse=False):
            namespace = _namespace_of(item)
            if namespace and all(map(_can_be_looked_into, namespace.values())):
                self.containers.append(Container(name, namespace, dict(namespace), whole=True))
                for key, value in namespace.items():
                    yield Place(f"{name}.{key}", namespace, key, value)
            else:
                self._refuse(item, name)

    def _read(self, item: Any, name: str, or_refuse: bool = True) -> bool:
        """Read what is in an object, to be compared at each call. Returns whether that can be done."""
        read = reader_of(item)
        if read is not None:
            self._contents.append(Content(name, item, read))
            for generator in [] if lends_memory(item) else generators_in(item):
                self.generators.setdefault(id(generator), (name, generator))
        elif or_refuse:
            self._refuse(item, name)
        return read is not None

    def _refuse(self, item: Any, name: str) -> None:
        kind, iterates = type(item), is_iterator(item)

        def refusal() -> Exception:
            return refused_iterator(name, item) if iterates else refused(
                f"{name or 'an object'} is used, a {kind.__name__}: what is in it cannot be compared from call to call",
                "Use it outside; pass what the function needs of it as an argument, an array or a number",
            )  # fmt: skip

        self.unreadable[id(item)] = (item, Unreadable(kind, refusal))

    def identities(self, leaves: list[Any]) -> list[Any]:
        """Return which leaves are the same array, or an array from outside, if the code asks for identity."""
        first: dict[int, int] = {}
        return [
            (first.setdefault(id(leaf), place), id(leaf) if id(leaf) in self._arrays else None)
            for place, leaf in enumerate(leaves)
            if type(leaf) is np.ndarray
        ]

    def finds(self, item: Any) -> bool:
        """Return whether the function finds a plain array outside."""
        return id(item) in self._arrays

    # --- while the function is traced -------------------------------------------------------------------------------

    def check_iterators(self) -> None:
        """Refuse iterators that the function would ask for more, and that no stand-in can be put in the place of."""
        for name, item in self.iterators:
            raise refused_iterator(name, item)

    def divert(self, stand_in: Callable[[Any, str], Any]) -> None:
        """Put stand-ins in the places of plain arrays, also inside tuples, and of what cannot be read.

        Args:
            stand_in: of an array, under a name; the same one each time that it is asked for.
        """
        self._states = {key: state_of(generator) for key, (_, generator) in self.generators.items()}
        self._diverted.clear()
        for namespace, name in self._asking.values():
            namespace[name] = ANSWERS[name]
        for place in self.places:
            if place.shared or place.value is MISSING:
                continue
            instead = self._replaced(place.value, place.name, stand_in)
            if instead is not place.value:
                self._diverted[id(place)] = instead
                place.put(instead)

    def _replaced(self, value: Any, name: str, stand_in: Callable[[Any, str], Any]) -> Any:
        if _is_plain(value):
            array = value if type(value) is np.ndarray else self._mapped.setdefault(id(value), value.view(np.ndarray))
            return stand_in(array, name)
        if id(value) in self.unreadable:
            return self.unreadable[id(value)][1]
        kind = type(value)
        if kind is tuple:
            items = [self._replaced(item, name, stand_in) for item in value]
            return tuple(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
        if kind in _BOUND or kind is MethodType:
            if _is_plain(value.__self__):
                return getattr(stand_in(value.__self__, name), value.__name__)
            if id(value.__self__) in self.unreadable:
                return self.unreadable[id(value.__self__)][1]
        return value

    @contextmanager
    def as_it_is(self) -> Iterator[None]:
        """Put everything back while the block runs, for code that is run as it is and not recorded."""
        put = [(place, self._diverted[id(place)]) for place in self.places if id(place) in self._diverted]
        put = [(place, instead) for place, instead in put if place.now() is instead]
        for place, _ in put:
            place.put(place.value)
        for namespace, name in self._asking.values():
            namespace.pop(name, None)
        try:
            yield
        finally:
            for place, instead in put:
                place.put(instead)
            for namespace, name in self._asking.values():
                namespace[name] = ANSWERS[name]

    def restore(self) -> str | None:
        """Put everything back, and say what the function changed, or None.

        A list that it added to, an attribute that it set: each is as it was afterwards.
        """
        found: str | None = None
        for namespace, name in self._asking.values():
            namespace.pop(name, None)
        for container in self.containers:
            found = container.restore() or found
        for content in self._contents:
            found = content.restore() or found
        for place in self.places:
            now = place.now()
            if now is place.value or (place.holder is sys.modules and isinstance(now, ModuleType)):
                continue  # an import is no change
            if now is not self._diverted.get(id(place), MISSING) and not _stands_for(now, place.value):
                found = found or (
                    f"put another Tensor in the place of {place.name}, instead of updating it with assign()"
                    if type(now) is type(place.value) is Tensor
                    else f"changed {place.name} from {short(place.value)} to {short(now)}"
                )
            place.put(place.value)
        for key, (name, generator) in self.generators.items():
            if not _same_state(state_of(generator), self._states[key]):
                found = found or f"drew from {name or 'a generator'}"
                set_state(generator, self._states[key])
        return found


def _may_be_array(
    name: str | None, attribute: str | None, namespace: dict[str, Any], closure: dict[str, Any]
) -> bool:  # fmt: skip
    """Return whether a name, or an attribute of what has it, may be an array: `tuple` and `np.add` are none."""
    if name is None:
        return True
    value = namespace.get(name, vars(builtins).get(name, MISSING))
    if name in closure:
        value = contents_of(closure[name])
    if attribute is not None:
        value = getattr(value, attribute, MISSING) if isinstance(value, ModuleType | type) else MISSING
    return value is MISSING or isinstance(value, np.ndarray)


def _parts_of_methodcaller(item: Any) -> list[Any]:
    """The name of a method, and what it is called with."""
    made, given = item.__reduce__()
    if isinstance(made, functools.partial):
        return [*made.args, *given, *made.keywords.values()]
    return [*given]


def _functions_of(value: Any) -> list[Any]:
    """The functions behind an attribute of a class: a method, a property, one that something else wraps."""
    parts: list[Any] = [value]
    if isinstance(value, staticmethod | classmethod):
        parts = [value.__func__]
    elif isinstance(value, property):
        parts = [value.fget, value.fset]
    elif type(value) is not FunctionType:
        namespace = _namespace_of(value) or {}
        parts = [namespace.get("func"), namespace.get("__wrapped__")]
    return [inspect.unwrap(part) for part in parts if type(part) is FunctionType]


def _namespace_of(item: Any) -> dict[str, Any] | None:
    """The attributes that an object keeps, without asking what it answers for others."""
    if inspect.getattr_static(item, "__dict__", None) is None:
        return None
    namespace = getattr(item, "__dict__", None)
    return namespace if type(namespace) is dict else None


def _is_transform(function: Any) -> bool:
    """A function that `tg.grad` and its kind made: what it closes over is the user's."""
    rooms = ("tinygraph.transforms", "tinygraph.engine.record")
    return (function.__module__ or "").startswith(rooms) and function.__closure__ is not None


def refused_iterator(name: str, item: Any) -> Exception:
    """The error for an iterator that a function finds, or is given."""
    return refused(
        f"{name or 'an iterator'} is an iterator, a {type(item).__name__}: a program would use what it gave once at "
        "every call",
        "Ask it outside, and pass what it gives: step(next(batches)); draws belong to "
        "tinygraph.draws.uniform(generator, shape) or normal(generator, shape)",
    )


def state_of(generator: Any) -> Any:
    """The state of a random generator."""
    if isinstance(generator, np.random.Generator):
        # A generator that spawns others counts them, which cannot be taken back.
        return generator.bit_generator.state, getattr(generator.bit_generator.seed_seq, "n_children_spawned", 0)
    if isinstance(generator, np.random.RandomState):
        return generator.get_state(legacy=False)
    return generator.state if isinstance(generator, np.random.BitGenerator) else generator.getstate()


def set_state(generator: Any, state: Any) -> None:
    """Put a random generator back into a state."""
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state[0]
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    elif isinstance(generator, np.random.BitGenerator):
        generator.state = state
    else:
        generator.setstate(state)


def _same_state(one: Any, other: Any) -> bool:
    return pickle.dumps(one) == pickle.dumps(other)  # there are arrays in it


def _is_foreign(module: Any) -> bool:
    """Return whether a module is a library's, and none of tinygraph's."""
    return not followed(module) and not (isinstance(module, str) and module.partition(".")[0] == "tinygraph")


def _holds_for_a_library(kind: type) -> bool:
    """Return whether a user's class has attributes that only a library's methods name, as those of a `UserDict`."""
    return any(base.__module__ in _HOLDERS for base in kind.__mro__)


def _is_plain(value: Any) -> bool:
    """Return whether a value is an array that can be an argument of a program; a file that is mapped is one, too."""
    return type(value) in (np.ndarray, np.memmap) and value.dtype.kind in "fciub"


def _needs_no_place(value: Any) -> bool:
    return is_atom(value) or isinstance(value, FunctionType | Tensor | dict | list)


def _can_be_looked_into(value: Any) -> bool:
    if isinstance(value, dict | list | tuple | set | frozenset):
        return len(value) <= ITEMS and all(
            map(_can_be_looked_into, value.values() if isinstance(value, dict) else value)
        )
    return is_atom(value) or isinstance(value, FunctionType | MethodType) or is_value(value)


def _stands_for(now: Any, value: Any) -> bool:
    """Return whether what is there now was put there by `divert`."""
    from tinygraph.compiler.trace.traced import Traced

    if type(now) is Traced:
        return type(value) is np.ndarray and now._event.content is value
    if type(now) is tuple and type(value) is tuple and len(now) == len(value):
        return all(a is b or _stands_for(a, b) for a, b in zip(now, value, strict=True))
    return False
