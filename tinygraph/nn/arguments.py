"""The arguments of a layer as plain data, and a layer of its arguments: `get_config`, `from_config`.

A name stands for each class and function, `{"class": "Dense", "config": {...}}`. Only classes and functions that
tinygraph and NumPy have are found by their name again, and those that the user registers: no code comes from a file.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# The rooms whose classes a saved model may name.
_ROOMS = ("nn", "nn.initializers", "nn.regularizers", "nn.constraints")

__all__ = ["Arguments", "config_of", "kept", "made_of", "plain_of", "register", "thing_of"]


class Arguments:
    """The arguments that an object was made with.

    No walk through the attributes of a module looks inside, neither for Tensors nor for what a compiled step compares:
    the layers read copies of their own.
    """

    __slots__ = ("args", "kwargs")
    is_opaque = True

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args = args
        self.kwargs = kwargs


def kept(new: Callable[..., Any]) -> Any:
    """Return a `__new__` that keeps the arguments, as `_arguments` of the object."""

    @functools.wraps(new)
    def make(cls: type, *args: Any, **kwargs: Any) -> Any:
        thing = new(cls, *args, **kwargs)
        object.__setattr__(thing, "_arguments", Arguments(args, kwargs))
        return thing

    return make


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


def config_of(thing: Any) -> dict[str, Any]:
    """Return the arguments of an object whose `_arguments` were kept, by name, as plain data."""
    given = thing._arguments
    bound = inspect.signature(type(thing).__init__).bind(thing, *given.args, **given.kwargs)
    found: dict[str, Any] = {}
    for name, value in list(bound.arguments.items())[1:]:
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found.update(value)
        else:
            found[name] = value
    config = {name: plain_of(value, f"{type(thing).__name__}: {name}") for name, value in found.items()}
    return {**config, "name": thing.name} if hasattr(thing, "name") else config


def made_of(kind: Any, config: Mapping[str, Any]) -> Any:
    """Make an object of a class with arguments that `config_of` returned."""
    return kind(**{name: thing_of(value) for name, value in config.items()})


def plain_of(value: Any, place: str = "value") -> Any:
    """Return plain data that stand for a value.

    Raises:
        TypeError: nothing plain stands for it. The message begins with `place`.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return np.dtype(value).name
    if isinstance(value, list):
        return [plain_of(item, place) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [plain_of(item, place) for item in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): plain_of(item, place) for key, item in value.items()}}
    if isinstance(value, np.random.Generator):
        return None
    name = getattr(type(value), "__name__", "")
    if hasattr(value, "get_config") and found_class(name) is type(value):
        return {"class": name, "config": value.get_config()}
    called = _name_of_function(value)
    if called is None:
        raise TypeError(
            f"{place}: {value!r} cannot be written as data. Give the name of a function of tinygraph, or "
            "register your own, tg.nn.register"
        )
    return {"function": called}


def thing_of(value: Any) -> Any:
    """Return the value that plain data stand for.

    Raises:
        ValueError: a class or a function is unknown here.
    """
    if isinstance(value, list):
        return [thing_of(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if "tuple" in value:
        return tuple(thing_of(item) for item in value["tuple"])
    if "dict" in value:
        return {key: thing_of(item) for key, item in value["dict"].items()}
    if "function" in value:
        return _function_of(value["function"])
    kind = found_class(value["class"])
    if kind is None:
        raise ValueError(
            f"{value['class']} is no class of tinygraph. Register your own before the model is loaded, "
            "@tg.nn.register; or make the model in code, and load its weights alone"
        )
    return kind.from_config(value["config"])


# --- names ------------------------------------------------------------------------------------------------------------


def known_classes() -> dict[str, Any]:
    """Return the classes of tinygraph that have a configuration, by name."""
    found: dict[str, Any] = {}
    for room in _ROOMS:
        module = sys.modules.get(f"tinygraph.{room}")
        items = [] if module is None else vars(module).items()
        found |= {name: item for name, item in items if isinstance(item, type) and hasattr(item, "from_config")}
    return found


def found_class(name: str) -> Any:
    """Return the class of a name, of tinygraph or registered; None where there is none."""
    return _registered.get(name) or known_classes().get(name)


def _name_of_function(value: Any) -> str | None:
    name = getattr(value, "__name__", None)
    if not isinstance(name, str):
        return None
    for home, prefix in _homes():
        if getattr(home, name, None) is value:
            return f"{prefix}{name}"
    return name if _registered.get(name) is value else None


def _homes() -> list[tuple[Any, str]]:
    names = {
        "tg.": "tinygraph.functions",
        "activations.": "tinygraph.nn.activations",
        "symbolic.": "tinygraph.nn.symbolic",
    }
    return [(np, "np."), *[(sys.modules.get(name), prefix) for prefix, name in names.items()]]


def _function_of(name: str) -> Any:
    if name in _registered:
        return _registered[name]
    for home, prefix in _homes():
        if name.startswith(prefix) and callable(getattr(home, name.removeprefix(prefix), None)):
            return getattr(home, name.removeprefix(prefix))
    raise ValueError(f"{name} is no function of tinygraph or NumPy. Register your own before the model is loaded")
