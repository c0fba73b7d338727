"""Layers, losses, metrics, optimisers and the like as plain data in Keras's form, and back."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tinygraph.nn import activations
from tinygraph.nn.arguments import also_known, apart, registered
from tinygraph.nn.keras_files.reading import thing_of_keras
from tinygraph.nn.keras_files.writing import description_of

__all__ = ["deserialize_keras_object", "deserialize_named", "serialize_keras_object", "serialize_named"]

# The rooms of Keras that have classes other than layers. `thing_of_keras` reads those of the first three.
_OF_LAYERS = ("keras.initializers", "keras.regularizers", "keras.constraints")
_OF_TRAINING = ("keras.losses", "keras.metrics", "keras.optimizers", "keras.optimizers.schedules")


def serialize_keras_object(obj: Any) -> Any:
    """Return plain data that stand for an object, which `deserialize_keras_object` makes again.

    Args:
        obj: a layer, a model, a loss, a metric, an optimiser, a schedule, an initialiser, a regulariser, a constraint,
            an activation, a function or class of your own that is registered, numbers, texts, arrays, or a nest.

    Returns:
        For an object a dict with Keras's keys: "module", "class_name", "config" and "registered_name".

    Raises:
        TypeError: nothing plain stands for it.
    """
    if obj is None or isinstance(obj, bool | int | float | str):
        return obj
    if isinstance(obj, np.generic):
        return obj.item()
    if isinstance(obj, np.ndarray):
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": obj.dtype.name}}
    if isinstance(obj, tuple):
        return {"class_name": "__tuple__", "items": [serialize_keras_object(item) for item in obj]}
    if isinstance(obj, list):
        return [serialize_keras_object(item) for item in obj]
    if isinstance(obj, Mapping):
        return {key: serialize_keras_object(item) for key, item in obj.items()}
    if hasattr(obj, "modules"):
        with apart():  # within a get_config, whose own arguments may have the layer, too
            return description_of(obj)
    if hasattr(obj, "get_config") and not isinstance(obj, type):
        return _described(obj)
    name = _name_of_function(obj)
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": name}


def _name_of_function(function: Any) -> str:
    """Return the name of a registered function or of an activation.

    Raises:
        TypeError: it is neither.
    """
    name = str(getattr(function, "__name__", None))
    if registered().get(name) is function:
        return name
    try:
        return activations.serialize(function)
    except ValueError:
        raise TypeError(
            f"serialize_keras_object: {function!r} cannot be written as data. Register a function or class of your "
            "own, @tg.keras.saving.register_keras_serializable()"
        ) from None


def _described(obj: Any) -> dict[str, Any]:
    kind = type(obj)
    config = serialize_keras_object(obj.get_config())
    if registered().get(kind.__name__) is kind:
        return {
            "module": None,
            "class_name": kind.__name__,
            "config": config,
            "registered_name": f"Custom>{kind.__name__}",
        }
    for module in (*_OF_LAYERS, *_OF_TRAINING):
        room = importlib.import_module(f"tinygraph.{module}")
        names = [name for name in room.__all__ if getattr(room, name) is kind]
        if names:
            name = kind.__name__ if kind.__name__ in names else names[0]  # Keras's, where ours is another
            return {"module": module, "class_name": name, "config": _with_module(config), "registered_name": None}
    raise TypeError(
        f"serialize_keras_object: {kind.__name__} is no class of tinygraph.keras. Register your own, "
        "@tg.keras.saving.register_keras_serializable()"
    )


def _with_module(config: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of an optimiser whose schedule, if it has one, is described as Keras does."""
    rate = config.get("learning_rate")
    if not isinstance(rate, Mapping):
        return config
    return {**config, "learning_rate": {"module": "keras.optimizers.schedules", "registered_name": None, **rate}}


def serialize_named(item: Any, functions: Mapping[str, Any]) -> Any:
    """Return plain data that stand for an object, or the name that a function has among some."""
    name = str(getattr(item, "__name__", None))
    return name if functions.get(name) is item else serialize_keras_object(item)


def deserialize_named(config: Any, module: str, get: Callable[[str], Any], custom_objects: Any) -> Any:
    """Return the object of a room of Keras that plain data stand for, or the one that `get` returns for a name."""
    known = {"module": module, **config} if isinstance(config, Mapping) else config
    made = deserialize_keras_object(known, custom_objects)
    return get(made) if isinstance(made, str) else made


def deserialize_keras_object(
    config: Any, custom_objects: Mapping[str, Any] | None = None, safe_mode: bool = True
) -> Any:
    """Return the object that plain data stand for.

    Args:
        config: what `serialize_keras_object` returned, or a nest of it. An object that is made already is returned.
        custom_objects: classes and functions of your own, by name.
        safe_mode: of Keras; no code comes from data in any mode.

    Raises:
        ValueError: a class, a function or an argument is not known here.
    """
    if custom_objects:
        with also_known(custom_objects):
            return deserialize_keras_object(config)
    if isinstance(config, list):
        return [deserialize_keras_object(item) for item in config]
    if not isinstance(config, Mapping):
        return config
    if "class_name" not in config:
        return {key: deserialize_keras_object(item) for key, item in config.items()}
    kind, module = str(config["class_name"]), str(config.get("module"))
    own = registered().get(kind)
    cls = own if isinstance(own, type) and not hasattr(own, "modules") else None
    if cls is None and module in _OF_TRAINING:
        cls = getattr(importlib.import_module(f"tinygraph.{module}"), kind, None)
    if cls is None:
        return thing_of_keras(config)
    arguments = {key: deserialize_keras_object(item) for key, item in (config.get("config") or {}).items()}
    return cls.from_config(arguments) if hasattr(cls, "from_config") else cls(**arguments)
