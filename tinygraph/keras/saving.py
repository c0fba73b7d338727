"""Keras's functions for models in files. The files are those of `tinygraph.nn`, and end in ".safetensors"."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from tinygraph import nn
from tinygraph.keras.serialization import deserialize_keras_object, serialize_keras_object
from tinygraph.nn.arguments import also_known

__all__ = [
    "custom_object_scope",
    "deserialize_keras_object",
    "load_model",
    "load_weights",
    "register_keras_serializable",
    "save_model",
    "save_weights",
    "serialize_keras_object",
]

Thing = TypeVar("Thing")

custom_object_scope = also_known


def load_model(
    filepath: str | os.PathLike[str],
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,  # noqa: A002 - Keras's name
    safe_mode: bool = True,
) -> Any:
    """Make a model of a file: see `tinygraph.nn.load_model`.

    Args:
        filepath: of the file.
        custom_objects: classes and functions of your own, by name.
        compile: compile the model as it was.
        safe_mode: of Keras; no code comes from a file in any mode.
    """
    return nn.load_model(filepath, custom_objects, compile)


def save_model(model: Any, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model into a file: see `Model.save`."""
    model.save(filepath, overwrite=overwrite)


def load_weights(model: Any, filepath: str | os.PathLike[str]) -> None:
    """Give a model the weights of a file: see `tinygraph.nn.load_weights`."""
    nn.load_weights(model, filepath)


def save_weights(model: Any, filepath: str | os.PathLike[str]) -> None:
    """Write the weights of a model into a file: see `tinygraph.nn.save_weights`."""
    nn.save_weights(model, filepath)


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Thing], Thing]:
    """Return a decorator that lets a class or function of your own be found in files: see `tinygraph.nn.register`.

    Args:
        package, name: of Keras; the name here is that of the class.

    Raises:
        ValueError: `name` is another one than that of the class.
    """

    def register(thing: Thing) -> Thing:
        own = getattr(thing, "__name__", None)
        if name not in (None, own):
            raise ValueError(f"register_keras_serializable: {own} is found by its own name, not by {name!r}. Leave it")
        nn.register(thing)
        return thing

    return register
