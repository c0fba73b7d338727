"""Names of layers that were given none, as Keras numbers them: "dense", "dense_1"."""

from __future__ import annotations

from typing import Any

from tinygraph.nn.configured import spelt
from tinygraph.nn.module import Module

__all__ = ["keras_class", "keras_name", "name_layers", "unused"]


def name_layers(layers: list[Any]) -> list[Any]:
    """Name the layers that have no name: "dense", "dense_1", ... Returns the list."""
    taken = {layer.name for layer in layers if isinstance(layer, Module) and layer._name is not None}
    for layer in layers:
        if isinstance(layer, Module) and layer._name is None:
            layer.name = unused(keras_name(layer), taken)
            taken.add(layer.name)
            rename_weights(layer)
    return layers


def keras_class(module: Module) -> str:
    """Return the name of a module's class as Keras has it: that of a model made of symbols is "Functional"."""
    is_functional = getattr(module, "_calls", None) is not None and type(module).__name__ == "Model"
    return "Functional" if is_functional else type(module).__name__


def keras_name(layer: Module) -> str:
    """Return the name that Keras gives the first layer of a class: "dense" for a Dense."""
    return spelt(keras_class(layer))


def rename_weights(layer: Module) -> None:
    """Name the weights that a layer made before it had its name."""
    kind = f"{type(layer).__name__}."
    for tensor in layer.tensors().values():
        if tensor.name is not None and tensor.name.startswith(kind):
            tensor.name = f"{layer.name}.{tensor.name.removeprefix(kind)}"


def unused(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it if the name is taken."""
    number, found = 0, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
