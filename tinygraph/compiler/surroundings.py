"""Surroundings: what a function finds outside its arguments, in globals, closures and attributes.

A program made from one run holds what the function found there that is not an array: settings, numbers, other
functions. So it must be known when one of them is another object than it was (the function is then compiled anew), and
when the function itself changed one, which the program would not repeat. Plain arrays among them become arguments.

What can be found is read from the code: from its global names, its closure, and the attributes that it names. Code of
NumPy, of the standard library and of tinygraph's engine is not followed; that of models and optimisers is.
"""

from __future__ import annotations

import dis
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Set
from types import CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any

import numpy as np

from tinygraph.tensor import Tensor

__all__ = ["Surroundings"]

MISSING: Any = type("Missing", (), {"__repr__": lambda self: "nothing"})()

# More than this is not followed: a table of data, not settings.
ITEMS = 4096
PLACES = 100_000

_ROOMS_FOLLOWED = ("tinygraph.nn", "tinygraph.optim", "tinygraph.training")
_NOT_FOLLOWED = frozenset((*sys.stdlib_module_names, "numpy", "scipy", "tinygraph", "pytest", "hypothesis", "_pytest"))
_ATOMS = (int, float, complex, bool, str, bytes, type(None), np.generic)


# Methods that a call of which the code names no name may reach. Those that make or print an object are none of them.
_CALLED_UNNAMED = frozenset((
    "__call__", "__getitem__", "__len__", "__iter__", "__next__", "__contains__", "__enter__", "__exit__",
    "__getattr__",
    "__add__", "__radd__", "__sub__", "__rsub__", "__mul__", "__rmul__", "__truediv__", "__rtruediv__", "__matmul__",
    "__rmatmul__", "__pow__", "__neg__", "__bool__", "__array__",
))  # fmt: skip


class Place:
    """Where a value was found: an entry of a namespace, a closure's cell, or an item of a list.

    Attributes:
        name: as one would write it: "model.rate".
        holder, key: the dict or list and the key in it; the cell and None.
        value: what was there.
    """

    __slots__ = ("holder", "key", "name", "value")

    def __init__(self, name: str, holder: Any, key: Any, value: Any) -> None:
        self.name = name
        self.holder = holder
        self.key = key
        self.value = value

    def now(self) -> Any:
        """What is there now."""
        holder = self.holder
        if type(holder) is _CELL:
            return _contents(holder)
        if isinstance(holder, list):
            return holder[self.key] if self.key < len(holder) else MISSING
        if isinstance(holder, dict | MappingProxyType):
            return holder.get(self.key, MISSING)
        return getattr(holder, self.key, MISSING)

    def put(self, value: Any) -> None:
        """Put a value there."""
        holder = self.holder
        if type(holder) is _CELL:
            holder.cell_contents = value
        elif isinstance(holder, MappingProxyType):
            return  # a class's settings, which are looked at only
        elif isinstance(holder, dict) and value is MISSING:
            holder.pop(self.key, None)
        elif isinstance(holder, dict | list):
            holder[self.key] = value
        elif value is MISSING:
            object.__delattr__(holder, self.key)
        else:
            object.__setattr__(holder, self.key, value)


_CELL = type((lambda x: lambda: x)(0).__closure__[0])  # type: ignore[index]


def _contents(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


class Surroundings:
    """The places that a function, and what it calls, can find values at.

    Args:
        function: the function.
        objects: other objects that it is given, with their names.
    """

    def __init__(self, function: Callable[..., Any], objects: dict[str, Any]) -> None:
        self.names: set[str] = set()
        known = -1
        while known != len(self.names):  # each walk may find code that names further attributes
            known = len(self.names)
            self.places: list[Place] = []
            self.containers: list[tuple[str, Any, Any]] = []
            self.tensors: dict[int, str] = {}
            self.generators: dict[int, tuple[str, Any]] = {}
            self._seen: dict[int, Any] = {}
            self._settings: dict[type, frozenset[str]] = {}
            waiting: list[tuple[Any, str]] = [(function, ""), *[(item, name) for name, item in objects.items()]]
            while waiting and len(self.places) < PLACES:
                item, name = waiting.pop()
                for place in self._look(item, name):
                    self.places.append(place)
                    waiting.append((place.value, place.name))
        self._guards = [(place, place.value) for place in self.places if not isinstance(place.value, ModuleType)]
        self._by_dict = [(p.holder, p.key, v) for p, v in self._guards if isinstance(p.holder, dict)]
        self._by_cell = [(p.holder, v) for p, v in self._guards if type(p.holder) is _CELL and v is not MISSING]
        cells = {id(cell) for cell, _ in self._by_cell}
        self._others = [(p, v) for p, v in self._guards if not isinstance(p.holder, dict) and id(p.holder) not in cells]
        self._lengths = [(holder, len(before)) for _, holder, before in self.containers if isinstance(holder, list)]
        self._states = {key: generator.bit_generator.state for key, (_, generator) in self.generators.items()}

    # --- the walk ---------------------------------------------------------------------------------------------------

    def _look(self, item: Any, name: str) -> Iterator[Place]:
        """The places inside a thing that has not been looked into."""
        if isinstance(item, _ATOMS) or id(item) in self._seen:
            return
        self._seen[id(item)] = item
        kind = type(item)
        if kind is FunctionType:
            yield from self._in_function(item, name)
        elif kind is MethodType:
            yield from self._look(item.__func__, name)
            yield from self._look(item.__self__, name.rpartition(".")[0] or "self")
        elif kind is Tensor:
            self.tensors[id(item)] = name
        elif isinstance(item, np.random.Generator):
            self.generators[id(item)] = (name, item)
        elif isinstance(item, np.ndarray):
            return
        elif isinstance(item, functools.partial):
            for part in (item.func, item.args, item.keywords):
                yield from self._look(part, name)
        elif isinstance(item, ModuleType):
            if _followed(item.__name__):
                yield from self._in_namespace(item.__dict__, name, self.names)
        elif isinstance(item, dict):
            if len(item) <= ITEMS:
                self.containers.append((name, item, dict(item)))
                for key, value in item.items():
                    yield Place(f"{name}[{key!r}]", item, key, value)
        elif isinstance(item, list | set):
            if len(item) <= ITEMS:
                self.containers.append((name, item, list(item)))
                for index, value in enumerate(item) if isinstance(item, list) else ():
                    yield Place(f"{name}[{index}]", item, index, value)
        elif isinstance(item, tuple):
            for index, value in enumerate(item[:ITEMS]):
                yield from self._look(value, f"{name}[{index}]")
        elif isinstance(item, type):
            if _followed(item.__module__):
                self._methods(item)
                yield from self._in_type(item, name)
        else:
            yield from self._in_object(item, name)

    def _in_function(self, function: Any, name: str) -> Iterator[Place]:
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            yield from self._look(wrapped, name)
        if not _followed(function.__module__ or "") and not _is_transform(function):
            return
        code = function.__code__
        variables, attributes = _names(code)
        self.names |= attributes
        for variable, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if variable not in ("__class__",):
                yield Place(variable, cell, None, _contents(cell))
        if _followed(function.__module__ or ""):
            yield from self._in_namespace(function.__globals__, "", variables)
        for value in function.__defaults__ or ():
            yield from self._look(value, name)
        for value in (function.__kwdefaults__ or {}).values():
            yield from self._look(value, name)

    def _in_namespace(self, namespace: dict[str, Any], prefix: str, names: Set[str]) -> Iterator[Place]:
        dot = f"{prefix}." if prefix else ""
        for key in names & namespace.keys():
            if not key.startswith("__"):
                yield Place(f"{dot}{key}", namespace, key, namespace[key])

    def _methods(self, kind: type) -> None:
        for base in kind.__mro__:
            if _followed(base.__module__):
                for key, value in vars(base).items():
                    function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
                    if type(function) is FunctionType and (key in self.names or key in _CALLED_UNNAMED):
                        self.names.update(_names(function.__code__)[1])

    def _in_type(self, kind: type, name: str) -> Iterator[Place]:
        """The functions and settings of a class that are named, with the globals of its methods."""
        for base in kind.__mro__:
            if not _followed(base.__module__):
                continue
            for key, value in vars(base).items():
                function = getattr(value, "__func__", None) or getattr(value, "fget", None) or value
                if type(function) is FunctionType and (key in self.names or key in _CALLED_UNNAMED):
                    yield from self._look(function, f"{name}.{key}")
                elif key in self.names and isinstance(value, (*_ATOMS, np.ndarray)):
                    # A class's namespace cannot be written to; that it is another object is seen all the same.
                    yield Place(f"{name}.{key}", vars(base), key, value)

    def _in_object(self, item: Any, name: str) -> Iterator[Place]:
        kind = type(item)
        if not _followed(kind.__module__) and kind.__module__ not in ("types", "functools", "dataclasses"):
            return
        if _followed(kind.__module__):
            self._methods(kind)
            yield from self._in_type(kind, name or kind.__name__)
        for base in kind.__mro__:
            slots = vars(base).get("__slots__", ())
            for slot in (slots,) if isinstance(slots, str) else slots:
                if slot in self.names and hasattr(item, slot):
                    yield Place(f"{name}.{slot}", item, slot, getattr(item, slot))
        namespace = getattr(item, "__dict__", None)
        if type(namespace) is dict:
            self.containers.append((name, namespace, dict(namespace)))
            dot = f"{name}." if name else ""
            for key, value in list(namespace.items()):
                if key in self.names or kind.__module__ == "types":
                    yield Place(f"{dot}{key}", namespace, key, value)
            # `self.training = False` hides what the class says, where the object said nothing itself.
            for key in self._settings_of(kind) - namespace.keys():
                yield Place(f"{dot}{key}", namespace, key, MISSING)

    def _settings_of(self, kind: type) -> frozenset[str]:
        """The attributes that are named and that objects of a class begin with."""
        if kind not in self._settings:
            self._settings[kind] = frozenset(
                [key for key in self.names if _is_setting(inspect.getattr_static(kind, key, MISSING))]
            )
        return self._settings[kind]

    # --- guards -----------------------------------------------------------------------------------------------------

    def hold(self) -> bool:
        """Whether everything is what it was when the function was compiled."""
        for holder, key, value in self._by_dict:
            now = holder.get(key, MISSING)
            if now is not value and not _equal(now, value):
                return False
        try:
            for cell, value in self._by_cell:
                now = cell.cell_contents
                if now is not value and not _equal(now, value):
                    return False
        except ValueError:  # it is empty
            return False
        for place, value in self._others:
            now = place.now()
            if now is not value and not _equal(now, value):
                return False
        return not self._lengths or all([len(holder) == length for holder, length in self._lengths])

    def changed(self) -> str:
        """What is not what it was, for a message."""
        for place, value in self._guards:
            now = place.now()
            if now is not value and not _equal(now, value):
                return f"{place.name} was {_short(value)} and is {_short(now)}"
        return "a list has another length"

    # --- while the function is traced -------------------------------------------------------------------------------

    def divert(self, stand_in: Callable[[Any, str], Any]) -> None:
        """Put stand-ins in the places of plain arrays, also inside tuples."""
        for place in self.places:
            instead = _replaced(place.value, place.name, stand_in)
            if instead is not place.value:
                place.put(instead)

    def restore(self) -> str | None:
        """Put everything back, and say what the function changed, or None.

        A list that it added to, an attribute that it set: each is as it was afterwards.
        """
        found: str | None = None
        for name, holder, before in self.containers:
            if isinstance(holder, dict):
                for key in [key for key in holder if key not in before]:
                    found = found or f"set {_joined(name, key)}"
                    del holder[key]
            elif len(holder) != len(before):
                found = found or f"changed the length of {name or 'a list'}"
                if isinstance(holder, set):
                    holder.clear()
                    holder.update(before)
                else:
                    holder[:] = before
        for place in self.places:
            now = place.now()
            if now is place.value:
                continue
            if not _stands_for(now, place.value):
                found = found or (
                    f"put another Tensor in the place of {place.name}, instead of updating it with assign()"
                    if type(now) is type(place.value) is Tensor
                    else f"changed {place.name} from {_short(place.value)} to {_short(now)}"
                )
            place.put(place.value)
        for key, (name, generator) in self.generators.items():
            if generator.bit_generator.state != self._states[key]:
                found = found or f"drew from {name or 'a generator'}"
                generator.bit_generator.state = self._states[key]
        return found


def _followed(module: str) -> bool:
    """Whether code of a module is the user's, or a model's, as opposed to a library's."""
    return module.startswith(_ROOMS_FOLLOWED) or module.partition(".")[0] not in _NOT_FOLLOWED


def _is_setting(value: Any) -> bool:
    """Whether an attribute of a class is a value that its objects begin with, as opposed to a method or a slot."""
    return value is not MISSING and not hasattr(type(value), "__get__")


def _is_transform(function: Any) -> bool:
    """A function that `tg.grad` and its kind made: what it closes over is the user's."""
    return function.__module__ in ("tinygraph.transforms", "tinygraph.record") and function.__closure__ is not None


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[frozenset[str], frozenset[str]]:
    """The names of globals, and those of attributes, that code, and the functions defined in it, uses."""
    variables: set[str] = set()
    attributes: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "STORE_NAME"):
            variables.add(step.argval)
        elif "ATTR" in step.opname or step.opname == "LOAD_METHOD":
            attributes.add(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            inner = _names(constant)
            variables |= inner[0]
            attributes |= inner[1]
        elif isinstance(constant, str) and constant.isidentifier():
            attributes.add(constant)  # getattr(x, "name")
    return frozenset(variables), frozenset(attributes)


def _replaced(value: Any, name: str, stand_in: Callable[[Any, str], Any]) -> Any:
    if type(value) is np.ndarray:
        return stand_in(value, name) if value.dtype.kind in "fciub" else value
    if type(value) is tuple:
        items = [_replaced(item, name, stand_in) for item in value]
        return tuple(items) if any(a is not b for a, b in zip(items, value, strict=True)) else value
    return value


def _stands_for(now: Any, value: Any) -> bool:
    """Whether what is there now was put there by `divert`."""
    from tinygraph.compiler.traced import Traced

    if type(now) is Traced:
        return type(value) is np.ndarray and now._step.content is value
    if type(now) is tuple and type(value) is tuple and len(now) == len(value):
        return all(a is b or _stands_for(a, b) for a, b in zip(now, value, strict=True))
    return False


def _equal(now: Any, value: Any) -> bool:
    """Whether two objects are the same setting: equal numbers and strings, of the same type."""
    if type(now) is not type(value):
        return False
    if isinstance(now, _ATOMS):
        return bool(now == value) or (now != now and value != value)
    if type(now) is tuple:
        return len(now) == len(value) and all(a is b or _equal(a, b) for a, b in zip(now, value, strict=True))
    if type(now) is MethodType:
        return now.__self__ is value.__self__ and now.__func__ is value.__func__
    return False


def _joined(name: str, key: Any) -> str:
    return f"{name}.{key}" if name else str(key)


def _short(value: Any) -> str:
    kind = "computed array" if type(value).__name__ == "Traced" else type(value).__name__
    text = repr(value) if isinstance(value, _ATOMS) or value is MISSING else f"a {kind}"
    return text if len(text) < 60 else text[:57] + "..."
