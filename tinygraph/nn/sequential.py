"""Sequential: layers one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygraph.elsewhere import checked
from tinygraph.nn.activations import ACTIVATIONS
from tinygraph.nn.module import Layer, Module

__all__ = ["Sequential"]


def _check_one_list(cls: type, *args: Any) -> None:
    if any(callable(item) for item in args):
        raise TypeError(f"{cls.__name__}: the layers are one list, not single arguments. Write {cls.__name__}([a, b])")


class Sequential(Layer):
    """Layers one after the other: the result of each layer is the input of the next.

    Args:
        layers: layers, other modules, and functions such as `np.tanh`. Layers without a name get a name here:
            "dense", "dense_1", ...
        name: see `Layer`.

    Attributes:
        layers: the list of layers.

    Raises:
        TypeError: a layer cannot be called.
    """

    def __init__(self, layers: Iterable[Callable[..., Any]] = (), name: str | None = None) -> None:
        super().__init__(name=name)
        layers = list(layers)
        for layer in layers:
            if isinstance(layer, type):
                raise TypeError(f"Sequential: {layer.__name__} is a class and no layer. Write {layer.__name__}(...)")
            if isinstance(layer, str) and layer in ACTIVATIONS and layer != "linear":
                raise TypeError(
                    f"Sequential: {layer!r} is no layer. Write the function, {_written(ACTIVATIONS[layer])}"
                )
            if not callable(layer):
                raise TypeError(f"Sequential: {layer!r} is no layer. Give a module, or a function such as np.tanh")
        taken = {layer.name for layer in layers if isinstance(layer, Module) and layer._name is not None}
        for layer in layers:
            if isinstance(layer, Module) and layer._name is None:
                layer.name = _unused(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(layer).__name__).lower(), taken)
                taken.add(layer.name)
        self.layers = layers

    if not TYPE_CHECKING:
        __new__ = checked(__init__, _check_one_list)

    def call(self, x: Any) -> Any:
        """See the class."""
        for layer in self.layers:
            x = layer(x)
        return x


def _written(activation: Callable[..., Any]) -> str:
    """Return the public name of an activation, "tg.relu"."""
    return f"{'np' if isinstance(activation, np.ufunc) else 'tg'}.{activation.__name__}"


def _unused(name: str, taken: set[str]) -> str:
    """Return the name, with a number behind it if the name is taken."""
    number, found = 0, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
