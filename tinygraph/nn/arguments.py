"""The arguments of a layer as plain data, and a layer of its arguments: `get_config`, `from_config`.

A name stands for each class and function, `{"class": "Dense", "config": {...}}`. Only tinygraph's classes are found by
their name again, the functions of NumPy that the engine records, which read and write no files, and what the user
registers: no code comes from a file, and none of it is run.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygraph.engine.table import composition_of, is_plain, operation_of

# The rooms whose classes a saved model may name, each with the beginning of the names.
_ROOMS = {
    "": "nn",
    "initializers.": "nn.initializers",
    "regularizers.": "nn.regularizers",
    "constraints.": "nn.constraints",
    "keras.": "keras.in_use",
}

__all__ = [
    "Arguments", "Reference", "also_known", "config_of", "kept", "made_of", "noting", "plain_of", "register",
    "registered", "thing_of", "together",
]  # fmt: skip


class Arguments:
    """The arguments that an object was made with, and the shape of the batch that its weights were made for.

    Attributes:
        args, kwargs: the arguments.
        built_for: the shape of the batch, or a nest of shapes; None before.
        made: the attributes with names of arguments, as the constructor left them; None while it runs.

    No walk through the attributes of a module looks inside, neither for Tensors nor for what a compiled step compares:
    the layers read copies of their own.
    """

    __slots__ = ("args", "built_for", "kwargs", "made")
    is_opaque = True

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs
        self.built_for: Any = None
        self.made: dict[str, Any] | None = None


def kept(new: Callable[..., Any]) -> Any:
    """Return a `__new__` that keeps the arguments, as `_arguments` of the object."""

    @functools.wraps(new)
    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        thing = new(cls, *args, **kwargs)
        object.__setattr__(thing, "_arguments", Arguments(args, kwargs))
        return thing

    return make


def noting(init: Callable[..., Any]) -> Any:
    """Return an `__init__` that notes the attributes it leaves, so that those which are set later are known."""

    @functools.wraps(init)
    def make(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if "_arguments" in vars(self):
            self._arguments.made = _attributes_like_arguments(self)  # the outermost `__init__` is the last

    return make


def _attributes_like_arguments(thing: Any) -> dict[str, Any]:
    """Return the attributes of an object that have the names of its constructor's arguments."""
    kind: Any = type(thing)
    names = [*_parameters(kind), *thing._arguments.kwargs]
    return {name: vars(thing)[name] for name in names if name in vars(thing) and name not in _OF_THE_BASE}


@functools.cache
def _parameters(kind: Any) -> tuple[str, ...]:
    """Return the names of the arguments of a class."""
    return tuple(inspect.signature(kind.__init__).parameters)[1:]


# Arguments that `config_of` reads from the layer by itself, or that a layer may not change.
_OF_THE_BASE = ("name", "seed", "dtype", "trainable", "input_shape", "input_dim")

_registered: dict[str, Any] = {}


def register(thing: Any) -> Any:
    """Let a class of layers, or a function, of your own be found by its name in a saved model. Use as a decorator.

    Raises:
        ValueError: another class or function of this name is there.
    """
    name = thing.__name__
    if _registered.get(name, thing) is not thing or name in known_classes():
        raise ValueError(f"register: {name} is there already. Give the class another name")
    _registered[name] = thing
    return thing


def registered() -> dict[str, Any]:
    """Return the classes and functions that are registered, by name."""
    return dict(_registered)


@contextmanager
def also_known(things: Mapping[str, Any] | None) -> Iterator[None]:
    """Let further classes and functions be found by these names in the block."""
    before = dict(_registered)
    _registered.update(things or {})
    try:
        yield
    finally:
        _registered.clear()
        _registered.update(before)


@dataclass(frozen=True)
class Reference:
    """A number in plain data that stands for something which the data are about, such as a symbol of a network."""

    number: int


# --- objects that occur more than once --------------------------------------------------------------------------------


class _Together(threading.local):
    """The layers of the data that are written or read now: a layer that occurs twice is one layer again.

    Attributes:
        written: for each layer, by id, the layer and its data; None outside of `together`.
        read: the layers that were read, by the number that their data have.
    """

    def __init__(self) -> None:
        self.written: dict[int, tuple[Any, dict[str, Any]]] | None = None
        self.read: dict[int, Any] = {}


_together = _Together()


@contextmanager
def together() -> Iterator[None]:
    """Let a layer that occurs more than once in the block be one layer."""
    if _together.written is not None:
        yield
        return
    _together.written, _together.read = {}, {}
    try:
        yield
    finally:
        _together.written, _together.read = None, {}


@contextmanager
def apart() -> Iterator[None]:
    """Let the data of a layer that are written in the block be whole, whatever was written around it."""
    before = _together.written, _together.read
    _together.written, _together.read = None, {}
    try:
        yield
    finally:
        _together.written, _together.read = before


def config_of(thing: Any) -> dict[str, Any]:
    """Return the arguments of an object whose `_arguments` were kept, by name, as plain data.

    A layer's dtype, and whether it is trainable, are those that it has now. An attribute with the name of an argument
    that was set after the constructor is what it is now: `dropout.rate = 0.1`.
    """
    given = thing._arguments
    signature = inspect.signature(type(thing).__init__)
    bound = signature.bind(thing, *given.args, **given.kwargs)
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        elif kind is inspect.Parameter.VAR_POSITIONAL:
            raise TypeError(f"{type(thing).__name__}: *{name} cannot be written as data by name. Write get_config")
        else:
            found[name] = value
    made, now = given.made or {}, _attributes_like_arguments(thing)
    later = {name: value for name, value in now.items() if _differs(value, made.get(name, value))}
    if later:  # what followed from an argument then, strides from pool_size, may not follow from the new one
        bound.apply_defaults()
        derived = [name for name, value in bound.arguments.items() if value is None and now.get(name) is not None]
        later |= {name: now[name] for name in derived}
    found |= later
    with together():
        config = {name: plain_of(value, f"{type(thing).__name__}: {name}") for name, value in found.items()}
    if not hasattr(thing, "modules"):
        return {**config, "name": thing.name} if hasattr(thing, "name") else config
    takes_more = any([item.kind is inspect.Parameter.VAR_KEYWORD for item in signature.parameters.values()])
    current = {"name": thing.name, **_of_now(thing, config)}
    return {**config, **{key: value for key, value in current.items() if takes_more or key in signature.parameters}}


def _differs(now: Any, before: Any) -> bool:
    """Return whether an attribute was set since: to another object, or to a number or name that is not equal."""
    if isinstance(now, bool | int | float | str | tuple) and type(now) is type(before):
        return bool(now != before)
    return now is not before


def _of_now(layer: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dtype of a layer, if it has one, and whether it is trainable, if that needs to be said."""
    dtype = getattr(layer, "dtype", None)
    said = {"dtype": dtype.name} if isinstance(dtype, np.dtype) else {}
    return {**said, "trainable": layer.trainable} if "trainable" in config or not layer.trainable else said


def made_of(kind: Any, config: Mapping[str, Any]) -> Any:
    """Make an object of a class with arguments that `config_of` returned."""
    with together():
        return kind(**{name: thing_of(value) for name, value in config.items()})


# --- values -----------------------------------------------------------------------------------------------------------


def plain_of(value: Any, place: str = "value") -> Any:
    """Return plain data that stand for a value.

    Raises:
        TypeError: nothing plain stands for it. The message begins with `place`.
    """
    if isinstance(value, np.generic) and value.dtype.kind in "biuf":  # whose dtype may decide that of a result
        return {"number": plain_of(value.item(), place), "dtype": value.dtype.name}
    if isinstance(value, float) and not np.isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, list):
        return [plain_of(item, place) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [plain_of(item, place) for item in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): plain_of(item, place) for key, item in value.items()}}
    if isinstance(value, Reference):
        return {"place": value.number}
    if isinstance(value, slice):
        return {"slice": [plain_of(item, place) for item in (value.start, value.stop, value.step)]}
    if value is Ellipsis:
        return {"ellipsis": True}
    if isinstance(value, np.ndarray) and value.dtype.kind in "biuf":
        return {"array": plain_of(value.tolist(), place), "dtype": value.dtype.name, "shape": list(value.shape)}
    if isinstance(value, np.random.Generator):
        return None
    return _plain_object(value, place)


def _plain_object(value: Any, place: str) -> dict[str, Any]:
    if hasattr(value, "get_config") and not isinstance(value, type):
        name = _name_of_class(type(value))
        if found_class(name) is type(value) or (hasattr(value, "modules") and found_class(name) is None):
            return _plain_layer(value, name) if hasattr(value, "modules") else _described(value, name, place)
    called = _name_of_function(value)
    if called is None:
        raise TypeError(
            f"{place}: {value!r} cannot be written as data. Give the name of a function of tinygraph, or "
            "register your own, tg.nn.register"
        )
    return {"function": called}


def _described(value: Any, name: str, place: str) -> dict[str, Any]:
    config = {key: plain_of(item, f"{place}: {key}") for key, item in value.get_config().items()}
    return {"class": name, "config": config}


def _plain_layer(layer: Any, name: str) -> dict[str, Any]:
    """Return the data of a layer; at its second occurrence the number that its first data are given."""
    with together():
        assert _together.written is not None
        if id(layer) in _together.written:
            _, first = _together.written[id(layer)]
            return {"same": first.setdefault("id", 1 + sum(["id" in data for _, data in _together.written.values()]))}
        data = {"class": name, "config": layer.get_config()}
        _together.written[id(layer)] = layer, data
        return data


def thing_of(value: Any) -> Any:
    """Return the value that plain data stand for.

    Raises:
        ValueError: a class or a function is unknown here, or the data are no such data.
    """
    if isinstance(value, list):
        return [thing_of(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    for key, read in _READERS.items():
        if key in value:
            return read(value)
    raise ValueError(f"{str(dict(value))[:60]} stands for nothing: it is no data of a layer")


def _read_class(value: Mapping[str, Any]) -> Any:
    kind = found_class(value["class"])
    if kind is None or not hasattr(kind, "from_config"):
        raise ValueError(
            f"{value['class']} is no class of tinygraph. Register your own before the model is loaded, "
            "@tg.nn.register; or make the model in code, and load its weights alone, model.load_weights(path)"
        )
    if not hasattr(kind, "modules"):
        return kind.from_config({key: thing_of(item) for key, item in value["config"].items()})
    with together():
        made = kind.from_config(value["config"])
        if "id" in value:
            _together.read[value["id"]] = made
        return made


def _read_same(value: Mapping[str, Any]) -> Any:
    if value["same"] not in _together.read:
        raise ValueError("a layer is the same as one that is not there: the data were changed")
    return _together.read[value["same"]]


def _read_array(value: Mapping[str, Any]) -> Any:
    return np.array(thing_of(value["array"]), np.dtype(value["dtype"])).reshape(value["shape"])


_READERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "tuple": lambda value: tuple(thing_of(item) for item in value["tuple"]),
    "dict": lambda value: {key: thing_of(item) for key, item in value["dict"].items()},
    "float": lambda value: float(value["float"]),
    "number": lambda value: np.dtype(value["dtype"]).type(thing_of(value["number"])),
    "place": lambda value: Reference(int(value["place"])),
    "slice": lambda value: slice(*[thing_of(item) for item in value["slice"]]),
    "ellipsis": lambda value: Ellipsis,
    "array": _read_array,
    "function": lambda value: _function_of(value["function"]),
    "same": _read_same,
    "class": _read_class,
}


# --- names ------------------------------------------------------------------------------------------------------------


def known_classes() -> dict[str, Any]:
    """Return the classes of tinygraph that have a configuration, by name: "Dense", "initializers.Zeros"."""
    found: dict[str, Any] = {}
    for beginning, room in _ROOMS.items():
        module = sys.modules.get(f"tinygraph.{room}")
        items = [] if module is None else vars(module).items()
        kinds = {name: item for name, item in items if isinstance(item, type) and hasattr(item, "from_config")}
        found |= {f"{beginning}{name}": item for name, item in kinds.items()}
    return found


def _name_of_class(kind: type) -> str:
    """Return the name by which `found_class` finds a class of tinygraph; that of its own for others."""
    return next((name for name, item in known_classes().items() if item is kind), kind.__name__)


def found_class(name: Any) -> Any:
    """Return the class of a name, of tinygraph or registered; None where there is none."""
    if not isinstance(name, str):
        return None
    for beginning, room in _ROOMS.items():
        if beginning and name.startswith(beginning):
            importlib.import_module(f"tinygraph.{room}")  # one that nothing may have needed yet
    return _registered.get(name) or known_classes().get(name)


def _name_of_function(value: Any) -> str | None:
    """Return the name by which `_function_of` finds a function; None where it does not."""
    name = getattr(value, "__name__", None)
    if not isinstance(name, str):
        return None
    owner = getattr(value, "__self__", None)  # of np.add.reduce
    path = f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name
    for prefix in _HOMES:
        found = _found(f"{prefix}{path}")
        if found is value or (found is not None and isinstance(owner, np.ufunc) and found == value):
            return f"{prefix}{path}"
    return name if _registered.get(name) is value else None


def _function_of(name: Any) -> Any:
    if name in _registered:
        return _registered[name]
    found = _found(name) if isinstance(name, str) else None
    if found is None:
        raise ValueError(
            f"{name} is no function that a model may name: one of tinygraph, or one of NumPy that computes with "
            "arrays. Register your own before the model is loaded, tg.nn.register(function)"
        )
    return found


# The homes of functions, by the beginning of the names, each with the test of what may be named there.
_HOMES: dict[str, tuple[str, Callable[[str, Any], bool]]] = {
    "np.": ("numpy", lambda name, found: _is_recorded(found)),
    "np.linalg.": ("numpy.linalg", lambda name, found: _is_recorded(found)),
    "np.fft.": ("numpy.fft", lambda name, found: _is_recorded(found)),
    "tg.": ("tinygraph.functions", lambda name, found: name in sys.modules["tinygraph.functions"].__all__),
    "activations.": (
        "tinygraph.nn.activations",
        lambda name, found: (
            name in found_activations() or any([found is item for item in found_activations().values()])
        ),
    ),
    "symbolic.": ("tinygraph.nn.symbolic", lambda name, found: name in ("converted", "item_of")),
}


def found_activations() -> Mapping[str, Any]:
    """Return the activations by name."""
    return getattr(sys.modules.get("tinygraph.nn.activations"), "ACTIVATIONS", {})


def _found(name: str) -> Any:
    """Return the function of a name in a home, "np.linalg.norm"; None where a model may not name it."""
    for prefix, (home, may_be_named) in sorted(_HOMES.items(), reverse=True):  # the longer beginning first
        rest = name.removeprefix(prefix)
        if rest == name:
            continue
        ufunc, _, method = rest.partition(".")
        found = getattr(sys.modules.get(home), ufunc, None)
        if found is None or not may_be_named(ufunc, found):
            return None
        if not method:
            return found
        return getattr(found, method) if isinstance(found, np.ufunc) and method in _METHODS else None
    return None


_METHODS = ("reduce", "accumulate", "reduceat", "outer")


def _is_recorded(function: Any) -> bool:
    """Return whether the engine knows a function of NumPy: it computes with arrays, and does nothing else."""
    if isinstance(function, np.ufunc):
        return True
    if not callable(function) or isinstance(function, type):
        return False
    return operation_of(function) is not None or composition_of(function) is not None or is_plain(function)
